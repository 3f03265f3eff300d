"""How much of a holding takers can still take from us before the end, as far as that is sure enough.

Takers arrive at random, so what they bring is far from sure when few of them are left to come. Of m expected arrivals
hardly ever fewer than (sqrt(m) - c / 2)^2 come, c standard deviations below (Anscombe's transform of a Poisson count).
Where flow is thin, or comes from one side only, that is the bound on what may be held, whatever a market's age allows.
It has the form of the best there is: dynamic programming over net and time left, with takers whose rate is known, finds
bounds that do not depend on the net and that this meets within a few shares for c = 4 (ADR 0017).

The rate of takers is one of both directions together, and so is their size: a direction has its part of it, which a
dozen takers say little of. What is believed before any are seen counts as some seconds and takers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from common.bots import Inventory, Unwind
from common.clock import NS_PER_MS, NS_PER_S
from common.instruments import Instrument

from quoter.signals.others import OwnLevels
from quoter.signals.share import Offer, taker_fee

ONE_TAKER_NS = 20 * NS_PER_MS
"""Fills of one side that follow each other so closely are one taker's, who went through several of our levels."""
SIZE_MAX = 100
"""Shares of one taker that count at most: a large one now does not make the next ones large."""
SIZE_TAKERS, SIDE_TAKERS = 20.0, 10.0
"""Takers for which the believed size counts; takers of each direction for which it counts that both are alike."""
FEW = 3.0
"""Expected takers: with fewer than 3 the chance that nobody comes is more than 5 %."""
FADE_S = 900.0
"""In which half of what was seen is forgotten; markets that live for minutes forget next to nothing."""
SHOWN_FACTOR = 2.0
"""How many times what others have shown at a bearable price counts: half of it, because it may be gone when it is
wanted, at each of four of the orders that take from it near the end, because it is shown again."""
SHOWN_HALF_LIFE_S = 10.0
"""Of the mean of what others show: their quotes come and go all the time, and the bound should not."""
STEP = 5
"""Shares: the reach is told in multiples of this, so that it does not move quotes all the time."""


class Reach(NamedTuple):
    """Shares of net that will surely find a taker: when long YES, and when short."""

    long: float = math.inf
    short: float = math.inf
    long_comes: bool = True
    """Whether anybody is likely to come at all who brings a long net down."""
    short_comes: bool = True
    others_bid: float = 0.0
    """The best bid for YES of others, as a price; 0 when nobody else bids near fair value."""
    others_ask: float = 0.0

    def of(self, net: int) -> float:
        """Return the one that concerns a net of this sign; for 0 the lesser of both."""
        if net == 0:
            return min(self.long, self.short)
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


