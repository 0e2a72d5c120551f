"""The page at `/`: what the fake sees, live, and how to steer it."""
