"""A whole quote cycle of spot bots: books into the pricer's core, its prices into the quoter's, orders and answers.

Both cores are the live ones in one process on a virtual clock. The venue is the simulated exchange's own core, so that
every frame is written and read; what it takes, the bus and the sockets are not counted, and neither are timers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
from _quote_cycle_pricer import SIZES, START_NS, SYMBOL, TARGET, UPDATE_EVERY_NS, PricerRun
from common.clock import NS_PER_MS
from common.core import Effect, HttpRequest, HttpResponse, Open, Receipt, Send, Turn
from common.events import (
    BotConfig,
    BotLimits,
    CommonLimits,
    FeedStatus,
    Market,
    MarketStatus,
    NotionalLimits,
    Position,
    PositionLimits,
    RiskState,
    SourcePrice,
    SpotLimits,
)
from common.instruments import InstrumentKind
from exchange.entry.keys import Rates
from exchange.entry.session import Send as Sent
from exchange.spot.terms import SpotTerms
from exchange.testing.venue import config as exchange_config
from exchange.venue import Exchange
from quoter.orders.own_orders import Orders
from quoter.service import TIMER_MS, Quoter
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession

LEVELS = len(SIZES.split())
NO_LIMIT = 1_000_000_000
CONNECTION = 7
KEY = ApiKey("trade", "mm1-trade", "secret-of-mm1-trade", ("read", "trade", "cancel"))
MARGINS = "5 8 11 14 17"
TICK, LOT = Decimal("0.01"), Decimal("0.0001")
WARM_UP_TIMERS = 12
LIMITS = BotLimits(
    CommonLimits(
        max_open_orders=NO_LIMIT,
        max_side_orders=NO_LIMIT,
        max_messages_per_s=NO_LIMIT,
        max_cancels_per_s=NO_LIMIT,
        max_orders_per_fill=NO_LIMIT,
        min_quote_life_ms=0,
        max_daily_loss=Decimal(NO_LIMIT),
        max_drawdown=Decimal(NO_LIMIT),
        notional=NotionalLimits(1e15, 1e15, 1e15),
    ),
    [
        SpotLimits(
            positions={"BTC": PositionLimits(Decimal(1_000), Decimal(100))},
            min_spread_bps=1.0,
            price_collar_bps=100.0,
            book_collar_bps=100.0,
            currencies={"JPY": NotionalLimits(1e15, 1e15, 1e15)},
        )
    ],
)


class Costs(NamedTuple):
    """CPU of some updates, and what came of them."""

    updates: int
    pricer_ns: int
    quoter_ns: int
    orders: int

    @property
    def us_each(self) -> float:
        return (self.pricer_ns + self.quoter_ns) / self.updates / 1_000

    @property
    def per_s(self) -> float:
        return 1e6 / self.us_each


class CycleRun:
    """Spot bots of one account at one venue, priced from three venues and an FX pair."""

    def __init__(self, bots: int, min_price_change: str | None, sizes: str = SIZES, margins: str = MARGINS) -> None:
        self.pricer = PricerRun(bots, sizes=sizes)
        self.now_ns = START_NS
        self.algo_ids = [str(number) for number in range(bots)]
        self._exchange = _exchange()
        orders = Orders()
        session = DegenSession(KEY, "http://venue", orders)
        self.core = Quoter("mm1", TARGET, session, orders, float(NO_LIMIT))
        self.core.epoch = 1
        self.pricer_ns = self.quoter_ns = 0
        self.heard: list[list[bytes]] = []
        """The venue's frames of the last measurement, as they came together."""
        self._timed_ns = 0
        self._levels = len(sizes.split())
        self._start([_bot(algo_id, min_price_change, sizes, margins) for algo_id in self.algo_ids])

    # --- the life of the cores ----------------------------------------------------------------------------------

    def _start(self, bots: Sequence[BotConfig]) -> None:
        core = self.core
        for bot in bots:
            list(core.on_config(bot, self.receipt()))
            empty = Position(
                algo_id=bot.algo_id, lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=0, ts_ns=0
            )
            list(core.on_position(empty, self.receipt()))
        list(core.on_market(_market(), self.receipt()))
        self._tell()
        self._carry(list(core.start(self.receipt())))
        for step in range(WARM_UP_TIMERS):
            self.now_ns += TIMER_MS * NS_PER_MS
            self.pricer.pass_by(TIMER_MS * NS_PER_MS)
            self._on_timer()
            self.update(60_000.0 + 0.01 * (step % 2), step)
        assert len(core.trader.orders) == 2 * self._levels * len(bots), f"{len(core.trader.orders)} orders"

    def receipt(self) -> Receipt:
        return Receipt(self.now_ns)

    def _tell(self) -> None:
        """Let feed and risk speak, as they do all the time."""
        status = FeedStatus(venue=TARGET, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True)
        state = RiskState(
            shard="0",
            ledger_sequence=0,
            limits={},
            bot_limits=dict.fromkeys(self.algo_ids, LIMITS),
            config_revisions=dict.fromkeys(self.algo_ids, 1),
            halts=[],
            ts_ns=self.now_ns,
        )
        list(self.core.on_feed_status(status, self.receipt()))
        list(self.core.on_risk(state, self.receipt()))

    def _on_timer(self) -> None:
        self._timed_ns = self.now_ns
        self._tell()
        self._carry(list(self.core.on_timer(self.receipt())))

    # --- updates ------------------------------------------------------------------------------------------------

    def update(self, mid: float, number: int, behind: float = 0.0) -> None:
        """Hand in a book of one of the venues, and carry out all that comes of it."""
        venue = ("kraken", "binance", "coinbase")[number % 3]
        book = self.pricer.book(venue, mid, behind)
        pricer, receipt = self.pricer.pricer, self.receipt()
        begun_ns = time.process_time_ns()
        list(pricer.on_book(book, receipt))
        prices = [each for each in pricer.after_burst(receipt) if isinstance(each, SourcePrice)]
        told_ns = time.process_time_ns()
        effects: list[Effect] = []
        for price in prices:
            effects.extend(self.core.on_source(price, receipt))
        effects.extend(self.core.after_burst(receipt))
        self.pricer_ns += told_ns - begun_ns
        self.quoter_ns += time.process_time_ns() - told_ns
        self._carry(effects)

    def measured(self, count: int, *, deep: bool) -> Costs:
        """Return what some updates took, a thousand a second: of all levels by a tick, or far behind the quotes."""
        self.pricer_ns = self.quoter_ns = 0
        self.heard.clear()
        sent_before = sum(self.core.trader.orders.counts_of(algo_id)[0] for algo_id in self.algo_ids)
        for number in range(count):
            self.now_ns += UPDATE_EVERY_NS
            self.pricer.pass_by(UPDATE_EVERY_NS)
            if self.now_ns - self._timed_ns >= TIMER_MS * NS_PER_MS:
                before = self.quoter_ns
                self._on_timer()
                self.quoter_ns = before
            step = number // 3 % 4
            if deep:
                self.update(60_000.0, number, behind=0.1 * step)
            else:
                self.update(60_000.0 + 0.01 * step, number)
        sent = sum(self.core.trader.orders.counts_of(algo_id)[0] for algo_id in self.algo_ids) - sent_before
        return Costs(count, self.pricer_ns, self.quoter_ns, sent)

    def bare_ns(self) -> int:
        """Return what reading the venue's frames and writing as many amendments takes, and nothing between."""
        item = {"op": "amend", "client_order_id": "123456789012345", "price": "8994302.35", "size": "0.5000"}
        begun_ns = time.process_time_ns()
        for frames in self.heard:
            for frame in frames:
                msgspec.json.decode(frame)
            msgspec.json.encode({"op": "batch", "id": 1, "items": [item] * (2 * LEVELS)})
        return time.process_time_ns() - begun_ns

    # --- the venue ----------------------------------------------------------------------------------------------

    def _carry(self, effects: Sequence[Effect]) -> None:
        """Carry out what the quoter asks for, and hand in what comes of it, the venue's frames in one burst."""
        core, exchange, receipt = self.core, self._exchange, self.receipt()
        while effects:
            frames: list[bytes] = []
            caused: list[Effect] = []
            for effect in effects:
                outputs: Any = ()
                if isinstance(effect, Send):
                    outputs = exchange.on_frame(CONNECTION, effect.data, self.now_ns)
                elif isinstance(effect, Open):
                    outputs = exchange.on_connect(CONNECTION, self.now_ns)
                    caused += core.on_open(receipt)
                elif isinstance(effect, HttpRequest):
                    answer, outputs = self._answered(effect)
                    caused += core.on_answer(answer, receipt)
                elif isinstance(effect, Turn):
                    caused += effect.handler(receipt)
                frames += [out.data for out in outputs if isinstance(out, Sent) and out.connection == CONNECTION]
            if frames:
                self.heard.append(frames)
            begun_ns = time.process_time_ns()
            for frame in frames:
                caused += core.on_frame(frame, receipt)
            caused += core.after_burst(receipt)
            self.quoter_ns += time.process_time_ns() - begun_ns
            effects = caused

    def _answered(self, ask: HttpRequest) -> tuple[HttpResponse, Any]:
        url = urlsplit(ask.url)
        query, headers = dict(parse_qsl(url.query)), {name.lower(): value for name, value in ask.headers.items()}
        found = self._exchange.on_request(ask.method, url.path, query, headers, ask.body, self.now_ns)
        return HttpResponse(ask.request_id, found.status, found.body, found.headers), found.outputs


