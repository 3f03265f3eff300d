"""Simulated participants of the spot symbols: a maker who quotes around the underlying, and takers without information.

Both trade through ordinary accounts and are a function of their seed and of the underlying's prices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from exchange.market.lifecycle import NEVER_NS, Lifecycle
from exchange.market.markets import NS_PER_S
from exchange.market.orders import OPEN, Side
from exchange.market.refusals import Refusal
from exchange.spot.orders import SpotOrder, SpotTicket
from exchange.spot.symbols import Symbol
from exchange.spot.trading import SpotTrading

SPOT_MAKER_ACCOUNT: Final = "maker-spot"
SPOT_TAKER_ACCOUNT: Final = "taker-spot"
MID_AGE_MAX_NS: Final = 10 * NS_PER_S
NS_PER_MS: Final = 1_000_000
BPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class SpotMakerSettings:
    """How the simulated maker quotes."""

    enabled: bool = False
    half_spread_bps: float = 4.0
    step_bps: float = 4.0
    """From one of his prices to the next."""
    levels: int = 3
    notional: float = 2_000.0
    """Of each order, in the quote currency."""
    look_ms: int = 1_000
    move_bps: float = 1.0
    """He leaves his orders alone until the underlying has moved by so much."""


@dataclass(frozen=True, slots=True)
class SpotTakerSettings:
    """How the simulated takers trade: Poisson arrivals per symbol, lognormal size, a private value around the mid."""

    enabled: bool = False
    rate_per_s: float = 0.3
    notional_median: float = 500.0
    notional_sigma: float = 0.8
    value_sd_bps: float = 8.0


class Quote(NamedTuple):
    """One price the maker wants to show."""

    side: Side
    level: int
    price_ticks: int


class SpotMaker:
    """Some orders on each side of every symbol, amended as the underlying moves."""

    def __init__(self, spot: SpotTrading, lifecycle: Lifecycle, settings: SpotMakerSettings) -> None:
        self.spot, self.lifecycle, self.settings = spot, lifecycle, settings
        self._due_ns = NEVER_NS
        self._orders: dict[tuple[str, Side, int], SpotOrder] = {}
        self._quoted_at: dict[str, int] = {}
        """By symbol: the mid he quotes around, in units of 1e-8."""

    def start(self, now_ns: int) -> None:
        self._due_ns = now_ns if self.settings.enabled else NEVER_NS

    def next_due_ns(self) -> int:
        return self._due_ns

    def sit_out(self, now_ns: int) -> None:
        """Let a look that is due pass; resting orders stay."""
        if self._due_ns <= now_ns:
            self._due_ns = now_ns + self.settings.look_ms * NS_PER_MS

    def advance(self, now_ns: int) -> None:
        """Look at the underlying's prices when it is time to."""
        if now_ns < self._due_ns:
            return
        self._due_ns = now_ns + self.settings.look_ms * NS_PER_MS
        for symbol in _listed(self.spot):
            mid = self.lifecycle.mids.get(symbol.terms.underlying)
            if mid is None or now_ns - mid.ts_ns > MID_AGE_MAX_NS:
                self._pull(symbol, now_ns)
            else:
                self._quote(symbol, mid.units, now_ns)

    def quotes(self, symbol: Symbol, mid_units: int) -> list[Quote]:
        """Return what he wants to show, rounded outwards, in the order in which orders can move without crossing.

        With a mid of 60,000 and 4 bps from it, 4 more per level: bids at 59,976.00, 59,952.00 and 59,928.00.
        """
        mid_ticks = symbol.terms.ticks_of_underlying(mid_units)
        bids: list[Quote] = []
        asks: list[Quote] = []
        for level in range(self.settings.levels):
            away = (self.settings.half_spread_bps + level * self.settings.step_bps) / BPS
            # A last bit of a float must not move a price by a whole tick.
            bid, ask = math.floor(mid_ticks * (1 - away) + 1e-6), math.ceil(mid_ticks * (1 + away) - 1e-6)
            if bid >= 1:
                bids.append(Quote("bid", level, bid))
            asks.append(Quote("ask", level, ask))
        rises = mid_units >= self._quoted_at.get(symbol.id, mid_units)
        return asks + bids if rises else bids + asks

    def _quote(self, symbol: Symbol, mid_units: int, now_ns: int) -> None:
        quoted = self._quoted_at.get(symbol.id)
        mine = [order for key, order in self._orders.items() if key[0] == symbol.id and order.status == OPEN]
        moved = quoted is None or abs(mid_units - quoted) * BPS >= self.settings.move_bps * quoted
        if not moved and len(mine) == 2 * self.settings.levels:
            return
        wanted = self.quotes(symbol, mid_units)
        self._quoted_at[symbol.id] = mid_units
        for quote in wanted:
            self._show(symbol, quote, now_ns)

    def _show(self, symbol: Symbol, quote: Quote, now_ns: int) -> None:
        terms = symbol.terms
        price = quote.price_ticks * float(terms.tick)
        lots = max(terms.min_lots, round(self.settings.notional / price / float(terms.lot)))
        account = self.spot.trading.ledger.account(SPOT_MAKER_ACCOUNT)
        self.spot.provide(account, terms, quote.side, quote.price_ticks, lots, now_ns)
        key = (symbol.id, quote.side, quote.level)
        order = self._orders.get(key)
        try:
            if order is not None and order.status == OPEN:
                self.spot.amend(order, "order_id", quote.price_ticks, max(lots, order.filled + terms.min_lots), now_ns)
                return
            number = self.spot.trading.ledger.ids.last["order"] + 1
            ticket = SpotTicket(number, symbol.id, quote.side, quote.price_ticks, lots, post_only=True)
            self._orders[key] = self.spot.place(account, ticket, now_ns)
        except Refusal:
            # Somebody quotes through his price: what he has there goes, and he comes again with the next look.
            if order is not None and order.status == OPEN:
                self.spot.trading.cancel(order, "requested", now_ns)

    def _pull(self, symbol: Symbol, now_ns: int) -> None:
        """Show nothing while nobody knows what the underlying costs."""
        account = self.spot.trading.ledger.account(SPOT_MAKER_ACCOUNT)
        self.spot.trading.cancel_where(account, lambda order: order.market == symbol.id, "requested", now_ns)
        self._quoted_at.pop(symbol.id, None)


