"""Markouts: what a fill was worth some time after it, by side, against our own fair value at that time.

The markout of a share bought at x is V(t + h) - x, of one sold x - V(t + h): positive when it earned. It is the edge at
the fill, how far x was from V(t), less the adverse move V(t) - V(t + h), which has no mean unless those who trade with
us know something. Only the adverse move says how far to stand back; the edge is what we asked for it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from common.bots import MARKOUT_HORIZONS_S
from common.clock import NS_PER_MS, NS_PER_S

JOINED_NS = 50 * NS_PER_MS
"""Fills of one side of a market within this are one: an order that takes three levels knows what it knows once."""
PENDING_MAX = 10_000
"""Fills that wait for one horizon; with more the oldest is not judged."""


class QuoteSide(IntEnum):
    """Which of our quotes was taken, in YES terms: the bid when YES was bought or NO sold."""

    BID = 1
    ASK = -1


@dataclass(slots=True)
class Pending:
    """A fill that waits for its horizons."""

    symbol: str
    series: str
    side: QuoteSide
    fair: float
    """At the fill."""
    edge: float
    """Per share, at the fill."""
    shares: float
    at_ns: int


class Mark(NamedTuple):
    """Averages over the fills of one side of a series at one horizon, per share."""

    markout: float
    adverse: float
    error: float
    """Standard error of `adverse`; infinite for a single fill."""
    shares: float
    """Weight that has not faded yet."""
    fills: int
    """Counted since the start, whatever has faded."""


@dataclass(slots=True)
class Average:
    """Sums weighted by shares, which fade with age."""

    weight: float = 0.0
    squared_weight: float = 0.0
    edge: float = 0.0
    adverse: float = 0.0
    squared_adverse: float = 0.0
    fills: int = 0
    at_ns: int = 0

    def add(self, edge: float, adverse: float, shares: float, now_ns: int, half_life_s: float) -> None:
        self._fade(now_ns, half_life_s)
        self.weight += shares
        self.squared_weight += shares * shares
        self.edge += shares * edge
        self.adverse += shares * adverse
        self.squared_adverse += shares * adverse * adverse
        self.fills += 1

    def mark(self, now_ns: int, half_life_s: float) -> Mark:
        """Return the averages as of now; those of nothing are 0."""
        self._fade(now_ns, half_life_s)
        if self.weight <= 0.0:
            return Mark(0.0, 0.0, math.inf, 0.0, self.fills)
        adverse = self.adverse / self.weight
        # Kish: the fills of equal weight that would say as much.
        effective = self.weight * self.weight / self.squared_weight
        spread = max(0.0, self.squared_adverse / self.weight - adverse * adverse)
        error = math.sqrt(spread / (effective - 1.0)) if effective > 1.0 + 1e-9 else math.inf
        return Mark((self.edge - self.adverse) / self.weight, adverse, error, self.weight, self.fills)

    def _fade(self, now_ns: int, half_life_s: float) -> None:
        if now_ns > self.at_ns:
            kept = 0.5 ** ((now_ns - self.at_ns) / NS_PER_S / half_life_s)
            self.weight *= kept
            self.squared_weight *= kept * kept
            self.edge *= kept
            self.adverse *= kept
            self.squared_adverse *= kept
            self.at_ns = now_ns


@dataclass(slots=True)
class Markouts:
    """The fills of one bot and what became of them, by series and side at every horizon."""

    missed: int = 0
    """Fills that were not judged at a horizon: no fresh fair value then, or too many waiting."""
    _due: tuple[deque[Pending], ...] = field(
        default_factory=lambda: tuple(deque[Pending]() for _ in MARKOUT_HORIZONS_S)
    )
    _last: dict[tuple[str, QuoteSide], Pending] = field(default_factory=dict)
    _averages: dict[tuple[str, QuoteSide], tuple[Average, ...]] = field(default_factory=dict)

    def on_fill(
        self, symbol: str, series: str, side: QuoteSide, price: float, fair: float, shares: float, now_ns: int
    ) -> None:
        """Take in a fill at a price against the fair value of its moment, both of a YES share."""
        edge = side * (fair - price)
        last = self._last.get((symbol, side))
        if last is not None and now_ns - last.at_ns <= JOINED_NS:
            # Still one object in every queue: no horizon is as short as this.
            last.edge = (last.edge * last.shares + edge * shares) / (last.shares + shares)
            last.shares += shares
            return
        pending = Pending(symbol, series, side, fair, edge, shares, now_ns)
        self._last[symbol, side] = pending
        for queue in self._due:
            queue.append(pending)
            if len(queue) > PENDING_MAX:
                queue.popleft()
                self.missed += 1

    def update(self, now_ns: int, fair_of: Callable[[str], float | None], half_life_s: float) -> None:
        """Judge every fill that is due by the fair value of now; None where there is no fresh one."""
        for place, horizon_s in enumerate(MARKOUT_HORIZONS_S):
            queue, due_ns = self._due[place], now_ns - round(horizon_s * NS_PER_S)
            while queue and queue[0].at_ns <= due_ns:
                pending = queue.popleft()
                if place == 0 and self._last.get((pending.symbol, pending.side)) is pending:
                    del self._last[pending.symbol, pending.side]
                fair = fair_of(pending.symbol)
                if fair is None:
                    self.missed += 1
                    continue
                adverse = pending.side * (pending.fair - fair)
                found = self._averages.setdefault(
                    (pending.series, pending.side), tuple(Average() for _ in MARKOUT_HORIZONS_S)
                )
                found[place].add(pending.edge, adverse, pending.shares, now_ns, half_life_s)

    def mark(self, series: str, side: QuoteSide, horizon_s: float, now_ns: int, half_life_s: float) -> Mark | None:
        """Return what fills of a side of a series have come to at one of MARKOUT_HORIZONS_S; None before the first."""
        found = self._averages.get((series, side))
        return found[MARKOUT_HORIZONS_S.index(horizon_s)].mark(now_ns, half_life_s) if found else None

    def marks(self, now_ns: int, half_life_s: float) -> Iterator[tuple[str, QuoteSide, float, Mark]]:
        """Yield series, side, horizon and averages of everything judged so far."""
        for (series, side), found in sorted(self._averages.items()):
            for horizon_s, average in zip(MARKOUT_HORIZONS_S, found, strict=True):
                yield series, side, horizon_s, average.mark(now_ns, half_life_s)
