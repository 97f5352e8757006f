"""The SQL of services."""
