"""The books of record: what may be booked, what is booked, and how it is kept."""
