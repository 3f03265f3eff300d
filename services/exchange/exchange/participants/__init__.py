"""Simulated customers and rivals."""
