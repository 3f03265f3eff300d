"""A rival at the target: he quotes around the true price, late, whatever he holds, and neither hedges nor takes."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
from _session_venue import Schedule
from _spot_market import BEGIN_NS, END_NS, RIVAL, Target
from exchange.market.refusals import Refusal
from exchange.spot.orders import SpotTicket

HALF_SPREAD_BPS, COINS = 6.0, 0.3
LOOK_NS = 500_000_000
LATE_NS = (300_000_000, 600_000_000)
"""The price he sees is older than the first of these and not older than the second."""


class Rival:
    """The maker beside ours."""

    def __init__(self, venue: Target, schedule: Schedule, seed: int, hour: int) -> None:
        self._venue, self._schedule = venue, schedule
        random = np.random.default_rng([seed, hour, 5])
        self._late_ns = int(random.integers(*LATE_NS))
        self._begins_ns = BEGIN_NS + int(random.integers(LOOK_NS))
        self._ids = count(1)
        self._quoted = (0, 0)

    def start(self) -> None:
        """Come some moment after the beginning; stay until the end."""
        self._schedule.at(self._begins_ns, self._look)

    def _look(self) -> None:
        now_ns = self._schedule.now_ns
        if now_ns >= END_NS:
            return
        price = self._venue.world.yen(now_ns - BEGIN_NS - self._late_ns) / float(self._venue.terms.tick)
        away = price * HALF_SPREAD_BPS * 1e-4
        wanted = math.floor(price - away), math.ceil(price + away)
        rests = self._venue.exchange.ledger.account(RIVAL).open_orders
        if wanted != self._quoted or len(rests) < len(wanted):
            self._quoted = wanted
            self._requote(*wanted)
        self._schedule.at(now_ns + LOOK_NS, self._look)

    def _requote(self, bid_ticks: int, ask_ticks: int) -> None:
        """Cancel both, then place both; one that would trade at once is not taken."""
        venue, now_ns = self._venue, self._schedule.now_ns
        account, terms = venue.exchange.ledger.account(RIVAL), venue.terms
        lots = round(COINS / float(terms.lot))
        venue.exchange.trading.cancel_where(account, lambda order: True, "requested", now_ns)
        for side, ticks in (("bid", bid_ticks), ("ask", ask_ticks)):
            venue.spot.provide(account, terms, side, ticks, lots, now_ns)  # type: ignore[arg-type]
            ticket = SpotTicket(next(self._ids), terms.symbol, side, ticks, lots, post_only=True)  # type: ignore[arg-type]
            try:
                venue.spot.place(account, ticket, now_ns)
            except Refusal:
                continue
        venue.tell([])
