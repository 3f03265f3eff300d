"""A platform told by events, and stand-ins for what surrounds the gateway: for tests, never in production."""
