"""Takers of one venue: noise that reaches less often the further from the price, and some who know it in advance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from exchange.market.lifecycle import NEVER_NS
from exchange.market.orders import Side
from exchange.market.refusals import Refusal
from exchange.spot.orders import SpotTicket
from exchange.spot.symbols import Symbol
from exchange.spot.terms import PPM
from exchange.spot.trading import SpotTrading
from exchange.spot_venues.depth import TAKER_ACCOUNT
from exchange.spot_venues.settings import TakerSettings
from exchange.world.values import Vector
from exchange.world.world import NS_PER_S, World

NS_PER_MS: Final = 1_000_000
BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class TakenSymbol:
    """A symbol that takers trade, and how often."""

    name: str
    per_s: float


class VenueTakers:
    """Customers with an immediate order each; nobody among them waits."""

    def __init__(
        self, spot: SpotTrading, world: World, settings: TakerSettings, symbols: Sequence[TakenSymbol], seed: str
    ) -> None:
        self.spot, self.world, self.settings = spot, world, settings
        self._taken = tuple(symbols)
        self._per_s = sum(each.per_s for each in self._taken)
        self._random = Random(f"{seed}/takers")
        self._due_ns = NEVER_NS

    def start(self, now_ns: int) -> None:
        self.world.start(now_ns)
        self._due_ns = now_ns + self._wait_ns()

    def next_due_ns(self) -> int:
        return self._due_ns

    def sit_out(self, now_ns: int) -> None:
        """Let everybody's turn that has come pass."""
        while self._due_ns <= now_ns:
            self._due_ns += self._wait_ns()

    def advance(self, now_ns: int) -> None:
        """Trade for everybody who is due."""
        while self._due_ns <= now_ns:
            # Always the same number of draws, so that the state of a book does not shift the fate of the others.
            (chosen,) = self._random.choices(self._taken, [each.per_s for each in self._taken])
            side: Side = "bid" if self._random.random() < 0.5 else "ask"
            reach = self._random.expovariate(1.0) * self.settings.reach_bps / BPS
            size = self.settings.value_median * self._random.lognormvariate(0.0, self.settings.value_sigma)
            informed = self._random.random() < self.settings.informed_share
            self.world.advance(now_ns)
            symbol = self.spot.trading.symbols[chosen.name]
            terms = symbol.terms
            if self.world.knows(terms.base, now_ns) and self.world.knows(terms.quote, now_ns):
                if informed:
                    self._take_what_pays(symbol, size, now_ns)
                else:
                    self._take(symbol, side, self._limit(symbol, side, reach, now_ns), size, now_ns)
            self._due_ns += self._wait_ns()

    def _wait_ns(self) -> int:
        # One clock for all symbols: the sum of Poisson processes is one of the sum of their rates.
        return NEVER_NS if self._per_s <= 0 else max(1, int(self._random.expovariate(self._per_s) * NS_PER_S))

    def _limit(self, symbol: Symbol, side: Side, away: float, now_ns: int) -> int:
        """The furthest price, in ticks, of an arrival that goes a share `away` from the price of the world."""
        price = self._price(symbol, self.world.row(now_ns))
        return math.floor(price * (1 + away)) if side == "bid" else math.ceil(price * (1 - away))

    def _price(self, symbol: Symbol, row: Vector) -> float:
        """The price of the pair in ticks."""
        place, terms = self.world.place, symbol.terms
        return math.exp(row[place[terms.base]] - row[place[terms.quote]]) / float(terms.tick)

    def _take_what_pays(self, symbol: Symbol, size: float, now_ns: int) -> None:
        """Take what will be worth more than it costs, fee included, when the price they know has come."""
        ahead = self.world.row_ahead(now_ns, self.settings.informed_lead_ms * NS_PER_MS)
        price, fee = self._price(symbol, ahead), symbol.terms.taker_fee_ppm / PPM
        highest, lowest = math.ceil(price / (1 + fee)) - 1, math.floor(price / (1 - fee)) + 1
        ask, bid = symbol.book.best_ask_ticks(), symbol.book.best_bid_ticks()
        if ask is not None and ask <= highest:
            self._take(symbol, "bid", highest, size, now_ns)
        elif bid is not None and bid >= lowest:
            self._take(symbol, "ask", lowest, size, now_ns)

    def _take(self, symbol: Symbol, side: Side, limit_ticks: int, dollars: float, now_ns: int) -> None:
        terms, book = symbol.terms, symbol.book
        best = book.best_ask_ticks() if side == "bid" else book.best_bid_ticks()
        if best is None or limit_ticks < 1 or (best > limit_ticks if side == "bid" else best < limit_ticks):
            return
        per_lot = math.exp(self.world.row(now_ns)[self.world.place[terms.base]]) * float(terms.lot)
        lots = max(terms.min_lots, round(dollars / per_lot))
        account = self.spot.trading.ledger.account(TAKER_ACCOUNT)
        self.spot.provide(account, terms, side, limit_ticks, lots, now_ns)
        number = self.spot.trading.ledger.ids.last["order"] + 1
        try:
            self.spot.place(account, SpotTicket(number, symbol.id, side, limit_ticks, lots, "ioc"), now_ns)
        except Refusal:
            # A size under the symbol's smallest order: this customer goes away again.
            return
