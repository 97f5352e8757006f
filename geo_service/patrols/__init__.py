"""Recordings in, patrols stored."""
