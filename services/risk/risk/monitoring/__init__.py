"""What is looked at all the time: limits, losses, reconciliation, and what is told of it."""
