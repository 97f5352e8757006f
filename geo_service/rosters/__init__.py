"""Rosters and registers of offices: places by name, people and duties from one table, and back again."""
