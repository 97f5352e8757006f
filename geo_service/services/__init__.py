"""Activities without a track: who, when, where, hours, people served, evidence."""
