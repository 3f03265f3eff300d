"""The venue of one market in virtual time: the exchange's own core, our way to it and back, and its customers.

Orders go into the exchange's trading core as objects; only the frames' text and the login are left out. Every fact it
tells about the maker's account reaches the maker `ORDER_NS` later, as a private frame would.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from _session_world import (
    AHEAD_NS,
    FEED_NS,
    INFORMED_EDGE,
    LIFE_S,
    NS_PER_S,
    ORDER_NS,
    STEP_NS,
    STEPS,
    Taker,
    World,
)
from exchange.config import ExchangeConfig
from exchange.market.ledger import FeeSchedule
from exchange.market.lifecycle import Series
from exchange.market.markets import RollingCalendar
from exchange.market.money import MICROS_PER_DOLLAR, PRICE_TICKS_MAX, PRICE_TICKS_MIN, TICKS_PER_DOLLAR
from exchange.market.refusals import Refusal
from exchange.market.trading import Ticket
from exchange.participants.takers import TakerSettings
from exchange.venue import Exchange

OPEN_NS = 1_795_222_800 * NS_PER_S
EXPIRY_NS = OPEN_NS + LIFE_S * NS_PER_S
SERIES, ASSET = "BTC-5M", "BTC"
MAKER, CUSTOMERS, RIVAL = "mm1", "customers", "rival"
DEPOSIT_MICROS = 100_000 * MICROS_PER_DOLLAR
CUSTOMERS_MICROS = 100_000_000 * MICROS_PER_DOLLAR
UNITS = 100_000_000
PRICE_EVERY_STEPS = 10
"""The venue needs prices to open and to settle only: it is told every second, and the last one."""
NET_EVERY_S = 5
FREE = FeeSchedule(0, 0)

Fact = dict[str, Any]


class HttpRequest(NamedTuple):
    """An order or a cancel that was refused, and why."""

    op: str
    client_order_id: int
    code: str


class Trade(NamedTuple):
    """A fill of the maker in YES terms: `sign` is 1 where he gained from YES."""

    at_ns: int
    sign: int
    yes_ticks: int
    size: int


class Schedule:
    """Virtual time: what is planned happens in order of time, then of planning."""

    def __init__(self, now_ns: int) -> None:
        self.now_ns = now_ns
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, at_ns: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._plans, (at_ns, next(self._numbers), action))

    def end(self) -> None:
        """Let nothing of what is planned happen any more."""
        self._plans.clear()

    def run(self) -> None:
        plans = self._plans
        while plans:
            self.now_ns, _, action = heapq.heappop(plans)
            action()


@dataclass(slots=True)
class Seen:
    """What was seen of the maker at the venue."""

    window_end_ns: int
    """Up to here it counts whether both sides are quoted."""
    trades: list[Trade] = field(default_factory=list)
    orders: int = 0
    cancels: int = 0
    refused: int = 0
    two_sided_ns: int = 0
    spread_tick_ns: int = 0
    """Own ask less own bid over time, while both were there."""
    net: int = 0
    max_net: int = 0
    nets: list[int] = field(default_factory=list)
    """YES less NO, each `NET_EVERY_S` from the opening on."""


class Venue:
    """One market, its maker's account and its customers."""

    def __init__(
        self, world: World, informed: float, schedule: Schedule, window_end_ns: int, fees: FeeSchedule
    ) -> None:
        self.world, self.informed, self.schedule = world, informed, schedule
        self.exchange = Exchange(
            ExchangeConfig(
                seed=0,
                signing_secret=b"nobody logs in here",
                keys=(),
                deposits={MAKER: DEPOSIT_MICROS, CUSTOMERS: CUSTOMERS_MICROS, RIVAL: CUSTOMERS_MICROS},
                series=(Series(SERIES, ASSET, RollingCalendar(LIFE_S * NS_PER_S)),),
                fees=fees,
                takers=TakerSettings(enabled=False),
            )
        )
        self.on_facts: Callable[[list[Fact], list[HttpRequest]], None] = lambda _facts, _refused: None
        """Told the private news, in the order in which the venue made them, and what it refused."""
        self.on_print: Callable[[Fact], None] = lambda _trade: None
        """Told every public trade, as late as the feed is."""
        self.seen = Seen(window_end_ns)
        self._orders = 0
        self._looked_ns = OPEN_NS

    def start(self) -> None:
        """Open the market at the first price and plan its whole life."""
        exchange, schedule = self.exchange, self.schedule
        exchange.start(OPEN_NS)
        self._price(0)
        (self.market,) = [market for market in exchange.trading.markets.values() if market.status == "OPEN"]
        self.account = exchange.ledger.account(MAKER)
        self.customers = exchange.ledger.account(CUSTOMERS)
        exchange.tape.take()
        # An order that arrives in the instant of the expiry is too late, so the venue's own end is planned first.
        for step in range(PRICE_EVERY_STEPS, STEPS + 1, PRICE_EVERY_STEPS):
            schedule.at(OPEN_NS + step * STEP_NS, lambda step=step: self._price(step))  # type: ignore[misc]
        for second in range(0, LIFE_S + 1, NET_EVERY_S):
            schedule.at(OPEN_NS + second * NS_PER_S, lambda: self.seen.nets.append(self.seen.net))
        for taker in self.world.takers:
            schedule.at(OPEN_NS + taker.at_ns, lambda taker=taker: self._come(taker))  # type: ignore[misc]
        schedule.at(EXPIRY_NS + 2 * NS_PER_S, self._settle)

    def act(self, action: Callable[[], None]) -> None:
        """Let somebody who stands at the venue trade there and then; the maker hears of it as of everything."""
        if self.market.status == "OPEN":
            self._look()
            action()
            self._tell([])

    def _price(self, step: int) -> None:
        units = round(float(self.world.spots[step]) * UNITS)
        self._look()
        self.exchange.on_price(ASSET, units, units, OPEN_NS + step * STEP_NS)

    def _settle(self) -> None:
        self.exchange.on_timer(self.schedule.now_ns)

    @property
    def won_micros(self) -> int:
        """What the maker's account has gained, by the exchange's own statement."""
        return self.account.cash_micros - DEPOSIT_MICROS

    # --- the maker's way in and back ----------------------------------------------------------------------------

    def send(self, cancels: Sequence[int], tickets: Sequence[Ticket], done: Callable[[], None] | None = None) -> None:
        """Send cancels and orders in one frame; `done` is called when its answer is back."""
        now_ns = self.schedule.now_ns
        self.schedule.at(now_ns + ORDER_NS, lambda: self._receive(cancels, tickets, done))

    def send_conversion(self, pairs: int, done: Callable[[str], None]) -> None:
        """Ask for pairs to be merged; `done` is told why not, or an empty text."""
        self.schedule.at(self.schedule.now_ns + ORDER_NS, lambda: self._convert(pairs, done))

    def _receive(self, cancels: Sequence[int], tickets: Sequence[Ticket], done: Callable[[], None] | None) -> None:
        now_ns, trading, account = self.schedule.now_ns, self.exchange.trading, self.account
        self._look()
        refused = []
        self.seen.cancels += len(cancels)
        for client_order_id in cancels:
            order = account.by_client_id.get(client_order_id)
            try:
                if order is None:
                    raise Refusal("unknown_order", "not known")
                trading.cancel_requested(order, "client_order_id", now_ns)
            except Refusal as refusal:
                refused.append(HttpRequest("cancel", client_order_id, refusal.code))
        self.seen.orders += len(tickets)
        for ticket in tickets:
            try:
                trading.place(account, ticket, now_ns)
            except Refusal as refusal:
                self.seen.refused += 1
                refused.append(HttpRequest("place", ticket.client_order_id, refusal.code))
        self._tell(refused)
        if done is not None:
            self.schedule.at(now_ns + ORDER_NS, done)

    def _convert(self, pairs: int, done: Callable[[str], None]) -> None:
        now_ns, why = self.schedule.now_ns, ""
        try:
            convert = self.exchange.trading.merge if pairs < 0 else self.exchange.trading.split
            convert(self.account, self.market.id, abs(pairs), now_ns)
        except Refusal as refusal:
            why = refusal.code
        self._tell([])
        self.schedule.at(now_ns + ORDER_NS, lambda: done(why))

    def _tell(self, refused: list[HttpRequest]) -> None:
        """Count what just happened to the maker and send him the news of it."""
        facts, _ = self.exchange.tape.take()
        mine = [fact.frame for fact in facts if fact.account == MAKER]
        now_ns, seen = self.schedule.now_ns, self.seen
        for fact in facts:
            if fact.channel == "trades":
                self.schedule.at(now_ns + FEED_NS, lambda trade=fact.frame: self.on_print(trade))  # type: ignore[misc]
        for frame in mine:
            if frame["type"] == "fill":
                fill = frame["fill"]
                yes = fill["outcome"] == "yes"
                sign = 1 if yes == (fill["side"] == "bid") else -1
                ticks = int(fill["price"][2:])
                trade = Trade(now_ns, sign, ticks if yes else TICKS_PER_DOLLAR - ticks, fill["size"])
                seen.trades.append(trade)
                seen.net += sign * trade.size
                seen.max_net = max(seen.max_net, abs(seen.net))
        if mine or refused:
            self.schedule.at(now_ns + ORDER_NS, lambda: self.on_facts(mine, refused))

    def _look(self) -> None:
        """Enter how long the maker's quotes have been as they are, before they change."""
        now_ns = min(self.schedule.now_ns, self.seen.window_end_ns)
        elapsed_ns, self._looked_ns = now_ns - self._looked_ns, max(self._looked_ns, now_ns)
        if elapsed_ns <= 0 or not hasattr(self, "account"):
            return
        # His own: others may quote beside him.
        mine = self.account.open_orders.values()
        bids = [order.axis_ticks for order in mine if order.axis_bid]
        asks = [order.axis_ticks for order in mine if not order.axis_bid]
        if bids and asks:
            self.seen.two_sided_ns += elapsed_ns
            self.seen.spread_tick_ns += elapsed_ns * (min(asks) - max(bids))

    # --- customers ----------------------------------------------------------------------------------------------

    def _come(self, taker: Taker) -> None:
        """A customer takes what there is, at the market: up to his size, whatever the price, or not at all.

        One who knows nothing pays up to 0.99. An informed one takes what is mispriced by more than a cent against the
        price that our feed will show half a second from now.
        """
        buys_yes, limit = taker.buys_yes, PRICE_TICKS_MAX if taker.buys_yes else PRICE_TICKS_MIN
        if taker.chance < self.informed:
            found = self._mispriced(self.world.truth(taker.at_ns - FEED_NS + AHEAD_NS))
            if found is None:
                return
            buys_yes, limit = found
        market = self.market
        if market.status != "OPEN":
            return
        best = market.book.best_ask_ticks() if buys_yes else market.book.best_bid_ticks()
        if best is None:
            return
        self._look()
        self._orders += 1
        ticket = Ticket(
            self._orders,
            market.id,
            "bid",
            "yes" if buys_yes else "no",
            limit if buys_yes else TICKS_PER_DOLLAR - limit,
            taker.size,
            "ioc",
        )
        self.exchange.trading.place(self.customers, ticket, self.schedule.now_ns)
        self._tell([])

    def _mispriced(self, truth: float) -> tuple[bool, int] | None:
        """Return (buys YES, worst price in YES ticks) for who knows the true probability; None: nothing is cheap."""
        book = self.market.book
        ask, bid = book.best_ask_ticks(), book.best_bid_ticks()
        fee = self.exchange.ledger.fees.taker_rate_ppm / 1e6

        def cost(ticks: int) -> float:
            price = ticks / TICKS_PER_DOLLAR
            return INFORMED_EDGE + fee * price * (1.0 - price)

        def cheap(ticks: int) -> bool:
            return truth - ticks / TICKS_PER_DOLLAR > cost(ticks)

        def dear(ticks: int) -> bool:
            return ticks / TICKS_PER_DOLLAR - truth > cost(ticks)

        if ask is not None and cheap(ask):
            return True, max(ticks for ticks in range(ask, PRICE_TICKS_MAX + 1) if cheap(ticks))
        if bid is not None and dear(bid):
            return False, min(ticks for ticks in range(PRICE_TICKS_MIN, bid + 1) if dear(ticks))
        return None
