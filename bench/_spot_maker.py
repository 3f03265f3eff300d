"""What makers of the spot session have in common: the platform's quoters as they run live, in virtual time.

Left out are what does not decide: the bus (an event reaches the next core in the same instant), the text of frames,
login and recovery, and risk's ledger, whose positions are the fills' sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from _session_ours import MemorySession
from _session_venue import Schedule
from _spot_market import BEGIN_NS, DEPOSIT_DOLLARS, DEPOSITS, END_NS, Fact, HedgeVenue, Refused, Target, Venue
from _spot_world import FEED_NS
from common.core import Effect, Receipt, Turn
from common.events import (
    Alert,
    Book,
    BotConfig,
    BotLimits,
    CommonLimits,
    Event,
    FeedStatus,
    Fill,
    Halt,
    InstrumentKey,
    Market,
    MarketStatus,
    NotionalLimits,
    Position,
    PositionLimits,
    PositionLine,
    Posting,
    RiskState,
    SpotLimits,
)
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.venues import Exchanges
from exchange.spot.orders import SpotTicket
from exchange.spot.terms import SpotTerms
from quoter.accounts.traders import Traders
from quoter.hedging.hedges import Hedges
from quoter.orders.own_orders import Orders
from quoter.service import Quoter
from quoter.venues.base import CashBalance, Output, Placement
from quoter.venues.degen.frames import Frame, WireError, account_news, execution, order_report
from quoter.venues.degen.order_entry import Waiting, outcomes
from quoter.venues.degen.spot import Symbols

BOT = "1"
EXCHANGES = Exchanges({"DLTXMM": Target.name, "KRAKEN": HedgeVenue.name})
EPOCH = 1
TIMER_NS = STATUS_NS = 500_000_000
"""Of quoters and pricer. Live it is 50 and 20 ms; what matters here comes with prices, books and answers."""
RISK_NS = 1_000_000_000
"""Live 250 ms; what fills have moved is hedged at once."""
BOOK_NS = 250_000_000
LEAD_NS = 3_000_000_000
"""Before the beginning the cores hear status for this long, as they would live."""
BEYOND_COINS = 0.6
"""The hedger's maximum, in coins; the fixed bot holds as much at most."""
SIZE, MARGIN_BPS = "0.2", 5.0
"""What both makers quote on either side, and how far from what they take for the price."""
BOOKED = (Fill, Posting)
"""What goes through FILL."""
NO_LIMIT = 10**15
NO_NOTIONAL = NotionalLimits(float(NO_LIMIT), float(NO_LIMIT), float(NO_LIMIT))
LIMITS = BotLimits(
    CommonLimits(
        max_open_orders=100,
        max_side_orders=50,
        max_messages_per_s=1_000,
        max_cancels_per_s=1_000,
        max_orders_per_fill=NO_LIMIT,
        min_quote_life_ms=0,
        max_daily_loss=Decimal(NO_LIMIT),
        max_drawdown=Decimal(NO_LIMIT),
        notional=NO_NOTIONAL,
    ),
    [
        SpotLimits(
            positions={"BTC": PositionLimits(max_position=Decimal(10), max_order=Decimal(2))},
            min_spread_bps=0.1,
            price_collar_bps=500.0,
            book_collar_bps=500.0,
            currencies=dict.fromkeys(("JPY", "USD"), NO_NOTIONAL),
        )
    ],
)
"""As wide as none: what is compared is how they quote, and the exposure is each bot's own."""


def instrument_of(venue: str, terms: SpotTerms) -> Instrument:
    """Return the instrument of a venue's symbol."""
    return Instrument(
        venue,
        terms.symbol,
        InstrumentKind.SPOT,
        terms.quote,
        terms.tick,
        Outcome.NONE,
        terms.base,
        terms.lot,
        min_notional=terms.min_notional,
    )


class SpotSession(MemorySession):
    """The private session of one account at one venue, without the frames."""

    def __init__(self, venue: Venue, report: Any) -> None:
        super().__init__(venue, report)  # type: ignore[arg-type]
        self.name, self._at = venue.name, venue

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Iterable[Effect]:
        self._at.send(list(cancels), [_ticket(place) for place in places])
        return ()


