"""What to quote around the price of other exchanges, and what to take from those who quote worse: spot instruments."""
