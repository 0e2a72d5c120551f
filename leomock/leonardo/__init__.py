"""Facts about the real service, as data. Imports nothing else from leomock."""
