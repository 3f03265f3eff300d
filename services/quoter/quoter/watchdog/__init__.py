"""The quoter's watchdog: a second small process with a key that can only cancel."""
