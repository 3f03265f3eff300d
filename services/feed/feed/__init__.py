"""Public data of every venue, one venue at a time, with its own doubts stated."""