def _ticket(place: Placement) -> SpotTicket:
    return SpotTicket(
        place.order_id,
        place.symbol,
        "bid" if place.side is Side.BUY else "ask",
        place.price_ticks,
        place.quantity_lots,
        "ioc" if place.immediate else "gtc",
        place.post_only,
    )


class Account:
    """A quoter of one account, what its venue tells it, and what the ledger would say of its bot there."""

    def __init__(self, venue: Venue, schedule: Schedule, maker: Maker) -> None:
        self.venue, self._schedule, self._maker = venue, schedule, maker
        self.name = f"mm1-{venue.name}"
        session = SpotSession(venue, self.on_reports)
        self.quoter = Quoter(
            self.name, venue.name, session, Orders(), traders=maker.traders, hedges=maker.hedges, exchanges=EXCHANGES
        )
        self.quoter.epoch = EPOCH
        self._terms = (venue.terms, *venue.others)
        self._symbols = Symbols([instrument_of(venue.name, each) for each in self._terms])
        venue.on_facts = self._on_facts

    def start(self, configs: Sequence[BotConfig]) -> None:
        receipt = Receipt(BEGIN_NS - LEAD_NS)
        for config in configs:
            self.carry_out(self.quoter.on_config(config, receipt))
        for market in self.markets():
            self.carry_out(self.quoter.on_market(market, receipt))
        self.carry_out(self.quoter.start(receipt))
        cash = [CashBalance(currency, amount, 0) for currency, amount in DEPOSITS.items()]
        self.carry_out(self.quoter.on_session([*cash, CashBalance("USD", Decimal(DEPOSIT_DOLLARS), 0)], receipt))

    def markets(self) -> list[Market]:
        """Return the markets of its venue."""
        return [
            Market(
                venue=self.venue.name,
                symbol=terms.symbol,
                kind=InstrumentKind.SPOT,
                status=MarketStatus.OPEN,
                base=terms.base,
                currency=terms.quote,
                tick_size=terms.tick,
                lot_size=terms.lot,
                min_notional=terms.min_notional,
                ts_received_ns=0,
                epoch=EPOCH,
            )
            for terms in self._terms
        ]

    def hear(self, handler: Any, event: Event) -> None:
        """Hand an event to a handler of the quoter, in a turn of its own."""
        self.take_turn(handler(event, Receipt(self._schedule.now_ns)))

    def _on_facts(self, facts: list[Fact], refused: list[Refused]) -> None:
        outputs = _answers(refused)
        for fact in facts:
            frame = msgspec.convert(fact, Frame, strict=False)
            if frame.fill is not None:
                outputs.append(execution(frame.fill, self._symbols, recovered=False))
            elif frame.order is not None:
                outputs.append(order_report(frame.order, self._symbols))
            else:
                outputs += account_news(frame)
        self.on_reports(outputs)

    def on_reports(self, outputs: Iterable[Output]) -> None:
        self.take_turn(self.quoter.on_session(outputs, Receipt(self._schedule.now_ns)))

    def take_turn(self, effects: Iterable[Effect]) -> None:
        self.carry_out(effects)
        self._maker.after_burst()

    def carry_out(self, effects: Iterable[Effect]) -> None:
        if effects == ():
            return
        turns = list[Turn]()
        booked = list[Fill | Posting]()
        for effect in effects:
            if isinstance(effect, BOOKED):
                booked.append(effect)
            elif isinstance(effect, Turn):
                turns.append(effect)
            elif isinstance(effect, Event):
                self._maker.on_event(effect)
        for event in booked:
            sequence = self._maker.book(event)
            self.carry_out(self.quoter.on_published(event, sequence, Receipt(self._schedule.now_ns)))
        if booked:
            self._maker.state_position()
        for turn in turns:
            self.take_turn(turn.handler(Receipt(self._schedule.now_ns)))


def _answers(refused: Sequence[Refused]) -> list[Output]:
    """Return what refusals say, read as the live session reads the items of its batches."""
    cancels = [each for each in refused if each.op == "cancel"]
    places = [each for each in refused if each.op == "place"]
    sent = Waiting("batch", 0, [each.client_order_id for each in cancels], [each.client_order_id for each in places])
    return outcomes(sent, [WireError(each.code) for each in (*cancels, *places)], [])


