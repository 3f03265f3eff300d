"""The last minutes of each quoted market, for the chart: fair value inside our bid and ask."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SAMPLE_PERIOD_MS = 1_000
POINTS_MAX = 600
"""Ten minutes at one point a second: a whole 5-minute market and its listing."""
LINES_MAX = 1_000
"""Markets remembered; the one that fell silent first goes first."""


class Point(NamedTuple):
    """One moment of one market, prices of a YES share; None where there was nothing."""

    ts_ms: int
    fair: float | None
    bid: float | None
    ask: float | None


class History:
    """Points by (algo_id, venue, symbol), oldest first."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str, str], deque[Point]] = {}

    def take(self, key: tuple[str, str, str], point: Point) -> None:
        """Add a point to a market's line."""
        line = self._lines.pop(key, None)
        if line is None:
            line = deque(maxlen=POINTS_MAX)
            if len(self._lines) >= LINES_MAX:
                del self._lines[next(iter(self._lines))]
        self._lines[key] = line
        line.append(point)

    def line(self, key: tuple[str, str, str]) -> list[Point]:
        """Return the points of one market."""
        return list(self._lines.get(key, ()))

    def forget_market(self, venue: str, symbol: str) -> None:
        """Drop the lines of a market that is over."""
        for key in [key for key in self._lines if key[1:] == (venue, symbol)]:
            del self._lines[key]
