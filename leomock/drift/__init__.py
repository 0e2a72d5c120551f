"""What changed between two sets of OpenAPI documents, whom it breaks, and what of this project it touches."""