def _exchange() -> Exchange:
    symbol = SpotTerms(SYMBOL, "BTC", "BTC", TICK, LOT, LOT, Decimal(1), quote="JPY")
    rates = Rates(*[NO_LIMIT] * 6)
    exchange = Exchange(replace(exchange_config(), symbols=(symbol,), rates=rates))
    exchange.start(START_NS)
    login = msgspec.json.encode({"api_key": "admin-admin", "api_secret": "secret-of-admin-admin", "lifetime_s": 86_400})
    token = msgspec.json.decode(exchange.on_request("POST", "/auth/login", {}, {}, login, START_NS).body)["token"]
    for currency, amount in (("JPY", "900000000"), ("BTC", "100000")):
        for _ in range(1_000 if currency == "JPY" else 1):
            body = msgspec.json.encode({"amount": amount, "currency": currency})
            headers = {"authorization": f"Bearer {token}"}
            answer = exchange.on_request("POST", "/admin/accounts/mm1/deposit", {}, headers, body, START_NS)
            assert answer.status < 300, answer.body
    return exchange


def _bot(algo_id: str, min_price_change: str | None, sizes: str, margins: str) -> BotConfig:
    sections = {
        "instrument": {"account": "mm1", "instrument": SYMBOL, "exchange": TARGET, "source_exchange": "KRAKEN"},
        "pricer": {
            "running": True,
            "buy_quote_sizes": sizes,
            "sell_quote_sizes": sizes,
            "buy_margins": margins,
            "sell_margins": margins,
            "source_aggregation": "BEST_AGGREGATED",
            "min_spread": "4 bps [40]",
            "min_price_change": min_price_change,
        },
        "risk_limits": {"max_long_exposure": 100, "max_short_exposure": 100},
    }
    return BotConfig(algo_id=algo_id, kind="spot", revision=1, running=True, sections=sections, actor="bench", ts_ns=0)


def _market() -> Market:
    return Market(
        venue=TARGET,
        symbol=SYMBOL,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        currency="JPY",
        tick_size=TICK,
        lot_size=LOT,
        min_notional=Decimal(1),
        ts_received_ns=0,
    )
