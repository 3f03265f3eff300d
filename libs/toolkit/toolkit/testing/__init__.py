"""Servers and whole platforms for tests and benchmarks; never in production."""
