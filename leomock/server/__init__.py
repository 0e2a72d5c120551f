"""The HTTP server. Starlette and uvicorn are imported only here."""
