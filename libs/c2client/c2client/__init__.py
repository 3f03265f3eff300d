"""A typed client of the C2 market maker API."""
