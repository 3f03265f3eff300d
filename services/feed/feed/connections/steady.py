"""Numbers of a venue that only go forward, kept from being led astray by a single wild one."""

from __future__ import annotations

from common.clock import NS_PER_S

LEAP_MAX = 100_000_000
"""Further than this no count moves between two messages of one connection."""
FUTURE_MAX_NS = 3_600 * NS_PER_S
"""A stamp further ahead of our clock than any clock is off says nothing."""


class Steady:
    """The greatest number seen. One that is far from it counts only when the next one is near it."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._leap: int | None = None

    def news(self, number: int) -> bool:
        """Take a number in; False when it is not above the last one, or leaps for the first time."""
        if self.last is None or abs(number - self.last) <= LEAP_MAX:
            self._leap = None
            if self.last is not None and number <= self.last:
                return False
        elif self._leap is None or abs(number - self._leap) > LEAP_MAX:
            self._leap = number
            return False
        self.last, self._leap = number, None
        return True


def sober_stamp(ts_event_ns: int, now_ns: int) -> int:
    """Return a venue's stamp; 0, for none, in place of one that lies in the future."""
    return ts_event_ns if ts_event_ns <= now_ns + FUTURE_MAX_NS else 0
