"""Scripts for the quoter's core: a quoter with a venue, inputs as events, and everything that came out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeVar

from common.core import Answered, Close, Core, Effect, HttpRequest, Keep, Open, Receipt, Send, Turn
from common.events import (
    BotConfig,
    BotLimits,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    InstrumentKey,
    Market,
    MarketStatus,
    OrderUpdate,
    OrderUpdates,
    Position,
    PositionLine,
    Posting,
    RiskState,
)
from common.instruments import InstrumentKind, Outcome
from common.testing.limits import binary_limits, market_limits

from quoter.accounts.quoters import Quoters
from quoter.orders.own_orders import Orders
from quoter.orders.terms import terms_of
from quoter.service import Quoter
from quoter.testing.venue import Venue
from quoter.venues.degen.fallback import Fallback
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession
from quoter.views.answers import Answers

MS = 1_000_000
S = 1_000_000_000
START_NS = 1_795_222_800 * S
MARKET = "BTC-5M-1795223100"
KEY = ApiKey("trade", "mm1-trade", "very-secret", ("read", "trade", "cancel"))
LIMITS = binary_limits()
SECTIONS: dict[str, Any] = {
    "instrument": {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}},
    "risk_limits": {},
    # Ladders as they are configured: what takers will surely bring has tests of its own.
    "inventory": {"flow_caution": 0.0},
}
E = TypeVar("E")


def market(status: MarketStatus = MarketStatus.OPEN, symbol: str = MARKET) -> Market:
    return Market(
        venue="degen",
        symbol=symbol,
        kind=InstrumentKind.BINARY,
        status=status,
        underlying="BTC",
        series="BTC-5M",
        strike=Decimal(60_000),
        tick_size=Decimal("0.01"),
        open_ns=START_NS,
        expiry_ns=START_NS + 300 * S,
        ts_received_ns=0,
    )


MARKET_LIMITS = market_limits(LIMITS, terms_of(market()).instrument)
"""`LIMITS` as they hold in the market."""


def config(revision: int = 1, *, running: bool = True, algo_id: str = "1", **sections: Any) -> BotConfig:
    """Return a bot's configuration: fields of sections replace ours, None in place of a section leaves it out."""
    ours = {name: found if found is None else SECTIONS.get(name, {}) | found for name, found in sections.items()}
    return BotConfig(
        algo_id=algo_id,
        kind="binary",
        revision=revision,
        running=running,
        sections=SECTIONS | ours,
        actor="test",
        ts_ns=0,
    )


def risk_state(
    now_ns: int, *, limits: BotLimits | None = LIMITS, revision: int = 1, halts: Iterable[str] = ()
) -> RiskState:
    bots = ("1", "2")
    return RiskState(
        shard="0",
        ledger_sequence=0,
        limits={},
        bot_limits=dict.fromkeys(bots, limits) if limits else {},
        config_revisions=dict.fromkeys(bots, revision),
        halts=list(halts),
        ts_ns=now_ns,
    )


def position_line(
    lots: int, outcome: Outcome = Outcome.YES, symbol: str = MARKET, account: str = "mm1"
) -> PositionLine:
    """Return what risk says of an instrument that is held; it cost nothing."""
    return PositionLine(account, InstrumentKey("degen", symbol, outcome), lots, Decimal(0), Decimal(0), 1)


def position(fill_sequence: int = 0, yes: int = 0, no: int = 0, algo_id: str = "1") -> Position:
    held = ((Outcome.YES, yes), (Outcome.NO, no))
    lines = [position_line(lots, outcome) for outcome, lots in held if lots]
    return Position(
        algo_id=algo_id, lines=lines, realized=Decimal(0), fees=Decimal(0), fill_sequence=fill_sequence, ts_ns=0
    )


def fair_value(
    value: float, algo_id: str = "1", symbol: str = MARKET, *, age_ms: int = 0, ready: bool = True
) -> FairValue:
    return FairValue(
        algo_id=algo_id,
        venue="degen",
        symbol=symbol,
        fair=value,
        delta=0.0,
        volatility=0.5,
        spot=60_000.0,
        seconds_left=200.0,
        ready=ready,
        age_ns=age_ms * MS,
    )


def degen_quoter(key: ApiKey, fallback: Fallback = Fallback.CANCEL, account: str = "mm1", **more: Any) -> Quoter:
    """Return the quoter of an account at the Degen Terminal."""
    orders = Orders()
    return Quoter(account, "degen", DegenSession(key, "http://venue", orders, fallback=fallback), orders, **more)


