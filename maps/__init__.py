"""Rendering: values in; HTML, pictures and styles out. No query, no network."""
