"""What currencies are worth, all in one session: prices of pairs are ratios of these values."""
