"""Venues played by hand, for tests of adapters; never in production."""
