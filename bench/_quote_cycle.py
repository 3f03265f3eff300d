"""Pricer and quoter of spot bots in one process on a virtual clock, and the CPU that each takes for a book.

An update is a decoded book of 20 levels a side, of one of three venues; a bot has an FX leg and five sizes a side. The
pricer's source price goes straight to the quoter's core, whose session is the live one, so that reading the venue's
answers counts. The venue itself, the bus, sockets and the shell do not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
from _core_run import NO_LIMIT, START_NS, Turns, calm_collector
from common.clock import NS_PER_MS, NS_PER_S
from common.core import HttpRequest, HttpResponse, Receipt, Send
from common.events import (
    Book,
    BotConfig,
    BotLimits,
    FeedStatus,
    Level,
    Market,
    MarketStatus,
    Position,
    PositionLimits,
    RiskState,
    SourcePrice,
    SpotLimits,
    decode,
    encode,
)
from common.instruments import InstrumentKind
from common.testing.limits import spot_limits
from common.venues import Exchanges
from pricer.service import TIMER_PERIOD_MS, Pricer
from pricer.sources.venues import Venues
from quoter.accounts.reached import Reached
from quoter.keys import AccountKeys
from quoter.service import TIMER_MS
from quoter.testing.spot import COIN, SpotVenue
from quoter.wiring import make_quoter

SOURCES = ("kraken", "binance", "coinbase")
TARGET, ACCOUNT = "degen", "mm1"
TERM, SOURCE_TERM, FX = "USD", "EUR", "EUR/USD"
LEVELS = 20
STEP, MOVE, HALF = 0.01, 0.20, 1.00
"""Between levels at least, how far all of them move, and from the middle to the first, so that a book that has moved
does not cross those that have not."""
MIDDLE, RATE = 60_000.0, 1.1
SIZES, MARGINS = "0.5 0.5 1 1 2", "5 6 7 8 9"
MOVES = 4
EVERY_NS = NS_PER_S // 1_000
FEED_EVERY_NS = 200 * NS_PER_MS
RISK_EVERY_NS = 500 * NS_PER_MS
PLENTY = 10**9
ORDERS_KEPT = 50_000


class Cost(NamedTuple):
    """What some updates took, of either core."""

    updates: int
    pricer_ns: int
    quoter_ns: int
    orders: int
    """Sent to the venue."""

    @property
    def us_each(self) -> float:
        return (self.pricer_ns + self.quoter_ns) / self.updates / 1_000

    @property
    def per_s(self) -> float:
        return 1e6 / self.us_each


class Coins(SpotVenue):
    """Takes every order of every coin and fills none."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self._symbols = symbols
        coins = dict.fromkeys((symbol.partition("/")[0] for symbol in symbols), Decimal(PLENTY))
        self.money = {TERM: Decimal(PLENTY) * 100, **coins}

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if path.partition("?")[0] == "/symbols":
            row = {"kind": "spot", "quote": TERM, "tick": "0.01", "lot": "0.0001", "min_size": "0.0001"}
            more = {"min_notional": "1.000000"}
            return 200, {
                "symbols": [
                    row | more | {"symbol": symbol, "base": symbol.partition("/")[0]} for symbol in self._symbols
                ]
            }
        return super()._request(method, path, body)


class Wired:
    """The venue as turns want it."""

    def __init__(self, venue: Coins) -> None:
        self._venue = venue
        venue.connected = True

    def on_send(self, data: bytes) -> None:
        self._venue.on_send(Send("degen", data))
        if len(self._venue.orders) > ORDERS_KEPT:
            self._venue.orders = {each.client_order_id: each for each in self._venue.open_orders()}

    def answer(self, ask: HttpRequest, now_ns: int) -> HttpResponse:
        return self._venue.on_ask(ask)

    def take(self) -> list[bytes]:
        return list(self._venue.take_frames())


