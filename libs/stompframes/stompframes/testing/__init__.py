"""Frames at random and a client by hand: for tests and benchmarks, never in production."""