class SpotTakers:
    """Customers who take the best price when it suits their own idea of the value."""

    def __init__(
        self,
        spot: SpotTrading,
        lifecycle: Lifecycle,
        settings: SpotTakerSettings,
        seed: int,
        may_trade: Callable[[], bool],
    ) -> None:
        self.spot, self.lifecycle, self.settings = spot, lifecycle, settings
        self._may_trade = may_trade
        self._random = Random(f"spot takers/{seed}")
        self._due_ns = NEVER_NS

    def start(self, now_ns: int) -> None:
        self._due_ns = now_ns + self._wait_ns() if self.settings.enabled else NEVER_NS

    def next_due_ns(self) -> int:
        return self._due_ns

    def sit_out(self, now_ns: int) -> None:
        """Let everybody's turn that has come pass."""
        if self._due_ns <= now_ns:
            self._due_ns = now_ns + self._wait_ns()

    def advance(self, now_ns: int) -> None:
        """Trade for everybody who is due."""
        while self._due_ns <= now_ns:
            symbols = list(_listed(self.spot))
            # Always the same number of draws, so that the state of a book does not shift the fate of the others.
            which, lean = self._random.random(), self._random.gauss(0.0, 1.0)
            size_draw = self._random.lognormvariate(0.0, self.settings.notional_sigma)
            side: Side = "bid" if self._random.random() < 0.5 else "ask"
            if symbols and self._may_trade():
                self._trade(symbols[int(which * len(symbols))], side, lean, size_draw, now_ns)
            self._due_ns += self._wait_ns()

    def _wait_ns(self) -> int:
        # One clock for all symbols: the sum of n Poisson processes is one of n times the rate.
        rate_per_s = self.settings.rate_per_s * max(1, len(list(_listed(self.spot))))
        return NEVER_NS if rate_per_s <= 0 else max(1, int(self._random.expovariate(rate_per_s) * NS_PER_S))

    def _trade(self, symbol: Symbol, side: Side, lean: float, size_draw: float, now_ns: int) -> None:
        mid = self.lifecycle.mids.get(symbol.terms.underlying)
        best = symbol.book.best_ask_ticks() if side == "bid" else symbol.book.best_bid_ticks()
        if mid is None or best is None or now_ns - mid.ts_ns > MID_AGE_MAX_NS:
            return
        terms = symbol.terms
        value = terms.ticks_of_underlying(mid.units) * (1 + lean * self.settings.value_sd_bps / BPS)
        if best > value if side == "bid" else best < value:
            return
        price = best * float(terms.tick)
        lots = max(terms.min_lots, round(self.settings.notional_median * size_draw / price / float(terms.lot)))
        account = self.spot.trading.ledger.account(SPOT_TAKER_ACCOUNT)
        self.spot.provide(account, terms, side, best, lots, now_ns)
        number = self.spot.trading.ledger.ids.last["order"] + 1
        try:
            self.spot.place(account, SpotTicket(number, symbol.id, side, best, lots, "ioc"), now_ns)
        except Refusal:
            # A size under the symbol's minimum: this customer goes away again.
            return


def _listed(spot: SpotTrading) -> Iterator[Symbol]:
    return (symbol for symbol in spot.trading.symbols.values() if symbol.listed)
