"""Bytes from numbers: pictures, videos and meshes; no state, no clock, no files, no network."""
