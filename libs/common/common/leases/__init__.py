"""One holder per role: leases, their epochs, and whom a reader still listens to."""
