"""Compare two sets of OpenAPI documents: what changed, and for whom it is breaking."""
