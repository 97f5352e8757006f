"""The morning: what is new, due, quiet and reported in a scope, on one page."""
