"""Time as the platform sees it: wall-clock nanoseconds that never jump within a process."""

from __future__ import annotations

import time
from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
SECONDS_PER_YEAR = 365 * 24 * 3600

STEP_NS = 500 * NS_PER_MS
"""A wall clock further away than this was stepped: no bounded slew catches up, the process has to restart."""
SLEW_PPM_MAX = 5_000
"""Ours runs at most so much faster or slower than the monotonic clock while it follows: 5 ms in a second."""
SLEW_OVER_S = 2
"""In about this time a small difference is made up."""


class Clock(Protocol):
    """Anything that tells the time in ns since the epoch."""

    def now_ns(self) -> int: ...


class AnchoredClock:
    """Read the wall clock once and let the monotonic clock carry it on.

    A step of the system clock (NTP, a person, a suspended machine) would otherwise make fresh inputs look stale
    or stale ones fresh. `follow`, called every now and then, lets it run a little faster or slower towards the wall
    clock, never backwards; what is too far for that is `stepped`. `drift_ns` says how far the wall clock is away.
    """

    def __init__(self) -> None:
        self._from_ns = time.monotonic_ns()
        self._at_ns = time.time_ns()
        self._ppm = 0

    def now_ns(self) -> int:
        elapsed_ns = time.monotonic_ns() - self._from_ns
        return self._at_ns + elapsed_ns + elapsed_ns * self._ppm // 1_000_000

    def drift_ns(self) -> int:
        return time.time_ns() - self.now_ns()

    @property
    def stepped(self) -> bool:
        return abs(self.drift_ns()) >= STEP_NS

    def follow(self) -> None:
        """Run towards the wall clock from here on, within the bound; a step is not followed."""
        monotonic_ns, now_ns = time.monotonic_ns(), self.now_ns()
        drift_ns = time.time_ns() - now_ns
        self._from_ns, self._at_ns = monotonic_ns, now_ns
        wanted_ppm = drift_ns // (1_000 * SLEW_OVER_S)
        self._ppm = 0 if abs(drift_ns) >= STEP_NS else max(-SLEW_PPM_MAX, min(SLEW_PPM_MAX, wanted_ppm))


class ManualClock:
    """A clock that moves only when told; simulations and tests own it."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns

    def advance_to(self, now_ns: int) -> None:
        assert now_ns >= self._now_ns, "time does not run backwards"
        self._now_ns = now_ns
