"""Real spot venues, reached through the signing, parsing and error tables that the package ccxt maintains."""
