"""How many messages an account may still send: one bucket, with parts of it kept back for what matters more."""

from __future__ import annotations

from enum import Enum

NS_PER_S = 1_000_000_000


class Use(Enum):
    """What a message is for; the value is the share of the bucket that must be left for more urgent uses."""

    CANCEL = 0.0
    HEDGE = 0.25
    QUOTE = 0.5

    kept: float
    """The value, as an attribute: every pass asks for it."""

    def __init__(self, kept: float) -> None:
        self.kept = kept


class Budget:
    """A token bucket of messages, refilled at a constant rate."""

    def __init__(self, messages_per_s: float, burst: float) -> None:
        assert messages_per_s >= 0, "a rate is 0 or more"
        assert burst >= 1 or not messages_per_s, "a budget needs room for one message, unless it is none at all"
        self.messages_per_s, self.burst = messages_per_s, burst
        self._tokens = burst
        self._at_ns: int | None = None
        self.refused = 0

    def left(self, use: Use, now_ns: int) -> float:
        """Return how many messages this use may still send now."""
        if self._at_ns is None:
            self._at_ns = now_ns
        elif now_ns > self._at_ns:
            elapsed_s = (now_ns - self._at_ns) / NS_PER_S
            self._tokens = min(self.burst, self._tokens + elapsed_s * self.messages_per_s)
            self._at_ns = now_ns
        left = self._tokens - self.burst * use.kept
        return left if left > 0.0 else 0.0

    def take(self, use: Use, messages: int, now_ns: int) -> bool:
        """Take messages out of the bucket, or none of them when they are not there."""
        if self.left(use, now_ns) < messages:
            self.refused += messages
            return False
        self._tokens -= messages
        return True
