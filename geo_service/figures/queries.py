"""The SQL of figures."""
