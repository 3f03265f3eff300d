"""Which exposure is hedged, by how much and where: what risk decides, and what it knows of hedges that are open."""
