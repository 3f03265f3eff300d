"""A quoter beside a venue made of scripts: for tests and rehearsals, never in production."""
