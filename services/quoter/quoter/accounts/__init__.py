"""Several accounts in one process."""
