"""A tiny venue and a script runner: whole stories of a quoter told in events, for tests and benchmarks."""
