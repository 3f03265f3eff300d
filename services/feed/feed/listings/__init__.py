"""The markets a venue lists, and their life."""
