"""Voices of the past: a holder whose lease has passed on is not listened to any more."""

from __future__ import annotations

SENDERS_MAX = 10_000
"""Roles times keys; there are a handful."""


class Fence:
    """The highest lease epoch heard from each role and key."""

    def __init__(self) -> None:
        self._epochs: dict[tuple[str, str], int] = {}
        self.refused = 0

    def passes(self, role: str, key: str, epoch: int) -> bool:
        """Say whether an event is from the newest holder we know of, and remember a newer one."""
        known = self._epochs.get((role, key), 0)
        if epoch < known:
            self.refused += 1
            return False
        if epoch > known and len(self._epochs) < SENDERS_MAX:
            self._epochs[role, key] = epoch
        return True
