"""Knows OpenAPI; nothing of state or HTTP."""
