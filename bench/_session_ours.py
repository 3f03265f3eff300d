"""The platform's own maker in virtual time: the pricer's core and the quoter's core, as they run live.

Left out are what does not decide: the bus (an event reaches the next core in the same instant), the text of frames,
login and recovery, and risk, whose limits are made by its own function and whose positions are the fills' sums.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from _session_hedge import Hedge
from _session_venue import ASSET, DEPOSIT_MICROS, EXPIRY_NS, OPEN_NS, SERIES, Fact, HttpRequest, Schedule, Venue
from _session_world import FEED_NS, NS_PER_S, STEP_NS, STEPS, WARM_S
from common.bots import BinaryBot
from common.core import Effect, Receipt, Sample, Turn
from common.events import (
    Alert,
    Book,
    BotConfig,
    BotLimits,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    Halt,
    InstrumentKey,
    Level,
    Market,
    MarketStatus,
    Position,
    PositionLine,
    Posting,
    RiskState,
    TopOfBook,
    Trade,
)
from common.instruments import InstrumentKind, Outcome, Side
from exchange.market.money import underlying_text
from exchange.market.trading import Ticket
from pricer.service import Pricer
from quoter.orders.own_orders import Orders
from quoter.service import Quoter
from quoter.venues.base import CashBalance, ConversionEnded, Output, Outputs, Placement
from quoter.venues.degen.frames import TICK_SIZE, Frame, WireError, account_news, execution, order_report
from quoter.venues.degen.order_entry import Waiting, outcomes
from quoter.venues.degen.spot import Symbols
from risk.monitoring.limits import limits_of
from risk.monitoring.platform_limits import parse_platform_limits
from toolkit.paths import CONFIG_DIR

BOT, ACCOUNT, VENUE, SOURCE, SYMBOL = "1", "mm1", "degen", "binance", "BTCUSDT"
EPOCH = 1
NO_SYMBOLS = Symbols()
TIMER_MS = 100
"""Live it is 50 ms; half as often gives the same figures here, where a price comes each 100 ms, in less time."""
DEPOSIT = Decimal(DEPOSIT_MICROS) / 1_000_000
RISK_NS = 500_000_000
STATUS_NS = NS_PER_S // 5
BOOK_NS = 200_000_000
"""The quoter looks at books this often, as it asks for; what it sees is as old as the feed makes it."""
BOOK_LEVELS = 10
WARM_EVERY_S = 5
LEAD_S = 3
"""Before the opening the cores hear status and prices each second for this long, as they would live."""


def sections_with(settings: Sequence[str]) -> BinaryBot:
    """Return a bot of nothing but defaults with some settings of its own, such as 'inventory.model=cara'."""
    document: dict[str, Any] = {
        "instrument": {"series": [SERIES], "sources": {ASSET: [{"venue": SOURCE, "symbol": SYMBOL}]}},
        "risk_limits": {},
    }
    for setting in settings:
        path, _, value = setting.partition("=")
        section, _, name = path.partition(".")
        try:
            found = msgspec.json.decode(value.encode())
        except msgspec.DecodeError:
            found = value
        document.setdefault(section, {})[name] = found
    return BinaryBot.parse(document)


def limits_for(sections: BinaryBot) -> BotLimits:
    """Return the limits that risk would publish."""
    document = tomllib.loads((Path(CONFIG_DIR) / "risk.toml").read_text())
    found = limits_of(sections, parse_platform_limits(document["limits"]))
    assert found is not None, "the bot states risk_limits"
    return found


class MemorySession:
    """The quoter's private session without the frames: always up, and every word of the venue arrives."""

    name = "degen"
    currency = "USD"
    tick_size = TICK_SIZE
    lot_size = Decimal(1)
    counts_places = True
    connected = reconciled = nothing_rests = True

    def __init__(self, venue: Venue, report: Any) -> None:
        self._venue, self._report = venue, report

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        return []

    def on_open(self, now_ns: int) -> Outputs:
        return []

    def on_frame(self, data: bytes, now_ns: int) -> Outputs:
        return []

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        return []

    def on_answer(self, answer: Any, now_ns: int) -> Outputs:
        return []

    def on_timer(self, now_ns: int) -> Outputs:
        return []

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        return []

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        return []

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        return []

    @property
    def accepts_resting_orders(self) -> bool:
        return True

    def armed(self, now_ns: int) -> bool:
        return True

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {}

    def samples(self) -> Iterable[Sample]:
        return ()

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Iterable[Effect]:
        self._venue.send(list(cancels), [_ticket(place) for place in places])
        return ()

    def convert(self, symbol: str, pairs: int, now_ns: int) -> Outputs:
        self._venue.send_conversion(pairs, lambda why: self._report([ConversionEnded(symbol, pairs, why)]))
        return []


