"""The whole platform in one process on a manual clock: the same cores, an in-memory bus and wire, one seed."""
