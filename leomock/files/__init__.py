"""Read and write the user's files: scenarios, saved state and recordings."""