class Maker:
    """What every maker hears: status of venues, limits, its own position, and the target's book."""

    book_ns = BOOK_NS
    """How often it is told the target's book."""

    def __init__(self, target: Target, schedule: Schedule, config: BotConfig) -> None:
        self.target, self.schedule, self.config = target, schedule, config
        self.traders, self.hedges = Traders(), Hedges()
        self.accounts = [Account(target, schedule, self)]
        self.books = 0
        self.alerts: dict[str, int] = {}
        """How often something was said that people should know, by kind."""
        self._fills = 0
        self._lots: dict[InstrumentKey, tuple[str, int]] = {}
        self._topped_ns: dict[str, int] = {}

    def start(self) -> None:
        """Begin, and plan what is heard in the hour."""
        self.state_position()
        self._on_risk()
        for account in self.accounts:
            account.start([self.config])
        begin_ns = BEGIN_NS - LEAD_NS
        self._every(begin_ns + RISK_NS, RISK_NS, self._on_risk)
        self._every(begin_ns, STATUS_NS, self._on_status)
        self._every(begin_ns, TIMER_NS, self._on_timer)
        self._every(BEGIN_NS, self.book_ns, self._look_at_target)

    def _every(self, at_ns: int, period_ns: int, action: Any) -> None:
        def again() -> None:
            action()
            if self.schedule.now_ns + period_ns < END_NS:
                self.schedule.at(self.schedule.now_ns + period_ns, again)

        self.schedule.at(at_ns, again)

    # --- what it hears ------------------------------------------------------------------------------------------

    def _on_risk(self) -> None:
        state = RiskState(
            shard="0",
            ledger_sequence=self._fills,
            limits={},
            bot_limits={BOT: LIMITS},
            config_revisions={BOT: self.config.revision},
            halts=[],
            ts_ns=self.schedule.now_ns,
            epoch=EPOCH,
        )
        for account in self.accounts:
            account.hear(account.quoter.on_risk, state)

    def _on_status(self) -> None:
        for account in self.accounts:
            account.hear(account.quoter.on_feed_status, status_of(account.venue.name))

    def _on_timer(self) -> None:
        receipt = Receipt(self.schedule.now_ns)
        for account in self.accounts:
            account.take_turn(account.quoter.on_timer(receipt))

    def _look_at_target(self) -> None:
        """Take the target's book as it is and hand it over when the feed would have brought it."""
        at_ns = self.schedule.now_ns + FEED_NS
        book = self.target.shown(at_ns)
        self.schedule.at(at_ns, lambda: self.on_target_book(book))

    def on_target_book(self, book: Book) -> None:
        self.books += 1
        account = self.accounts[0]
        account.hear(account.quoter.on_book, book)

    def after_burst(self) -> None:
        """End a turn: hedges first, what they want sent goes into the batches that the quoters send then."""
        now_ns = self.schedule.now_ns
        if self.hedges.due:
            for event in list(self.hedges.work(now_ns)):
                self.on_event(event)
        receipt = Receipt(now_ns)
        for account in self.accounts:
            account.carry_out(account.quoter.after_burst(receipt))

    # --- what it books ------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take in what a quoter publishes beside fills."""
        if isinstance(event, Alert):
            self.alerts[event.kind] = self.alerts.get(event.kind, 0) + 1
        assert not isinstance(event, Halt), f"the quoter halted: {event}"

    def book(self, event: Fill | Posting) -> int:
        """Do what broker and ledger do: number an event and add it up."""
        self._fills += 1
        if isinstance(event, Fill):
            key = InstrumentKey(event.venue, event.symbol, event.outcome)
            _, lots = self._lots.get(key, ("", 0))
            self._lots[key] = (event.account, lots + event.quantity_lots * event.side.sign)
        return self._fills

    def state_position(self) -> None:
        position = Position(
            algo_id=BOT,
            lines=[
                PositionLine(account, key, lots, Decimal(0), Decimal(0), self._fills)
                for key, (account, lots) in self._lots.items()
            ],
            realized=Decimal(0),
            fees=Decimal(0),
            fill_sequence=self._fills,
            ts_ns=self.schedule.now_ns,
            epoch=EPOCH,
        )
        for account in self.accounts:
            account.carry_out(account.quoter.on_position(position, Receipt(self.schedule.now_ns)))


def status_of(venue: str) -> FeedStatus:
    return FeedStatus(venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True, epoch=EPOCH)
