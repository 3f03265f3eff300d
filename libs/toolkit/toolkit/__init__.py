"""The one command: set up, start, watch, stop, test and measure the platform."""
