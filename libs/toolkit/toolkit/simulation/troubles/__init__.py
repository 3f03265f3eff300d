"""What a run goes through: how each trouble begins, and how it ends."""
