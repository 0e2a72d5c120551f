"""Measure leomock against a bare uvicorn app on the same machine, in the same run."""
