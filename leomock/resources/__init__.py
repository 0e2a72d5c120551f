"""One module per document, one function per operation."""
