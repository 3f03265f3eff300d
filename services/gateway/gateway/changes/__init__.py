"""What people change: configurations, corrections, and orders to admin ports."""
