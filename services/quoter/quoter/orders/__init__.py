"""The own orders of an account: what rests, what should, what is held, and what may be sent."""
