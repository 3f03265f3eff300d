"""Markets, books, accounts and money of the venue."""
