"""Plates with a code at places, the public page behind each, and the check-ins that they make possible."""
