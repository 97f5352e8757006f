"""Live patrols: who is on the way now, for who coordinates his areas, while he looks."""
