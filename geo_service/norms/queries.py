"""The SQL of norms."""
