"""Order entry: sessions, keys, what clients send and every way to refuse it."""