def _ticket(place: Placement) -> Ticket:
    return Ticket(
        place.order_id,
        place.symbol,
        "bid" if place.side is Side.BUY else "ask",
        "no" if place.outcome is Outcome.NO else "yes",
        place.price_ticks,
        place.quantity_lots,
        "ioc" if place.immediate else "gtc",
        place.post_only,
    )


def _answers(refused: Sequence[HttpRequest]) -> list[Output]:
    """Return what refusals say, read as the live session reads the items of its batches."""
    cancels = [ask for ask in refused if ask.op == "cancel"]
    places = [ask for ask in refused if ask.op == "place"]
    sent = Waiting("batch", 0, [ask.client_order_id for ask in cancels], [ask.client_order_id for ask in places])
    items = [WireError(ask.code) for ask in (*cancels, *places)]
    return outcomes(sent, items, [])


class Ours:
    """Pricer and quoter with what they need to hear, at one venue."""

    def __init__(
        self,
        sections: BinaryBot,
        venue: Venue,
        schedule: Schedule,
        timer_ms: int = TIMER_MS,
        hedge: Hedge | None = None,
    ) -> None:
        """`hedge` is told what is held and what it is worth; it trades elsewhere and changes nothing here."""
        self._hedge = hedge
        self._venue, self._schedule = venue, schedule
        self._timer_ns = timer_ms * 1_000_000
        self._limits = limits_for(sections)
        self._pricer = Pricer([SOURCE])
        orders = Orders()
        self.quoter = Quoter(ACCOUNT, VENUE, MemorySession(venue, self._on_reports), orders)
        self._pricer.epoch = self.quoter.epoch = EPOCH
        self._spots = venue.world.spots
        self._held: dict[str, tuple[int, int]] = {}
        self._costs: dict[str, Decimal] = {}
        self._fills = 0
        self.alerts: dict[str, int] = {}
        """How often something was said that people should know, by kind."""
        self._config = BotConfig(
            algo_id=BOT,
            kind="binary",
            revision=1,
            running=True,
            sections=sections.model_dump(mode="json"),
            actor="bench",
            ts_ns=OPEN_NS,
        )
        venue.on_facts = self._on_facts
        venue.on_print = self._on_print

    def start(self) -> None:
        """Hear the past, begin, and plan what is heard in the life of the market."""
        begin_ns = OPEN_NS - LEAD_S * NS_PER_S
        pricer, quoter = self._pricer, self.quoter
        # The position is known before anything is quoted, as recovery sees to it live.
        for event in (self._position(), self._risk_state(begin_ns)):
            self._hand(event, begin_ns)
        list(pricer.on_bot(self._config, Receipt(begin_ns)))
        list(quoter.on_config(self._config, Receipt(begin_ns)))
        for second in range(-WARM_S, -LEAD_S, WARM_EVERY_S):
            self._hear_price(OPEN_NS + second * NS_PER_S, float(self._venue.world.warm[WARM_S + second]))
        list(quoter.start(Receipt(begin_ns)))
        list(quoter.on_session([CashBalance(MemorySession.currency, DEPOSIT, 0)], Receipt(begin_ns)))
        schedule = self._schedule
        schedule.at(begin_ns, self._on_risk)
        schedule.at(begin_ns, self._on_status)
        for second in range(-LEAD_S, 0):
            price = float(self._venue.world.warm[WARM_S + second])
            schedule.at(OPEN_NS + second * NS_PER_S + FEED_NS, lambda price=price: self._on_price(price))  # type: ignore[misc]
        schedule.at(OPEN_NS + FEED_NS, self._on_opened)
        schedule.at(OPEN_NS + FEED_NS, lambda: self._on_step(0))
        schedule.at(begin_ns, self._on_timer)
        schedule.at(OPEN_NS + FEED_NS, self._look_at_book)

    # --- what it hears --------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._schedule.now_ns > EXPIRY_NS

    def _on_step(self, step: int) -> None:
        self._on_price(float(self._spots[step]))
        if step < STEPS:
            self._schedule.at(OPEN_NS + (step + 1) * STEP_NS + FEED_NS, lambda: self._on_step(step + 1))

    def _on_price(self, price: float) -> None:
        self._hear_price(self._schedule.now_ns, price)
        self._take_turn(())

    def _hear_price(self, now_ns: int, price: float) -> None:
        top = TopOfBook(
            venue=SOURCE,
            symbol=SYMBOL,
            bid=price,
            ask=price,
            bid_size=1.0,
            ask_size=1.0,
            ts_event_ns=now_ns - FEED_NS,
            ts_received_ns=now_ns,
            epoch=EPOCH,
        )
        for value in self._pricer.on_top(top, Receipt(now_ns)):
            if isinstance(value, FairValue):
                self._carry_out(self.quoter.on_fair(value, Receipt(now_ns)))
                if self._hedge is not None:
                    self._hedge.on_fair(value)

    def _on_opened(self) -> None:
        market = self._venue.market
        assert market.strike_units is not None
        event = Market(
            venue=VENUE,
            symbol=market.id,
            kind=InstrumentKind.BINARY,
            status=MarketStatus.OPEN,
            underlying=ASSET,
            series=SERIES,
            strike=Decimal(underlying_text(market.strike_units)),
            tick_size=TICK_SIZE,
            open_ns=market.open_ns,
            expiry_ns=market.expiry_ns,
            ts_received_ns=self._schedule.now_ns,
            epoch=EPOCH,
        )
        receipt = Receipt(self._schedule.now_ns)
        list(self._pricer.on_market(event, receipt))
        self._take_turn(self.quoter.on_market(event, receipt))

    def _on_timer(self) -> None:
        now_ns = self._schedule.now_ns
        self._take_turn(self.quoter.on_timer(Receipt(now_ns)))
        if not self._over():
            self._schedule.at(now_ns + self._timer_ns, self._on_timer)

    def _on_risk(self) -> None:
        now_ns = self._schedule.now_ns
        self._hand(self._risk_state(now_ns), now_ns)
        if not self._over():
            self._schedule.at(now_ns + RISK_NS, self._on_risk)

    def _on_status(self) -> None:
        now_ns = self._schedule.now_ns
        for venue in (SOURCE, VENUE):
            status = FeedStatus(
                venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, epoch=EPOCH
            )
            list(self._pricer.on_status(status, Receipt(now_ns)))
            if venue == VENUE:
                list(self.quoter.on_feed_status(status, Receipt(now_ns)))
        if not self._over():
            self._schedule.at(now_ns + STATUS_NS, self._on_status)

    def _look_at_book(self) -> None:
        """Take the book as it is and hand it over when the feed would have brought it."""
        now_ns = self._schedule.now_ns
        bids, asks = self._venue.market.book.levels(BOOK_LEVELS)
        book = Book(
            venue=VENUE,
            symbol=self._venue.market.id,
            bids=[Level(float(price), float(size)) for price, size in bids],
            asks=[Level(float(price), float(size)) for price, size in asks],
            ts_event_ns=now_ns,
            ts_received_ns=now_ns + FEED_NS,
            epoch=EPOCH,
        )
        self._schedule.at(now_ns + FEED_NS, lambda: self._on_book(book))
        if not self._over():
            self._schedule.at(now_ns + BOOK_NS, self._look_at_book)

    def _on_book(self, book: Book) -> None:
        self._take_turn(self.quoter.on_book(book, Receipt(self._schedule.now_ns)))

    def _on_print(self, fact: Fact) -> None:
        now_ns = self._schedule.now_ns
        trade = Trade(
            venue=VENUE,
            symbol=fact["market"],
            trade_id=fact["trade_id"],
            price=float(fact["price"]),
            size=float(fact["size"]),
            buyer_is_maker=fact["taker_side"] == "ask",
            ts_received_ns=now_ns,
            epoch=EPOCH,
        )
        self._take_turn(self.quoter.on_trade(trade, Receipt(now_ns)))

    def _on_facts(self, facts: list[Fact], refused: list[HttpRequest]) -> None:
        outputs: list[Output] = _answers(refused)
        for fact in facts:
            frame = msgspec.convert(fact, Frame, strict=False)
            if frame.fill is not None:
                outputs.append(execution(frame.fill, NO_SYMBOLS, recovered=False))
            elif frame.order is not None:
                outputs.append(order_report(frame.order, NO_SYMBOLS))
            else:
                outputs += account_news(frame)
        self._on_reports(outputs)

    def _on_reports(self, outputs: Iterable[Output]) -> None:
        self._take_turn(self.quoter.on_session(outputs, Receipt(self._schedule.now_ns)))

    # --- what it does ---------------------------------------------------------------------------------------------

    def _take_turn(self, effects: Iterable[Effect]) -> None:
        self._carry_out(effects)
        self._carry_out(self.quoter.after_burst(Receipt(self._schedule.now_ns)))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        booked, turns = [], list[Turn]()
        for effect in effects:
            if isinstance(effect, Fill | Posting):
                booked.append(effect)
            elif isinstance(effect, Turn):
                turns.append(effect)
            elif isinstance(effect, Alert):
                self.alerts[effect.kind] = self.alerts.get(effect.kind, 0) + 1
            else:
                assert not isinstance(effect, Halt), f"the quoter halted: {effect.reason}: {effect.detail}"
        if booked:
            self._book(booked)
        for turn in turns:
            self._take_turn(turn.handler(Receipt(self._schedule.now_ns)))

    def _book(self, events: Iterable[Fill | Posting]) -> None:
        """Do what broker and ledger do: number each event, and state the position that contains it."""
        now_ns = self._schedule.now_ns
        for event in events:
            self._fills += 1
            if isinstance(event, Fill):
                lots = event.quantity_lots * event.side.sign
                change = (0, lots) if event.outcome is Outcome.NO else (lots, 0)
                cost = lots * event.price
            else:
                # Of merged pairs that is their payout: about what they cost.
                change, cost = (event.lots_of(Outcome.YES), event.lots_of(Outcome.NO)), -event.cash[event.currency]
            self._costs[event.symbol] = self._costs.get(event.symbol, Decimal(0)) + cost
            yes, no = self._held.get(event.symbol, (0, 0))
            self._held[event.symbol] = (yes + change[0], no + change[1])
            if self._hedge is not None:
                self._hedge.on_held(event.symbol, *self._held[event.symbol])
            self._carry_out(self.quoter.on_published(event, self._fills, Receipt(now_ns)))
        self._hand(self._position(), now_ns)

    def _hand(self, event: Event, now_ns: int) -> None:
        handler = self.quoter.on_position if isinstance(event, Position) else self.quoter.on_risk
        self._carry_out(handler(event, Receipt(now_ns)))  # type: ignore[arg-type]

    def _position(self) -> Position:
        lines = [
            PositionLine(ACCOUNT, InstrumentKey(VENUE, symbol, outcome), lots, cost, Decimal(0), self._fills)
            for symbol, (yes, no) in self._held.items()
            for outcome, lots, cost in ((Outcome.YES, yes, self._costs[symbol]), (Outcome.NO, no, Decimal(0)))
        ]
        return Position(
            algo_id=BOT,
            lines=lines,
            realized=Decimal(0),
            fees=Decimal(0),
            fill_sequence=self._fills,
            ts_ns=self._schedule.now_ns,
            epoch=EPOCH,
        )

    def _risk_state(self, now_ns: int) -> RiskState:
        return RiskState(
            shard="0",
            ledger_sequence=self._fills,
            limits={},
            bot_limits={BOT: self._limits},
            config_revisions={BOT: 1},
            halts=[],
            ts_ns=now_ns,
            epoch=EPOCH,
        )
