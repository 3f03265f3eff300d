"""What people see of the quoter, and what they order there."""