class QuoteCycle:
    """So many bots, each with a coin of its own: what its books cost is its own too."""

    def __init__(self, bots: int, sizes: str = SIZES, margins: str = MARGINS, sources: Sequence[str] = SOURCES) -> None:
        self._sources = sources
        self.coins = [f"C{number:03}" for number in range(bots)]
        exchanges = Exchanges({name.upper(): name for name in (*SOURCES, TARGET)})
        self.pricer = Pricer(SOURCES, quoted_venues=[TARGET], venues=Venues(exchanges))
        self.pricer.epoch = 1
        keys = AccountKeys({"DEGEN_API_KEY": "trade", "DEGEN_WALLET_KEY": "stand-in"}, Path(), ACCOUNT)
        quoter = make_quoter(Reached(keys, TARGET, TARGET, "http://venue"), messages_per_s=float(NO_LIMIT))
        quoter.epoch = 1
        self.quoter = Turns(quoter, Wired(Coins([f"{coin}/{TERM}" for coin in self.coins])))
        self.pricer_ns = 0
        self._limits = _limits(self.coins)
        self._told_ns = self._timed_ns = self._priced_ns = self._risk_ns = 0
        self._sizes = len(sizes.split())
        self._configs = [self._config(number, sizes, margins) for number in range(bots)]
        self._books = {
            (coin, venue, moving, move): encode(
                _book(
                    venue,
                    f"{coin}/{SOURCE_TERM}",
                    *_levels(venue, MIDDLE + (MOVE * move if moving else 0.0), 0.0 if moving else 0.1 * move),
                )
            )
            for coin in self.coins
            for venue in sources
            for moving in (False, True)
            for move in range(MOVES)
        }

    def _config(self, number: int, sizes: str, margins: str) -> BotConfig:
        coin = self.coins[number]
        sections = {
            "instrument": {
                "account": ACCOUNT,
                "instrument": f"{coin}/{TERM}",
                "exchange": TARGET.upper(),
                "source_exchange": ",".join(self._sources).upper(),
                "underlyings": f"{coin}/{SOURCE_TERM}",
                "fx_leg": FX,
                "fx_exchange": SOURCES[0].upper(),
            },
            "pricer": {
                "running": True,
                "buy_quote_sizes": sizes,
                "sell_quote_sizes": sizes,
                "buy_margins": margins,
                "sell_margins": margins,
                "source_aggregation": "BEST_AGGREGATED",
            },
            "risk_limits": {"max_long_exposure": 1_000, "max_short_exposure": 1_000},
        }
        return BotConfig(
            algo_id=str(number + 1), kind="spot", revision=1, running=True, sections=sections, actor="bench", ts_ns=0
        )

    @property
    def cycle(self) -> int:
        """After so many updates everything begins again."""
        return len(self.coins) * len(self._sources) * MOVES

    # --- what they hear -----------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self.quoter.now_ns

    def receipt(self) -> Receipt:
        return Receipt(self.now_ns)

    def start(self) -> None:
        """Begin, and have every bot quote all its sizes."""
        core, turns = self.quoter.core, self.quoter
        turns.take_turns([[partial(core.on_config, config) for config in self._configs]])
        for config in self._configs:
            nothing = {"lines": [], "realized": Decimal(0), "fees": Decimal(0), "fill_sequence": 0}
            position = Position(algo_id=config.algo_id, ts_ns=0, epoch=1, **nothing)  # type: ignore[arg-type]
            turns.take_turns([[partial(core.on_position, position)]])
        for coin in self.coins:
            market = _market(f"{coin}/{TERM}", coin)
            list(self.pricer.on_market(market, self.receipt()))
            turns.take_turns([[partial(core.on_market, market)]])
        for config in self._configs:
            list(self.pricer.on_bot(config, self.receipt()))
        turns.take_turns([[core.start]])
        self.update(_book(SOURCES[0], FX, [(RATE, 1e7)], [(RATE + 0.0001, 1e7)]))
        for _ in range(60):
            self.pass_by(50 * NS_PER_MS)
            for coin in self.coins:
                for venue in self._sources:
                    self.update(self._book(coin, venue, moving=False, move=0))
            self.update(_book(SOURCES[0], FX, [(RATE, 1e7)], [(RATE + 0.0001, 1e7)]))
        found, wanted = len(core.trader.orders), 2 * self._sizes * len(self.coins)
        assert found == wanted, f"{found} orders rest, {wanted} are wanted"

    def update(self, book: Book) -> None:
        """Hand a book to the pricer, and what it states to the quoter."""
        receipt = self.receipt()
        begun_ns = time.process_time_ns()
        for _ in self.pricer.on_book(book, receipt):
            raise AssertionError("prices wait for the end of the burst")
        stated = list(self.pricer.after_burst(receipt))
        self.pricer_ns += time.process_time_ns() - begun_ns
        prices = [each for each in stated if isinstance(each, SourcePrice)]
        if prices:
            self.quoter.take_turns([[partial(self.quoter.core.on_source, each) for each in prices]])

    def pass_by(self, ns: int) -> None:
        """Let time pass with the timers of both, and with feeds and limits that live."""
        turns, core = self.quoter, self.quoter.core
        turns.now_ns += ns
        now_ns = turns.now_ns
        if now_ns - self._told_ns >= FEED_EVERY_NS:
            self._told_ns = now_ns
            for venue in (*SOURCES, TARGET):
                self.pricer.on_status(_status(venue), self.receipt())
            turns.take_turns([[partial(core.on_feed_status, _status(TARGET))]])
        if now_ns - self._risk_ns >= RISK_EVERY_NS:
            self._risk_ns = now_ns
            turns.take_turns([[partial(core.on_risk, self._risk_state())]])
        if now_ns - self._timed_ns >= TIMER_MS * NS_PER_MS:
            self._timed_ns = now_ns
            turns.take_turns([[core.on_timer]])
        if now_ns - self._priced_ns >= TIMER_PERIOD_MS * NS_PER_MS:
            self._priced_ns = now_ns
            begun_ns = time.process_time_ns()
            stated = [each for each in self.pricer.on_timer(self.receipt()) if isinstance(each, SourcePrice)]
            self.pricer_ns += time.process_time_ns() - begun_ns
            if stated:
                turns.take_turns([[partial(core.on_source, each) for each in stated]])

    def _risk_state(self) -> RiskState:
        names = [each.algo_id for each in self._configs]
        return RiskState(
            shard="0",
            ledger_sequence=0,
            limits={},
            bot_limits=dict.fromkeys(names, self._limits),
            config_revisions=dict.fromkeys(names, 1),
            halts=[],
            ts_ns=self.now_ns,
            epoch=1,
        )

    def run(self, updates: int, *, moving: bool) -> Cost:
        """Hand in updates of bots and venues in turn, a thousand a second for each bot; return what they took."""
        orders = self._sent()
        self.pricer_ns = self.quoter.cpu_ns = 0
        with calm_collector():
            for number in range(updates):
                self.pass_by(EVERY_NS // len(self.coins))
                turn, place = divmod(number, len(self.coins))
                venue = self._sources[turn % len(self._sources)]
                move = turn // len(self._sources) % MOVES
                self.update(self._book(self.coins[place], venue, moving=moving, move=move))
        return Cost(updates, self.pricer_ns, self.quoter.cpu_ns, self._sent() - orders)

    def _book(self, coin: str, venue: str, *, moving: bool, move: int) -> Book:
        """Return a book just decoded, as it comes from the bus."""
        return decode(Book, self._books[coin, venue, moving, move])

    def _sent(self) -> int:
        return sum(self.quoter.core.trader.orders.counts_of(each.algo_id)[0] for each in self._configs)


def _limits(coins: Sequence[str]) -> BotLimits:
    """Return limits that never bind."""
    most = float(NO_LIMIT) * 1e6
    wide = spot_limits(
        max_open_orders=NO_LIMIT,
        max_messages_per_s=NO_LIMIT,
        max_cancels_per_s=NO_LIMIT,
        max_order_notional=most,
        max_notional=most,
        max_account_notional=most,
    )
    positions = dict.fromkeys(coins, PositionLimits(max_position=Decimal(PLENTY), max_order=Decimal(PLENTY)))
    return msgspec.structs.replace(wide, kinds=[SpotLimits(positions, 0.1, 500.0, 500.0)])


def _levels(venue: str, middle: float, behind: float) -> list[list[tuple[float, float]]]:
    """Return both sides around a middle; the last levels hold `behind` more."""
    random = Random(venue)
    sides = []
    for sign in (-1.0, 1.0):
        price, levels = middle + sign * HALF, []
        for place in range(LEVELS):
            price += sign * STEP * random.choice((1, 1, 2, 3))
            size = 0.05 + random.random()
            levels.append((round(price, 2), size + (behind if place > LEVELS - 3 else 0.0)))
        sides.append(levels)
    return sides


def _book(venue: str, symbol: str, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> Book:
    levels = [[Level(*level) for level in side] for side in (bids, asks)]
    return Book(venue=venue, symbol=symbol, bids=levels[0], asks=levels[1], ts_received_ns=START_NS, epoch=1)


def _status(venue: str) -> FeedStatus:
    return FeedStatus(venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, epoch=1)


def _market(symbol: str, base: str) -> Market:
    return Market(
        venue=TARGET,
        symbol=symbol,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base=base,
        currency=TERM,
        tick_size=COIN.tick_size,
        lot_size=COIN.lot_size,
        min_notional=COIN.min_notional,
        ts_received_ns=0,
        epoch=1,
    )
