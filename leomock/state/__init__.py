"""One tenant's state, independent of OpenAPI, HTTP and files."""
