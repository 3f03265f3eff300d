"""Ready-made values for tests of several services: for tests, never in production."""
