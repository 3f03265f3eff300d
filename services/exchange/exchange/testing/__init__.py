"""A venue in memory: for tests and simulations, never in production."""
