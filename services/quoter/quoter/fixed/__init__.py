"""What to quote at a fixed distance from the middle of the venue's own book: shares and coins."""
