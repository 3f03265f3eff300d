"""Time as the platform sees it: wall-clock nanoseconds that never jump within a process."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SECONDS_PER_YEAR = 365 * 24 * 3600


class Clock(Protocol):
    """Anything that tells the time in ns since the epoch."""

    def now_ns(self) -> int: ...


class AnchoredClock:
    """Read the wall clock once and let the monotonic clock carry it on.

    A step of the system clock (NTP, a person, a suspended machine) would otherwise make fresh inputs look stale
    or stale ones fresh. `drift_ns` says how far the wall clock has moved away since the anchor was taken.
    """

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        return time.monotonic_ns() + self._offset_ns

    def drift_ns(self) -> int:
        return time.time_ns() - self.now_ns()


class ManualClock:
    """A clock that moves only when told; simulations and tests own it."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance_to(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time does not run backwards"
        self._now_ns = now_ns
