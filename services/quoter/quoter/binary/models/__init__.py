"""Where a quote should lie when something is held: the published models, as plain formulas."""
