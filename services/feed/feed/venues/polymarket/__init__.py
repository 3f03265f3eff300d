"""Polymarket's public data: its stream, its lists of markets, its rolling series."""
