"""Risk on a bench, and ready-made events for it: for tests, never in production."""
