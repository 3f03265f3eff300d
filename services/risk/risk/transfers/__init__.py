"""Rebalancing: which money is sent between our accounts so that each has what it should."""
