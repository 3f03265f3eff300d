"""What flow, fills and other markets say about quoting a market."""
