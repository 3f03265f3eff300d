"""Imports the client library as the quoter does, before a test imports it in its own way and changes the process."""

import quoter.venues.polymarket.signing.library  # noqa: F401
