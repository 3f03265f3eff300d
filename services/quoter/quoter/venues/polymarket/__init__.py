"""Polymarket: orders over REST, their news over the user channel."""
