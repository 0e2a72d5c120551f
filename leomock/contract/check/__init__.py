"""`leomock check`: schemathesis and probes against a running server."""
