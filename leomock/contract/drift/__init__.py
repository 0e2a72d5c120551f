"""Compare two sets of OpenAPI documents: what changed, and what the changes break."""
