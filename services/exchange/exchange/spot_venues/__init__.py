"""Named spot venues: each an exchange of its own under its own path, its books kept around one world of prices."""
