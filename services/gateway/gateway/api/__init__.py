"""The gateway's doors: REST, tokens, the live stream and the page."""
