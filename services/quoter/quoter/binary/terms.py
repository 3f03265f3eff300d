"""What the orders of a YES/NO market have to obey, with its pair of outcomes and its grid of prices below 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from common.clock import NS_PER_S
from common.instruments import OutcomePair

from quoter.orders.terms import Terms


class Grid(NamedTuple):
    """The prices a market knows: `tick_size` x 1 up to `tick_size` x (ticks_per_unit - 1)."""

    tick_size: float
    ticks_per_unit: int


@dataclass(frozen=True, slots=True)
class BinaryTerms(Terms):
    """The terms of a market that ends and pays 1 for one of its outcomes."""

    expiry_ns: int
    """Venue time."""
    pair: OutcomePair
    grid: Grid

    @property
    def life_s(self) -> float:
        return (self.expiry_ns - self.open_ns) / NS_PER_S

    def seconds_left(self, venue_now_ns: int) -> float:
        return (self.expiry_ns - venue_now_ns) / NS_PER_S

    def elapsed(self, venue_now_ns: int) -> float:
        """Return the fraction of the market's life that is over, 0 to 1."""
        life_ns = self.expiry_ns - self.open_ns
        return min(1.0, max(0.0, (venue_now_ns - self.open_ns) / life_ns)) if life_ns > 0 else 1.0


def binary_terms(terms: Terms) -> BinaryTerms:
    """Return the terms of a market that is binary."""
    yes, no, expiry_ns = terms.instrument, terms.opposite, terms.expiry_ns
    assert no is not None and expiry_ns is not None, "a binary market has two outcomes and an end"
    grid = Grid(float(yes.tick_size), yes.max_ticks)
    return BinaryTerms(
        terms.symbol,
        terms.series,
        terms.status,
        yes,
        no,
        terms.open_ns,
        expiry_ns,
        terms.underlying,
        terms.fees,
        OutcomePair(yes, no),
        grid,
    )
