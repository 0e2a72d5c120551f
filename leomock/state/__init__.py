"""One tenant's memory. Knows nothing of OpenAPI, HTTP or files."""
