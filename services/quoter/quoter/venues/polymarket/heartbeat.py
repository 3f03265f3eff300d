"""Polymarket's dead-man switch: without a heartbeat for ten seconds the venue cancels everything of the account."""

from __future__ import annotations

from collections.abc import Callable

from common.clock import NS_PER_MS

from quoter.venues.conversation import Script
from quoter.venues.polymarket.rest import PolymarketRest

BEAT_MS = 5_000
BEAT_AGAIN_MS = 1_000
BEAT_FRESH_MS = 8_000
"""A heartbeat sent longer ago, counted from its sending, no longer vouches for the switch."""
BEAT_DEAD_MS = 10_000
"""The venue has cancelled everything by then."""


class Heartbeat:
    """When the last heartbeat was sent and when the last one that was taken."""

    def __init__(self, rest: PolymarketRest, now_ns: Callable[[], int]) -> None:
        self._rest, self._now_ns = rest, now_ns
        self._id = ""
        self._sent_ns = self._taken_ns = 0

    def fresh(self, now_ns: int) -> bool:
        """Say whether the venue would cancel our orders if we fell silent, as it confirmed lately."""
        return self._taken_ns > 0 and now_ns - self._taken_ns <= BEAT_FRESH_MS * NS_PER_MS

    def dead(self, now_ns: int) -> bool:
        """Say whether the venue has cancelled everything."""
        return now_ns - self._taken_ns > BEAT_DEAD_MS * NS_PER_MS

    def due(self, now_ns: int) -> bool:
        """Say whether one is to be sent; one that was not taken is sent again soon, two in a row cost everything."""
        pause_ms = BEAT_MS if self._taken_ns == self._sent_ns else BEAT_AGAIN_MS
        return now_ns - self._sent_ns >= pause_ms * NS_PER_MS

    def beat(self) -> Script[None]:
        """Send one."""
        self._sent_ns = sent_ns = self._now_ns()
        beat_id = yield from self._rest.beat(self._id)
        if beat_id is not None:
            self._id = beat_id
            self._taken_ns = max(self._taken_ns, sent_ns)
