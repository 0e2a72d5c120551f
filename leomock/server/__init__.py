"""Speaks HTTP: Starlette lives here and nowhere else."""
