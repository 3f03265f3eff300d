"""The REST side of the venue, path by path."""
