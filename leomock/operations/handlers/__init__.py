"""The handlers: one module per document, one function per operation."""
