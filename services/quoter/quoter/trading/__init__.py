"""From an input to orders at the venue: one pass over one market, and what the venue says of it."""
