"""How much of a holding those who come can still take from us before the end, as far as that is sure enough.

Takers arrive at random, so what they bring is far from sure when few of them are left to come. Of m expected arrivals
hardly ever fewer than (sqrt(m) - c / 2)^2 come, c standard deviations below (Anscombe's transform of a Poisson count).
While many are still to come, less caution will do: who stays away early is made up for by adding less. Where flow is
thin, or comes from one side only, that is the bound on what may be held, whatever a market's age allows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from common.bots import Inventory, Unwind
from common.clock import NS_PER_MS, NS_PER_S

from quoter.crossing import Offer, taker_fee

ONE_TAKER_NS = 20 * NS_PER_MS
"""Fills of one side that follow each other so closely are one taker's, who went through several of our levels."""
SIZE_MAX = 40
"""Shares of one taker that count at most: a large one now does not make the next ones large."""
FEW, CAUTION_MIN = 4.0, 0.5
"""Up to so many expected takers caution is in full force; of many more, this part of it."""
FADE_S = 900.0
"""In which half of what was seen is forgotten; markets that live for minutes forget next to nothing."""
BOOK_SHARE = 0.5
"""Of what others show at a bearable price, the part that is counted on: it may be gone when it is wanted."""
STEP = 5
"""Shares: the reach is told in multiples of this, so that it does not move quotes all the time."""


class Reach(NamedTuple):
    """Shares of net that will surely find a taker: when long YES, and when short."""

    long: float = math.inf
    short: float = math.inf

    def of(self, net: int) -> float:
        """Return the one that concerns a net of this sign; for 0 the lesser of both."""
        if net == 0:
            return min(self)
        return self.long if net > 0 else self.short


UNBOUNDED = Reach()


@dataclass(slots=True)
class Arrivals:
    """Takers of one direction."""

    count: float = 0.0
    shares: float = 0.0
    last_ns: int = -ONE_TAKER_NS
    last_shares: int = 0

    def on_fill(self, lots: int, now_ns: int) -> None:
        if now_ns - self.last_ns >= ONE_TAKER_NS:
            self.count += 1.0
            self.last_shares = 0
        counted = min(lots, SIZE_MAX - self.last_shares)
        self.shares += counted
        self.last_shares += counted
        self.last_ns = now_ns

    def fade(self, kept: float) -> None:
        self.count *= kept
        self.shares *= kept

    def surely(self, seen_s: float, left_s: float, inventory: Inventory) -> float:
        """Return the shares that will surely come in the time left; a prior stands in for what was not seen yet.

        Example: 6 takers of 20 shares in 160 s, a prior of 3 a minute for 40 s: 8 in 200 s. With 100 s left 4 are
        expected, and with a caution of 3.2 surely (2 - 1.6)^2 = 0.16 of them, 3 shares; with 400 s left 16, for which
        .625 of the caution is enough, so that (4 - 1)^2 = 9 come, 180 shares.
        """
        prior_s, size = inventory.flow_prior_s, inventory.flow_prior_size
        prior = inventory.flow_prior_per_min / 60.0 * prior_s
        rate = (self.count + prior) / (seen_s + prior_s) if seen_s + prior_s > 0.0 else 0.0
        each = (self.shares + prior * size) / (self.count + prior) if self.count + prior > 0.0 else 0.0
        expected = rate * max(0.0, left_s)
        caution = inventory.flow_caution
        if expected > FEW:
            caution *= CAUTION_MIN + (1.0 - CAUTION_MIN) * FEW / expected
        root = math.sqrt(expected) - caution / 2.0
        return root * root * each if root > 0.0 else 0.0


@dataclass(slots=True)
class Comers:
    """Who has taken from our quotes in one market."""

    sold: Arrivals = field(default_factory=Arrivals)
    """Those we sold YES to, or bought NO from: they bring a long net down."""
    bought: Arrivals = field(default_factory=Arrivals)
    seen_s: float = 0.0
    """Time over which they were seen, faded like the rest."""
    _looked_ns: int = 0

    def on_fill(self, towards_yes: int, now_ns: int) -> None:
        """Take in a fill of a resting order: shares by which the net has grown, negative when it fell."""
        (self.bought if towards_yes > 0 else self.sold).on_fill(abs(towards_yes), now_ns)

    def look(self, now_ns: int) -> None:
        """Let time pass while our quotes stand; it counts from the first taker on: a quiet market moves no quotes."""
        if self._looked_ns and (self.sold.count or self.bought.count):
            passed_s = max(0, now_ns - self._looked_ns) / NS_PER_S
            kept = 0.5 ** (passed_s / FADE_S)
            self.seen_s = self.seen_s * kept + passed_s
            self.sold.fade(kept)
            self.bought.fade(kept)
        self._looked_ns = now_ns

    def rest(self, now_ns: int) -> None:
        """Let time pass while nothing of ours stands: that nobody comes then says nothing."""
        self._looked_ns = now_ns

    def reach(self, left_s: float, inventory: Inventory, shown: Reach, tolerance: int) -> Reach:
        """Return the net that may be held with so many seconds of quoting left.

        `shown` is what others' quotes offer a way out for; `tolerance` is what may be left over in the end.
        """
        if inventory.flow_caution <= 0.0:
            return UNBOUNDED
        found = [
            tolerance + side.surely(self.seen_s, left_s, inventory) + BOOK_SHARE * lots
            for side, lots in ((self.sold, shown.long), (self.bought, shown.short))
        ]
        return Reach(*(STEP * math.floor(each / STEP) for each in found))


def bearable(offers: Iterable[Offer], fair: float, ticks_per_unit: int, *, selling: bool, unwind: Unwind) -> int:
    """Return the shares that others offer to take, or to give, at a price that crossing would pay near the end."""
    lots, cost = 0, 0.0
    for offer in offers:
        price = offer.yes_ticks / ticks_per_unit
        per_share = (fair - price if selling else price - fair) + taker_fee(price, unwind.taker_fee)
        if per_share > unwind.max_cross_cost or cost >= unwind.cross_budget:
            break
        lots += offer.lots
        cost += max(0.0, per_share) * offer.lots
    return lots
