"""Tiny venues that speak the documented messages of those behind ccxt, and misbehave when told."""
