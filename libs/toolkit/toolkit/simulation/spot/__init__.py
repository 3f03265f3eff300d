"""Named spot venues in the simulation, the spot bots that quote there, and what must hold for them."""
