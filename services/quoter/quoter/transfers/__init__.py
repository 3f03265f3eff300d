"""Money sent from our accounts to others of ours: what is asked of the venue, once, and what becomes of it."""
