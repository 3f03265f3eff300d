"""A platform told by events, for tests and demonstrations of the gateway: what each service would say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from common.clock import NS_PER_S, AnchoredClock, ManualClock
from common.core import Effects, HttpRequest, HttpResponse, Receipt
from common.emptying import EMPTIED
from common.events import (
    AccountState,
    Alert,
    AlertLevel,
    Balance,
    BotConfig,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    Holding,
    InstrumentKey,
    InstrumentTerms,
    Lease,
    Liquidity,
    Market,
    MarketStatus,
    Money,
    OpenOrder,
    OrderUpdate,
    OrderUpdates,
    Position,
    PositionLine,
    QuoteLevel,
    QuoteTarget,
    RiskState,
    Statistics,
    TopOfBook,
    User,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import OrderState
from common.testing.limits import binary_limits

from gateway.changes.configuration import revise
from gateway.state.view import View

E = TypeVar("E", bound=Event)

START_NS = 1_795_222_805 * NS_PER_S
"""2026-11-21 01:00:05 UTC: five seconds into the market below."""
SYMBOL = "BTC-5M-1795223100"
EXPIRY_NS = 1_795_223_100 * NS_PER_S
LIFE_NS = 300 * NS_PER_S
TICK = Decimal("0.01")
URLS = {"feed": "http://feed.test", "quoter": "http://quoter.test", "watchdog": "http://watchdog.test"}


@dataclass
class Story:
    """Makes the platform's events, each with what does not matter filled in, and tells them to a view."""

    view: View
    clock: ManualClock | AnchoredClock
    _sequences: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _orders: dict[int, int] = field(default_factory=dict)
    _updates: int = 0

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def tell(self, handler: Callable[[E, Receipt], Effects], event: E, *, age_ns: int = 0) -> E:
        """Hand an event to the view as the shell would, with the next sequence."""
        list(handler(event, Receipt(self.now_ns, age_ns, next(self._sequences))))
        return event

    def later(self, seconds: float) -> None:
        assert isinstance(self.clock, ManualClock), "only a manual clock can be moved"
        self.clock.advance_to(self.now_ns + int(seconds * NS_PER_S))

    def bot(self, algo_id: str = "1", *, running: bool = True, limits: bool = True) -> BotConfig:
        known = self.view.bots.get(algo_id)
        config = revise(
            known.event if known else None,
            algo_id=algo_id,
            kind="binary",
            running=running,
            sections=self.sections(limits=limits),
            revision=known.event.revision if known else 0,
            actor="first-start",
            reason="",
            now_ns=self.now_ns,
        )
        self.tell(self.view.on_bot, config)
        return config

    def sections(self, *, limits: bool = True, spread: float = 0.04) -> dict[str, Any]:
        sections: dict[str, Any] = {
            "instrument": {
                "venue": "degen",
                "account": "mm1",
                "series": ["BTC-5M"],
                "sources": {"BTC": [{"venue": "binance", "symbol": "BTCUSDT"}]},
            },
            "quoting": {"spread": spread},
        }
        if limits:
            sections["risk_limits"] = {"max_daily_loss": "1000"}
        return sections

    def market(self, symbol: str = SYMBOL, status: MarketStatus = MarketStatus.OPEN, **changes: Any) -> Market:
        fields: dict[str, Any] = {
            "venue": "degen",
            "symbol": symbol,
            "kind": InstrumentKind.BINARY,
            "status": status,
            "underlying": "BTC",
            "series": "BTC-5M",
            "title": "BTC above 60000.00 at 2026-11-21 01:05:00 UTC?",
            "strike": Decimal("60000.00"),
            "tick_size": TICK,
            "open_ns": EXPIRY_NS - LIFE_NS,
            "expiry_ns": EXPIRY_NS,
            "ts_received_ns": self.now_ns,
        }
        return self.tell(self.view.on_market, Market(**(fields | changes)))

    def fair(self, value: float = 0.52, symbol: str = SYMBOL, *, age_ns: int = 0, **changes: Any) -> FairValue:
        fields: dict[str, Any] = {
            "algo_id": "1",
            "venue": "degen",
            "symbol": symbol,
            "fair": value,
            "delta": 0.0009,
            "volatility": 0.42,
            "spot": 60_012.3,
            "seconds_left": (EXPIRY_NS - self.now_ns) / NS_PER_S,
            "ready": True,
            "age_ns": age_ns,
        }
        return self.tell(self.view.on_fair, FairValue(**(fields | changes)))

    def target(
        self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], symbol: str = SYMBOL, **changes: Any
    ) -> QuoteTarget:
        fields: dict[str, Any] = {
            "algo_id": "1",
            "account": "mm1",
            "venue": "degen",
            "symbol": symbol,
            "bids": [QuoteLevel(*level) for level in bids],
            "asks": [QuoteLevel(*level) for level in asks],
            "fair": 0.52,
            "state": "quoting",
            "valid_until_ns": self.now_ns + NS_PER_S,
        }
        return self.tell(self.view.on_target, QuoteTarget(**(fields | changes)))

    def order(
        self,
        order_id: int,
        ticks: int,
        lots: int = 100,
        *,
        outcome: Outcome = Outcome.YES,
        state: OrderState = OrderState.LIVE,
        symbol: str = SYMBOL,
        leaves: int | None = None,
        sequence: int | None = None,
    ) -> OrderUpdates:
        self._orders[order_id] = sequence or self._orders.get(order_id, 0) + 1
        update = OrderUpdate(
            account="mm1",
            algo_id="1",
            venue="degen",
            symbol=symbol,
            order_id=order_id,
            order_sequence=self._orders[order_id],
            venue_order_id=str(order_id),
            outcome=outcome,
            side=Side.BUY,
            price_ticks=ticks,
            quantity_lots=lots,
            leaves_lots=lots if leaves is None else leaves,
            state=state,
            ts_received_ns=self.now_ns,
        )
        self._updates += 1
        updates = OrderUpdates(account="mm1", algo_id="1", update_sequence=self._updates, orders=[update])
        return self.tell(self.view.on_orders, updates)

    def fill(
        self, trade_id: str, ticks: int, lots: int, *, outcome: Outcome = Outcome.YES, symbol: str = SYMBOL
    ) -> Fill:
        fill = Fill(
            account="mm1",
            algo_id="1",
            instrument=InstrumentTerms(
                venue="degen",
                symbol=symbol,
                outcome=outcome,
                kind=InstrumentKind.BINARY,
                currency="USD",
                tick_size=TICK,
            ),
            order_id=7,
            order_sequence=2,
            venue_order_id="7",
            venue_trade_id=trade_id,
            side=Side.BUY,
            price_ticks=ticks,
            quantity_lots=lots,
            leaves_lots=0,
            liquidity=Liquidity.MAKER,
            fee=Decimal("-0.02"),
            rate=Decimal(1),
            fee_currency="USD",
            ts_event_ns=self.now_ns,
            ts_received_ns=self.now_ns,
        )
        return self.tell(self.view.on_fill, fill)

    def position(self, yes: int, no: int, cost: str, *, realized: str = "0", sequence: int = 1) -> Position:
        lines = [
            PositionLine("mm1", InstrumentKey("degen", SYMBOL, Outcome.YES), yes, Decimal(cost), Decimal("-0.10"), 3),
            PositionLine("mm1", InstrumentKey("degen", SYMBOL, Outcome.NO), no, Decimal(0), Decimal(0), 0),
        ]
        position = Position(
            algo_id="1",
            lines=lines if yes or no else [],
            realized=Decimal(realized),
            fees=Decimal("-0.10"),
            fill_sequence=sequence,
            ts_ns=self.now_ns,
        )
        return self.tell(self.view.on_position, position)

    def statistics(self, realized: float, unrealized: float, daily: float) -> Statistics:
        figures = {"pnl_realized": realized, "pnl_unrealized": unrealized, "daily_pnl": daily, "fees": -0.8}
        return self.tell(self.view.on_statistics, Statistics(scope="bot-1", figures=figures, ts_ns=self.now_ns))

    def risk(self, *, daily: str = "13.70", epoch: int = 1, limits: bool = True) -> RiskState:
        state = RiskState(
            epoch=epoch,
            shard="0",
            ledger_sequence=417,
            limits={},
            bot_limits={"1": binary_limits()} if limits else {},
            config_revisions={"1": 1},
            halts=[],
            daily_pnl={"1": Decimal(daily)},
            ts_ns=self.now_ns,
        )
        return self.tell(self.view.on_risk, state)

    def feed(self, venue: str = "degen", **changes: Any) -> FeedStatus:
        fields: dict[str, Any] = {
            "venue": venue,
            "connected": True,
            "silent_ns": 40_000_000,
            "clock_offset_ns": 0,
            "clock_known": True,
            "money": Money.PAPER,
            "price_sources": {"BTC": "replay"},
        }
        return self.tell(self.view.on_feed, FeedStatus(**(fields | changes)))

    def top(self, bid: float, ask: float, symbol: str = SYMBOL) -> TopOfBook:
        top = TopOfBook(
            venue="degen", symbol=symbol, bid=bid, ask=ask, bid_size=200, ask_size=150, ts_received_ns=self.now_ns
        )
        return self.tell(self.view.on_top, top)

    def account(self, *orders: OpenOrder) -> AccountState:
        state = AccountState(
            account="mm1",
            venue="degen",
            main=Balance(currency="USD", total=Decimal("99812.400000"), available=Decimal("99500.000000")),
            holdings=[
                Holding(InstrumentKey("degen", SYMBOL, outcome), lots)
                for outcome, lots in ((Outcome.YES, 120), (Outcome.NO, 100))
            ],
            open_orders=list(orders),
            account_sequence=12,
            reason="timer",
            ts_event_ns=self.now_ns,
            ts_received_ns=self.now_ns,
        )
        return self.tell(self.view.on_account, state)

    def alert(self, text: str, level: AlertLevel = AlertLevel.WARNING) -> Alert:
        alert = Alert(level=level, algo_id="1", source="risk", kind="daily_loss_warning", text=text, ts_ns=self.now_ns)
        return self.tell(self.view.on_alert, alert)

    def emptied(self, said: str, source: str = "quoter") -> Alert:
        """Tell what came of emptying a scope."""
        alert = Alert(
            level=AlertLevel.INFO, algo_id="platform", source=source, kind=EMPTIED, text=said, ts_ns=self.now_ns
        )
        return self.tell(self.view.on_alert, alert)

    def lease(self, epoch: int = 3, beat: int = 1, *, holder: str = "quoter-up") -> Lease:
        """Tell a beat of the quoter of mm1."""
        lease = Lease(role="quoter", key="mm1", holder=holder, beat=beat, ttl_ms=2_000, epoch=epoch)
        return self.tell(self.view.on_lease, lease)

    def user(self, user_id: str, *roles: str, password_hash: str = "", disabled: bool = False) -> User:
        known = self.view.users.get(user_id)
        user = User(
            id=user_id,
            name=user_id.title(),
            password_hash=password_hash,
            roles=list(roles),
            disabled=disabled,
            revision=known.user.revision + 1 if known else 1,
            actor="first-start",
            ts_ns=self.now_ns,
        )
        return self.tell(self.view.on_user, user)

    def answered(self, name: str, page: str, status: int, body: bytes = b"{}") -> None:
        """Let a service answer the next question put to it."""
        for ask in self.view.on_round(Receipt(self.now_ns)):
            if isinstance(ask, HttpRequest) and ask.url == f"{URLS[name]}/{page}":
                list(self.view.on_answer(HttpResponse(ask.request_id, status, body, {}), Receipt(self.now_ns)))

    def quoting(self) -> None:
        """Everything as it is on a good day: one bot quotes one market, two levels a side, something is held."""
        self.bot()
        self.market()
        self.feed()
        self.feed("binance")
        self.risk()
        self.tell(
            self.view.on_statistics,
            Statistics(scope="streams", figures={"FILL": 0.12, "ORDER": 1.0}, ts_ns=self.now_ns),
        )
        self.top(0.49, 0.56)
        self.fair(0.52)
        self.target([(50, 100), (49, 100)], [(54, 100), (55, 100)])
        self.order(1, 50)
        self.order(2, 49)
        self.order(3, 46, outcome=Outcome.NO)
        self.order(4, 45, outcome=Outcome.NO)
        self.position(120, 100, "109.20", realized="12.50")
        self.account()
        for name in URLS:
            self.answered(name, "health", 200)
            self.answered(name, "ready", 200)
