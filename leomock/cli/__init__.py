"""The `leomock` command."""
