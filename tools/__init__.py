"""Programs for the people who work on leomock; not part of the package."""
