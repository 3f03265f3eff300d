"""Commitments: what a bot wants to quote, the difference to what rests, the last check, and the venue's session."""
