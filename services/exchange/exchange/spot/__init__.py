"""Spot symbols of the venue: one currency bought with another."""
