"""The version of leomock."""

__version__ = "0.1.0"
