"""Both venues of an hour in virtual time: the exchange's own matching, our way to it and back, and everybody else.

Orders go into the exchange's trading core as objects; only the frames' text and the login are left out. Every fact it
tells about the maker's account reaches the maker `ORDER_NS` later, as a private frame would.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np
from _session_venue import Schedule
from _spot_parts import Parts
from _spot_world import (
    AHEAD_STEPS,
    ORDER_NS,
    STEP_MS,
    STEP_NS,
    STEPS,
    STEPS_PER_S,
    Taker,
    World,
    step_of,
)
from common.events import Book, Level
from exchange.config import ExchangeConfig
from exchange.market.accounts import Account
from exchange.market.money import MICROS_PER_DOLLAR, signed_units_of
from exchange.market.refusals import Refusal
from exchange.participants.takers import TakerSettings
from exchange.spot.orders import SpotTicket
from exchange.spot.symbols import SpotBook
from exchange.spot.terms import PPM, SpotTerms
from exchange.spot_venues.depth import MAKER_ACCOUNT, DeepBook, DeepLadder, MakerOrder, maker_order
from exchange.spot_venues.makers import show_depth
from exchange.venue import Exchange

BEGIN_NS = 1_795_222_800 * 1_000_000_000
END_NS = BEGIN_NS + STEPS * STEP_NS
MAKER, CUSTOMERS, RIVAL = "mm1", "customers", "rival"
TARGET_TERMS = SpotTerms(
    "BTCJPY",
    "BTC",
    "BTC",
    Decimal(1),
    Decimal("0.0001"),
    Decimal("0.0001"),
    Decimal(500),
    maker_fee_ppm=0,
    taker_fee_ppm=100,
    quote="JPY",
)
HEDGE_TERMS = SpotTerms(
    "BTCUSD",
    "BTC",
    "BTC",
    Decimal("0.1"),
    Decimal("0.0001"),
    Decimal("0.0001"),
    Decimal(5),
    maker_fee_ppm=100,
    taker_fee_ppm=200,
)
FX_TERMS = SpotTerms(
    "USDJPY",
    "USD",
    "USD",
    Decimal("0.001"),
    Decimal("0.01"),
    Decimal("0.01"),
    Decimal(500),
    maker_fee_ppm=10,
    taker_fee_ppm=20,
    quote="JPY",
)
DEPOSITS = {"BTC": Decimal(100), "JPY": Decimal(1_000_000_000)}
DEPOSIT_DOLLARS = 10_000_000
FX_HALF_BPS, FX_LEVELS, FX_DOLLARS = 0.2, 5, 200_000.0
"""Half the spread of the dollar, which is also how far its levels are apart, and how many dollars each of them has."""
INFORMED_EDGE_BPS = 0.5
"""What an informed customer wants to be left with after the fee."""
BOOK_LEVELS = 20
HEDGE_LEVELS, HEDGE_HALF_BPS, HEDGE_STEP_BPS = 10, 0.3, 0.5
HEDGE_COINS, HEDGE_GROWTH, HEDGE_SIGMA, HEDGE_STEPS = 0.3, 0.2, 0.3, 20
"""Coins of the first level, how much more each of the next has, and how that wanders every so many steps."""
REFILL_S = 5.0
"""In which of what we took of a level there two thirds come back."""

Fact = dict[str, Any]


class Refused(NamedTuple):
    """An order or a cancel that was refused, and why."""

    op: str
    client_order_id: int
    code: str


class Venue:
    """One venue of one symbol, the maker's account there and everybody else's."""

    name: ClassVar[str]
    terms: ClassVar[SpotTerms]
    others: ClassVar[tuple[SpotTerms, ...]] = ()
    """Symbols beside the first."""

    def __init__(self, world: World, schedule: Schedule, parts: Parts) -> None:
        self.world, self.schedule, self.parts = world, schedule, parts
        accounts = (MAKER, CUSTOMERS, RIVAL)
        coins = {currency: signed_units_of(f"{amount:f}", currency) for currency, amount in DEPOSITS.items()}
        self.exchange = Exchange(
            ExchangeConfig(
                seed=0,
                signing_secret=b"nobody logs in here",
                keys=(),
                deposits=dict.fromkeys(accounts, DEPOSIT_DOLLARS * MICROS_PER_DOLLAR),
                name=self.name,
                symbols=(self.terms, *self.others),
                spot_deposits=dict.fromkeys(accounts, coins),
                takers=TakerSettings(enabled=False),
                orders_kept=2_000,
            )
        )
        self.spot = self.exchange.order_entry.spot
        self.on_facts: Callable[[list[Fact], list[Refused]], None] = lambda _facts, _refused: None
        """Told the private news, in the order in which the venue made them, and what it refused."""
        self.orders = self.cancels = self.refused = 0
        """Of the maker."""
        self._others = count(1)

    def start(self) -> None:
        self.exchange.start(BEGIN_NS)
        ledger = self.exchange.ledger
        self.account, self.customers = ledger.account(MAKER), ledger.account(CUSTOMERS)
        self.symbol = self.exchange.trading.symbols[self.terms.symbol]
        self.exchange.tape.take()

    @property
    def book(self) -> SpotBook:
        return self.symbol.book

    @property
    def after_begin_ns(self) -> int:
        return self.schedule.now_ns - BEGIN_NS

    def shown(self, received_ns: int, terms: SpotTerms | None = None) -> Book:
        """Return the book of a symbol, the first where none is named, as its feed will tell it."""
        terms = terms or self.terms
        tick, lot = float(terms.tick), float(terms.lot)
        shown = self.exchange.trading.symbols[terms.symbol].book
        bids, asks = (
            [Level(ticks * tick, lots * lot) for ticks, lots in side.levels(BOOK_LEVELS)]
            for side in (shown.buying, shown.selling)
        )
        return Book(
            venue=self.name,
            symbol=terms.symbol,
            bids=bids,
            asks=asks,
            ts_event_ns=self.schedule.now_ns,
            ts_received_ns=received_ns,
            epoch=1,
        )

    # --- the maker's way in and back ----------------------------------------------------------------------------

    def send(self, cancels: Sequence[int], tickets: Sequence[SpotTicket]) -> None:
        """Send cancels and orders in one frame."""
        self.schedule.at(self.schedule.now_ns + ORDER_NS, lambda: self._receive(cancels, tickets))

    def _receive(self, cancels: Sequence[int], tickets: Sequence[SpotTicket]) -> None:
        now_ns, account = self.schedule.now_ns, self.account
        refused = []
        self.cancels += len(cancels)
        for client_order_id in cancels:
            order = account.by_client_id.get(client_order_id)
            try:
                if order is None:
                    raise Refusal("unknown_order", "not known")
                self.exchange.trading.cancel_requested(order, "client_order_id", now_ns)
            except Refusal as refusal:
                refused.append(Refused("cancel", client_order_id, refusal.code))
        self.orders += len(tickets)
        for ticket in tickets:
            try:
                self.spot.place(account, ticket, now_ns)
            except Refusal as refusal:
                self.refused += 1
                refused.append(Refused("place", ticket.client_order_id, refusal.code))
        self.tell(refused)

    def tell(self, refused: list[Refused]) -> None:
        """Book what just happened to the maker and send him the news of it."""
        facts, _ = self.exchange.tape.take()
        mine = [fact.frame for fact in facts if fact.account == MAKER]
        for frame in mine:
            if frame["type"] == "fill":
                self._note(frame["fill"])
        if mine or refused:
            self.schedule.at(self.schedule.now_ns + ORDER_NS, lambda: self.on_facts(mine, refused))

    def _note(self, fill: Fact) -> None:
        bought = float(fill["size"]) if fill["side"] == "bid" else -float(fill["size"])
        price, fee = float(fill["price"]), float(fill["fee"])
        if fill["symbol"] == FX_TERMS.symbol:
            self.parts.on_dollars(bought, price, fee)
        else:
            self.parts.on_fill(bought, price, fee, hedge=self.terms is HEDGE_TERMS)

    # --- others -------------------------------------------------------------------------------------------------

    def take(self, account: Account, *, buys: bool, limit_ticks: int, coins: float) -> None:
        """Let somebody take what is there up to a price."""
        best = self.book.best_ask_ticks() if buys else self.book.best_bid_ticks()
        if best is None or limit_ticks < 1 or (best > limit_ticks if buys else best < limit_ticks):
            return
        lots, side = max(self.terms.min_lots, round(coins / float(self.terms.lot))), "bid" if buys else "ask"
        now_ns = self.schedule.now_ns
        self.spot.provide(account, self.terms, side, limit_ticks, lots, now_ns)  # type: ignore[arg-type]
        ticket = SpotTicket(next(self._others), self.terms.symbol, side, limit_ticks, lots, "ioc")  # type: ignore[arg-type]
        try:
            self.spot.place(account, ticket, now_ns)
        except Refusal:
            # Worth less than the smallest order: this customer goes away again.
            return
        self.tell([])


class Target(Venue):
    """Where the maker quotes: customers come at random, and some of them know the price in advance."""

    name, terms = "dltxmm_spot", TARGET_TERMS

    def __init__(self, world: World, schedule: Schedule, parts: Parts, informed: float) -> None:
        super().__init__(world, schedule, parts)
        self._informed = informed

    def start(self) -> None:
        super().start()
        for taker in self.world.takers:
            self.schedule.at(BEGIN_NS + taker.at_ns, lambda taker=taker: self._come(taker))  # type: ignore[misc]

    def _come(self, taker: Taker) -> None:
        if taker.chance < self._informed:
            self._take_what_pays(taker)
            return
        price = self.world.yen(taker.at_ns) / float(self.terms.tick)
        limit = math.floor(price * (1 + taker.reach)) if taker.buys else math.ceil(price * (1 - taker.reach))
        self.take(self.customers, buys=taker.buys, limit_ticks=limit, coins=taker.size)

    def _take_what_pays(self, taker: Taker) -> None:
        """Take what will be worth more than it costs, fee included, when the price they know has come."""
        step = min(STEPS, step_of(taker.at_ns) + AHEAD_STEPS)
        known = float(self.world.spots[step] * self.world.yens[step]) / float(self.terms.tick)
        cost = self.terms.taker_fee_ppm / PPM + INFORMED_EDGE_BPS * 1e-4
        highest, lowest = math.floor(known * (1 - cost)), math.ceil(known * (1 + cost))
        ask, bid = self.book.best_ask_ticks(), self.book.best_bid_ticks()
        if ask is not None and ask <= highest:
            self.take(self.customers, buys=True, limit_ticks=highest, coins=taker.size)
        elif bid is not None and bid >= lowest:
            self.take(self.customers, buys=False, limit_ticks=lowest, coins=taker.size)


class HedgeVenue(Venue):
    """Where the source price comes from and hedges go: a deep book around the true price, and customers of its own.

    These are let in while an order of ours rests there, which is all that they can do to us.
    """

    name, terms, others = "kraken_spot", HEDGE_TERMS, (FX_TERMS,)

    def __init__(self, world: World, schedule: Schedule, parts: Parts, seed: Sequence[int]) -> None:
        super().__init__(world, schedule, parts)
        self.exchange.ledger.accounts[MAKER_ACCOUNT] = Account(MAKER_ACCOUNT, 100)
        self.spot.make_book = lambda terms: DeepBook(terms, self._claim)
        away = (HEDGE_HALF_BPS + HEDGE_STEP_BPS * np.arange(HEDGE_LEVELS)) * 1e-4
        in_ticks = world.spots[:, None] / float(self.terms.tick)
        self._bids = np.floor(in_ticks * (1 - away)).astype(np.int64)
        self._asks = np.ceil(in_ticks * (1 + away)).astype(np.int64)
        noise = np.random.default_rng([*seed, 4]).normal(0.0, HEDGE_SIGMA, (STEPS // HEDGE_STEPS + 1, 2, HEDGE_LEVELS))
        shape = HEDGE_COINS * (1 + HEDGE_GROWTH * np.arange(HEDGE_LEVELS))
        self._lots = np.maximum(1, np.rint(shape * np.exp(noise) / float(self.terms.lot))).astype(np.int64)
        self._keys = list(range(HEDGE_LEVELS))
        self._fx_lots = round(FX_DOLLARS / float(FX_TERMS.lot))
        self._taken: tuple[dict[int, float], dict[int, float]] = ({}, {})

    def on_step(self, step: int) -> None:
        """Put the makers' levels where the price is now, then let the customers of this step come."""
        lots = self._lots[step // HEDGE_STEPS]
        book = self.book
        assert isinstance(book, DeepBook)
        bids = self._bids[step].tolist(), self._left(0, book.buying, lots[0].tolist()), self._keys
        asks = self._asks[step].tolist(), self._left(1, book.selling, lots[1].tolist()), self._keys
        show_depth(self.spot, self.symbol, bids, asks, self.schedule.now_ns)
        if step % STEPS_PER_S == 0:
            self._show_dollars(step)
        if self.account.open_orders:
            price = self.world.spots[step] / float(self.terms.tick)
            bought, sold = self.world.bought[step % STEPS], self.world.sold[step % STEPS]
            if bought:
                limit = math.floor(price * (1 + self.world.bought_reach[step % STEPS]))
                self.take(self.customers, buys=True, limit_ticks=limit, coins=float(bought))
            if sold:
                limit = math.ceil(price * (1 - self.world.sold_reach[step % STEPS]))
                self.take(self.customers, buys=False, limit_ticks=limit, coins=float(sold))
        self.tell([])

    def _show_dollars(self, step: int) -> None:
        """Put levels on either side of the dollar, around its true price."""
        rate, away = float(self.world.yens[step]) / float(FX_TERMS.tick), FX_HALF_BPS * 1e-4
        bids = [math.floor(rate * (1 - away * place)) for place in range(1, FX_LEVELS + 1)]
        asks = [math.ceil(rate * (1 + away * place)) for place in range(1, FX_LEVELS + 1)]
        symbol, lots = self.exchange.trading.symbols[FX_TERMS.symbol], [self._fx_lots] * FX_LEVELS
        assert isinstance(symbol.book, DeepBook)
        for ladder in (symbol.book.buying, symbol.book.selling):
            ladder.taken.clear()
        keys = self._keys[:FX_LEVELS]
        show_depth(self.spot, symbol, (bids, lots, keys), (asks, lots, keys), self.schedule.now_ns)

    def _left(self, place: int, ladder: DeepLadder, lots: list[int]) -> list[int]:
        """Return what the makers show of each level: what was taken of it comes back with time."""
        taken = self._taken[place]
        if not taken and not ladder.taken:
            return lots
        kept = math.exp(-STEP_MS / 1_000 / REFILL_S)
        for level, much in ladder.taken.items():
            taken[level] = taken.get(level, 0.0) + much
        ladder.taken.clear()
        for level in list(taken):
            taken[level] *= kept
            # A lot at least: a level without any would be another price.
            lots[level] = max(1, lots[level] - round(taken[level]))
            if taken[level] < 1.0:
                del taken[level]
        return lots

    def _claim(self, depth: MakerOrder, lots: int, now_ns: int) -> MakerOrder:
        """Make an order of the makers of what was traded of their depth, and give them what they need for it."""
        terms = depth.terms
        self.spot.provide(
            self.exchange.ledger.account(MAKER_ACCOUNT), terms, depth.side, depth.price_ticks, lots, now_ns
        )
        number = self.exchange.ledger.ids.next("order")
        return maker_order(terms, depth.side, depth.price_ticks, lots, number, now_ns)
