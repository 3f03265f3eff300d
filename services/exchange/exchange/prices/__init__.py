"""Where the prices of the underlyings come from, and the Binance-shaped streams."""
