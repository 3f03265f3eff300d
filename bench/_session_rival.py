"""A rival at the venue: he quotes around the true probability, late, whatever he holds, and never takes.

He looks every so often and sees what was true a while ago; how long ago is his own and drawn from the seed. His prices
are rounded outwards to the cent, and what would trade at once is refused to him as to everybody who only rests.
"""

from __future__ import annotations

import math
from itertools import count

import numpy as np
from _session_venue import EXPIRY_NS, OPEN_NS, RIVAL, Schedule, Venue
from _session_world import LIFE_S, NS_PER_S
from exchange.market.money import PRICE_TICKS_MAX, PRICE_TICKS_MIN, TICKS_PER_DOLLAR
from exchange.market.refusals import Refusal
from exchange.market.trading import Ticket

HALF_SPREADS = {"1c": 1.0, "2c": 2.0}
"""By name, in ticks."""
LEVELS, SIZE = 2, 100
LOOK_NS = 200_000_000
LATE_NS = (100_000_000, 400_000_000)
"""The truth he sees is older than the first of these and not older than the second."""
LIFE_NS = LIFE_S * NS_PER_S


class Rival:
    """One of the makers beside ours."""

    def __init__(self, venue: Venue, schedule: Schedule, half_spread_ticks: float, seed: int, market: int) -> None:
        self._venue, self._schedule, self._half_ticks = venue, schedule, half_spread_ticks
        random = np.random.default_rng([seed, market, 3])
        self._late_ns = int(random.integers(*LATE_NS))
        self._begins_ns = OPEN_NS + int(random.integers(LOOK_NS))
        self._ids = count(1)
        self._quoted: tuple[list[int], list[int]] = ([], [])

    def start(self) -> None:
        """Come some moment after the opening; stay until the end."""
        self._schedule.at(self._begins_ns, self._look)

    def quotes(self, truth: float) -> tuple[list[int], list[int]]:
        """Return his bids and asks in YES ticks, best first: 0.503 and 1 tick are bids of 49, 48 and asks of 52, 53."""
        ticks = TICKS_PER_DOLLAR * truth
        bid, ask = math.floor(ticks - self._half_ticks), math.ceil(ticks + self._half_ticks)
        bids = [price for price in range(bid, bid - LEVELS, -1) if price >= PRICE_TICKS_MIN]
        asks = [price for price in range(ask, ask + LEVELS) if price <= PRICE_TICKS_MAX]
        return bids, asks

    def _look(self) -> None:
        now_ns = self._schedule.now_ns
        if now_ns >= EXPIRY_NS:
            return
        wanted = self.quotes(self._venue.world.truth(now_ns - OPEN_NS - self._late_ns))
        open_orders = self._venue.exchange.ledger.account(RIVAL).open_orders
        if wanted != self._quoted or len(open_orders) < sum(map(len, wanted)):
            self._quoted = wanted
            self._venue.act(lambda: self._requote(*wanted))
        self._schedule.at(now_ns + LOOK_NS, self._look)

    def _requote(self, bids: list[int], asks: list[int]) -> None:
        """Cancel all, then place all: what of it would trade at once is not taken."""
        exchange, now_ns = self._venue.exchange, self._schedule.now_ns
        trading, account, market = exchange.trading, exchange.ledger.account(RIVAL), self._venue.market
        trading.cancel_where(account, lambda order: True, "requested", now_ns)
        for outcome, prices in (("yes", bids), ("no", [TICKS_PER_DOLLAR - price for price in asks])):
            for price in prices:
                ticket = Ticket(next(self._ids), market.id, "bid", outcome, price, SIZE, post_only=True)  # type: ignore[arg-type]
                try:
                    trading.place(account, ticket, now_ns)
                except Refusal:
                    continue