class Script:
    """Drives one quoter against one venue; `told` collects every event that came out."""

    def __init__(self, venue: Venue | None = None, *, epoch: int = 3, fallback: Fallback = Fallback.CANCEL) -> None:
        self.venue = venue or Venue()
        self.now_ns = START_NS + 10 * S
        answers = Answers()
        self.core: Quoter = degen_quoter(KEY, fallback, answer=answers.give)
        self.doors = Quoters({"mm1": lambda: self.core}, answers)
        """What people order of the process, whose only account it is."""
        self.core.epoch = epoch
        self.told: list[Event] = []
        self.answered: list[Answered] = []
        """What waited commands have come to."""
        self.kept: dict[str, bytes] = {}
        """Documents on disk."""
        self.fill_sequence = 100
        self.confirm = True
        """Whether the broker confirms fills at once."""
        self.hold_frames = False
        """Keep the venue's frames back until `deliver`."""
        self.hold_answers = False
        self.held_asks: list[HttpRequest] = []
        self.closes: list[str] = []

    # --- carrying -----------------------------------------------------------------------------------------------

    def receipt(self, sequence: int = 0, age_ms: int = 0) -> Receipt:
        return Receipt(self.now_ns, age_ms * MS, sequence)

    def carry(self, effects: Iterable[Effect]) -> None:
        """Carry effects out, and hand in what they cause, until nothing is left to do."""
        for effect in list(effects):
            self._carry_one(effect)
        for effect in list(self.core.after_burst(self.receipt())):
            self._carry_one(effect)
        if not self.hold_frames:
            self.deliver()

    def _carry_one(self, effect: Effect) -> None:
        core = self.core
        if isinstance(effect, Event):
            self.told.append(effect)
            if isinstance(effect, Fill | Posting) and self.confirm:
                self.confirm_fill(effect)
        elif isinstance(effect, Turn):
            self.carry(effect.handler(self.receipt()))
        elif isinstance(effect, Answered):
            self.answered.append(effect)
        elif isinstance(effect, Keep):
            self.kept.pop(effect.name, None)
            if effect.data:
                self.kept[effect.name] = effect.data
        elif isinstance(effect, Send):
            self.venue.on_send(effect)
        elif isinstance(effect, HttpRequest):
            if self.hold_answers:
                self.held_asks.append(effect)
            else:
                self.carry(core.on_answer(self.venue.on_ask(effect), self.receipt()))
        elif isinstance(effect, Open):
            if self.venue.opened(effect):
                self.carry(core.on_open(self.receipt()))
            else:
                self.carry(core.on_close("cannot connect", self.receipt()))
        elif isinstance(effect, Close):
            self.closes.append(effect.reason)
            self.cut(effect.reason)

    def deliver(self, frames: Iterable[bytes] | None = None) -> None:
        for frame in self.venue.take_frames() if frames is None else frames:
            self.carry(self.core.on_frame(frame, self.receipt()))

    def answer_held(self) -> None:
        self.hold_answers = False
        asks, self.held_asks = self.held_asks, []
        for ask in asks:
            self.carry(self.core.on_answer(self.venue.on_ask(ask), self.receipt()))

    def cut(self, reason: str = "cut") -> None:
        self.venue.disconnect()
        self.carry(self.core.on_close(reason, self.receipt()))

    def confirm_fill(self, fill: Fill | Posting) -> None:
        self.fill_sequence += 1
        self.carry(self.core.on_published(fill, self.fill_sequence, self.receipt()))

    # --- inputs -------------------------------------------------------------------------------------------------

    def feed_inputs(self, **risk: Any) -> None:
        """Hand in what every quoter needs to hear all the time."""
        core = self.core
        self.carry(
            core.on_feed_status(
                FeedStatus(venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True),
                self.receipt(),
            )
        )
        self.carry(core.on_risk(risk_state(self.now_ns, **risk), self.receipt()))

    def start(self, *configs: BotConfig, feeding: bool = True) -> None:
        core = self.core
        for each in configs or (config(),):
            self.carry(core.on_config(each, self.receipt(1)))
            self.carry(core.on_position(position(algo_id=each.algo_id), self.receipt()))
        self.carry(core.on_market(market(), self.receipt(2)))
        if feeding:
            self.feed_inputs()
        self.carry(core.start(self.receipt()))
        self.wait(50)

    def wait(self, ms: int, *, feeding: bool = True, fair: float | None = None) -> None:
        """Let time pass in steps of the timer, with everything fresh unless told otherwise."""
        for _ in range(max(1, ms // 50)):
            self.now_ns += 50 * MS
            if feeding:
                self.feed_inputs()
            if fair is not None:
                self.fair(fair)
            self.carry(self.core.on_timer(self.receipt()))

    def fair(self, value: float, algo_id: str = "1", **more: Any) -> None:
        self.carry(self.core.on_fair(fair_value(value, algo_id, **more), self.receipt()))

    def quoting(self, value: float = 0.50) -> None:
        """Start and quote around a fair value, past the wait after the first stale look."""
        self.start()
        self.wait(500, fair=value)
        self.told.clear()

    # --- what came of it ----------------------------------------------------------------------------------------

    def of(self, cls: type[E]) -> list[E]:
        return [event for event in self.told if isinstance(event, cls)]

    def news(self) -> list[OrderUpdate]:
        """Every change of an order that was told."""
        return [update for updates in self.of(OrderUpdates) for update in updates.orders]

    def updates(self, order_id: int) -> list[str]:
        return [update.state.value for update in self.news() if update.order_id == order_id]


def run_core(core: Core) -> None:
    """Ask a core for everything people may ask it, so that a script ends with a look at its snapshot."""
    list(core.samples())
    core.state(START_NS)
    core.unready(START_NS)
