"""The C2 market maker API as it goes over the wire."""
