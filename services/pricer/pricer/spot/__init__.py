"""The source price of spot bots: books of several venues, aggregated by size and converted into the bot's currency."""
