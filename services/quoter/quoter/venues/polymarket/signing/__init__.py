"""Orders as Polymarket takes them, and the keys that sign them."""
