"""Several processes behind one port: `leomock serve --workers`.

The parent accepts connections and passes each to the worker that owns the first request's API key. A worker
that gets a request for another worker's key asks that worker over a Unix socket.
"""
