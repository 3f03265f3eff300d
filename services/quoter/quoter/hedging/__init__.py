"""Hedge parents as their holder works them: which child is sent where, at which price, and what becomes of it."""
