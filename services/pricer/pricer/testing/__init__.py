"""A pricer on a bench: for tests, never in production."""
