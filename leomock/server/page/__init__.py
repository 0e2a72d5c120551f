"""The page at `/`: a live view of the fake, with controls."""
