"""The stores that must not be lost: are they the ones we knew, whole, and of the generation we knew?"""

STANDS_STILL = "stands still, see ./mm resume"
"""Begins what a service says of itself while its stores are not those it knew."""
