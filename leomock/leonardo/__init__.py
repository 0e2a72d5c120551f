"""What is known about the real service, as data. Imports nothing else from leomock."""
