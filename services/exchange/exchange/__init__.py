"""The simulated venue: another party, with its own books, money, ids and clock."""
