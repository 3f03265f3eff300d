"""Money sent from an account at the Degen Terminal to another venue."""
