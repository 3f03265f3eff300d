"""One platform on this machine: started, watched, stopped."""
