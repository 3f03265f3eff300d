"""Spot bots: positions and exposures, statistics, cutoffs, limits and the loss of the day."""
