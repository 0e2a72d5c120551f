"""Compare two sets of OpenAPI documents: what changed, and for whom the change is breaking."""
