"""What a commit must pass, and how fast it is."""
