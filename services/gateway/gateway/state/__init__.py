"""The newest word of every service on every number, and the documents people see."""