@dataclass(slots=True)
class Comers:
    """Who has taken from our quotes in one market."""

    sold: Arrivals = field(default_factory=Arrivals)
    """Those we sold YES to, or bought NO from: they bring a long net down."""
    bought: Arrivals = field(default_factory=Arrivals)
    own: OwnLevels = field(default_factory=OwnLevels)
    seen_s: float = 0.0
    """Time over which they were seen, faded like the rest."""
    _looked_ns: int = 0
    _shown: tuple[float, float] = (0.0, 0.0)
    _shown_ns: int = 0

    def on_fill(self, towards_yes: int, now_ns: int) -> None:
        """Take in a fill of a resting order: shares by which the net has grown, negative when it fell."""
        (self.bought if towards_yes > 0 else self.sold).on_fill(abs(towards_yes), now_ns)

    def update(self, now_ns: int) -> None:
        """Let time pass while our quotes stand; it counts from the first taker on: a quiet market moves no quotes."""
        if self._looked_ns and (self.sold.count or self.bought.count):
            passed_s = max(0, now_ns - self._looked_ns) / NS_PER_S
            kept = 0.5 ** (passed_s / FADE_S)
            self.seen_s = self.seen_s * kept + passed_s
            self.sold.fade(kept)
            self.bought.fade(kept)
        self._looked_ns = now_ns

    def mean_shown(self, shown: Reach, now_ns: int) -> Reach:
        """Take in what others show now; return it with the means of what they have shown lately."""
        passed_s = (now_ns - self._shown_ns) / NS_PER_S if self._shown_ns else 0.0
        kept = 0.5 ** (max(0.0, passed_s) / SHOWN_HALF_LIFE_S)
        long, short = self._shown
        self._shown = kept * long + (1.0 - kept) * shown.long, kept * short + (1.0 - kept) * shown.short
        self._shown_ns = now_ns
        return shown._replace(long=self._shown[0], short=self._shown[1])

    def rest(self, now_ns: int) -> None:
        """Let time pass while nothing of ours stands: that nobody comes then says nothing."""
        self._looked_ns = now_ns

    def surely(self, side: Arrivals, left_s: float, inventory: Inventory) -> float:
        """Return the shares that takers of a direction, one of our two, will surely bring in the time left.

        They are (max(0, sqrt(m) - c / 2))^2 x size for m expected ones. Example: of 7.41 expected takers of 40 shares
        and with a caution of 4 surely 0.521 come, 21 shares.
        """
        count = self.sold.count + self.bought.count
        shares = self.sold.shares + self.bought.shares + SIZE_TAKERS * inventory.flow_prior_size
        root = math.sqrt(self.expected(side, left_s, inventory)) - inventory.flow_caution / 2.0
        return root * root * shares / (count + SIZE_TAKERS) if root > 0.0 else 0.0

    def expected(self, side: Arrivals, left_s: float, inventory: Inventory) -> float:
        """Return how many takers of a direction come in the time left on average.

        The first taker starts the clock and does not count for the rate. Example: 7 takers in 100 s, 2 of them of this
        direction, and a prior of 6 a minute and direction for 20 s: (6 + 4) / 120 s, of which (2 + 10) / (7 + 20) are
        of this direction, 0.0370 a second; with 200 s left 7.41.
        """
        count, prior_s = self.sold.count + self.bought.count, inventory.flow_prior_s
        watched_s = self.seen_s + prior_s
        prior = 2.0 * inventory.flow_prior_per_min / 60.0 * prior_s
        rate = (max(0.0, count - 1.0) + prior) / watched_s if watched_s > 0.0 else 0.0
        part = (side.count + SIDE_TAKERS) / (count + 2.0 * SIDE_TAKERS)
        return rate * part * max(0.0, left_s)

    def reach(self, left_s: float, inventory: Inventory, shown: Reach, tolerance: int) -> Reach:
        """Return the net that may be held with `left_s` seconds of quoting left.

        `shown` is what others' quotes offer a way out for, and their best prices; of what takers leave over,
        `tolerance` shares are left alone. It is never less than `end_net`, which may be left when the market ends.
        """
        if inventory.flow_caution <= 0.0:
            return UNBOUNDED
        sides = (self.sold, shown.long), (self.bought, shown.short)
        long, short = (
            max(inventory.end_net, tolerance + self.surely(side, left_s, inventory)) + SHOWN_FACTOR * lots
            for side, lots in sides
        )
        come = [self.expected(side, left_s, inventory) >= FEW or lots >= 1.0 for side, lots in sides]
        long, short = (STEP * math.floor(each / STEP) for each in (long, short))
        return shown._replace(long=long, short=short, long_comes=come[0], short_comes=come[1])


def bearable(offers: Iterable[Offer], fair: float, yes: Instrument, *, selling: bool, unwind: Unwind) -> int:
    """Return the lots that others offer to take, or to give, at a price that crossing would pay near the end."""
    lots, cost = 0, 0.0
    for offer in offers:
        price = offer.yes_ticks / yes.max_ticks
        per_share = (fair - price if selling else price - fair) + taker_fee(price, unwind.taker_fee)
        if per_share > unwind.max_cross_cost or cost >= unwind.cross_budget:
            break
        lots += offer.lots
        cost += yes.value(offer.lots, max(0.0, per_share))
    return lots
