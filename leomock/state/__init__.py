"""Remembers; knows nothing of specs, HTTP or files."""
