"""What a person asks of a running platform from the command line."""
