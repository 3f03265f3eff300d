"""What is looked at all the time: limits, losses, reconciliation, and the alerts of it."""
