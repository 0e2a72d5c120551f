"""The HTTP server. Starlette and httptools are imported only here."""
