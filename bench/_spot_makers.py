"""The makers of the spot session: the platform's cores as they run live, in virtual time.

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
from _spot_risk import LOOK_NS, TOP_NS, RiskDesk
from _spot_world import FEED_NS, STEP_NS, step_of
from common.bots import FixedBot
from common.bots.spot import SpotBot
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
    Level,
    Market,
    MarketStatus,
    NotionalLimits,
    OrderCommand,
    OwnDepth,
    Position,
    PositionLimits,
    PositionLine,
    Posting,
    RiskState,
    SourcePrice,
    SpotLimits,
    TopOfBook,
)
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.venues import Exchanges
from exchange.spot.orders import SpotTicket
from pricer.service import Pricer
from pricer.sources.venues import Venues
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
DAY_LOSS = 10**9
"""Yen: no hour ends early."""
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
NORM_COINS = 0.2
"""What the hedger brings it back to."""
FX_SYMBOL, FX_NS, FX_HALF_BPS, FX_DOLLARS = "USDJPY", 1_000_000_000, 0.2, 1e7
SIZE, MARGIN_BPS = "0.2", 5.0
"""What both makers quote on either side, and how far from what they take for the price."""
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
            currencies={
                currency: NotionalLimits(float(NO_LIMIT), float(NO_LIMIT), float(NO_LIMIT))
                for currency in ("JPY", "USD")
            },
        )
    ],
)
"""As wide as none: what is compared is how they quote, and the exposure is each bot's own."""


def instrument_of(venue: Venue) -> Instrument:
    """Return the instrument of a venue's symbol."""
    terms = venue.terms
    return Instrument(
        venue.name,
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
        self._symbols = Symbols([instrument_of(venue)])
        venue.on_facts = self._on_facts

    def start(self, configs: Sequence[BotConfig]) -> None:
        receipt = Receipt(BEGIN_NS - LEAD_NS)
        for config in configs:
            self.carry_out(self.quoter.on_config(config, receipt))
        self.carry_out(self.quoter.on_market(self.market(), receipt))
        self.carry_out(self.quoter.start(receipt))
        cash = [CashBalance(currency, amount, 0) for currency, amount in DEPOSITS.items()]
        self.carry_out(self.quoter.on_session([*cash, CashBalance("USD", Decimal(DEPOSIT_DOLLARS), 0)], receipt))

    def market(self) -> Market:
        terms = self.venue.terms
        return Market(
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
        turns = list[Turn]()
        booked = list[Fill | Posting]()
        for effect in effects:
            if isinstance(effect, Fill | Posting):
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
        for account in self.accounts:
            account.carry_out(account.quoter.after_burst(Receipt(now_ns)))

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


class FixedMaker(Maker):
    """The kind `fixed`, with the source price that its pricer would make of the target's book."""

    def __init__(self, target: Target, schedule: Schedule) -> None:
        document = {
            "instrument": {"symbols": [target.terms.symbol], "venue": target.name, "account": f"mm1-{target.name}"},
            "spot": {"half_spread_bps": MARGIN_BPS, "size": SIZE, "max_position": str(BEYOND_COINS)},
            "risk_limits": {},
        }
        sections = FixedBot.parse(document).model_dump(mode="json")
        super().__init__(
            target,
            schedule,
            BotConfig(
                algo_id=BOT, kind="fixed", revision=1, running=True, sections=sections, actor="bench", ts_ns=BEGIN_NS
            ),
        )

    def on_target_book(self, book: Book) -> None:
        super().on_target_book(book)
        if not book.bids or not book.asks:
            return
        price = SourcePrice(
            algo_id=BOT,
            venue=book.venue,
            symbol=book.symbol,
            bid=book.bids[0].price,
            ask=book.asks[0].price,
            age_ns=0,
            ts_event_ns=book.ts_event_ns,
            ts_received_ns=book.ts_received_ns,
            epoch=EPOCH,
        )
        account = self.accounts[0]
        account.hear(account.quoter.on_source, price)


class SpotMaker(Maker):
    """The kind `spot`: its pricer with the hedge venue's book and the dollar's, a quoter at either venue, and risk."""

    book_ns = 2 * BOOK_NS
    """It does not price by the target's book."""

    def __init__(
        self, target: Target, hedge: HedgeVenue, schedule: Schedule, style: str, settings: Sequence[str]
    ) -> None:
        document = sections_with(style, settings)
        config = BotConfig(
            algo_id=BOT, kind="spot", revision=1, running=True, sections=document, actor="bench", ts_ns=BEGIN_NS
        )
        super().__init__(target, schedule, config)
        self.hedge = hedge
        self.accounts.append(Account(hedge, schedule, self))
        self.pricer = Pricer([hedge.name], quoted_venues=[target.name], venues=Venues(EXCHANGES))
        self.pricer.epoch = EPOCH
        self.risk = RiskDesk(schedule, EXCHANGES, self._on_said)

    def start(self) -> None:
        receipt = Receipt(BEGIN_NS - LEAD_NS)
        markets = [account.market() for account in self.accounts]
        for market in markets:
            self._price(self.pricer.on_market(market, receipt))
        self._price(self.pricer.on_bot(self.config, receipt))
        cash = {**DEPOSITS, "USD": Decimal(DEPOSIT_DOLLARS)}
        self.risk.start(self.config, markets, {(each.name, each.venue.name): cash for each in self.accounts})
        super().start()
        self._every(BEGIN_NS, STEP_NS, self._look_at_sources)
        self._every(BEGIN_NS, FX_NS, self._look_at_dollar)
        self._every(BEGIN_NS - LEAD_NS, LOOK_NS, self.risk.on_look_due)

    # --- prices -------------------------------------------------------------------------------------------------

    def _price(self, effects: Iterable[Effect]) -> None:
        """Hand prices on to the account that quotes by them, and to risk."""
        quoting = self.accounts[0]
        for effect in effects:
            if isinstance(effect, SourcePrice):
                self.risk.on_price(effect)
                quoting.hear(quoting.quoter.on_source, effect)
            else:
                self.on_event(effect)  # type: ignore[arg-type]

    def _look_at_sources(self) -> None:
        at_ns = self.schedule.now_ns + FEED_NS
        book = self.hedge.shown(at_ns)
        self.schedule.at(at_ns, lambda: self._on_source_book(book))

    def _look_at_dollar(self) -> None:
        now_ns = self.schedule.now_ns
        rate = float(self.hedge.world.yens[step_of(now_ns - BEGIN_NS)])
        bid, ask = rate * (1 - FX_HALF_BPS * 1e-4), rate * (1 + FX_HALF_BPS * 1e-4)
        book = Book(
            venue=self.hedge.name,
            symbol=FX_SYMBOL,
            bids=[Level(bid, FX_DOLLARS)],
            asks=[Level(ask, FX_DOLLARS)],
            ts_event_ns=now_ns,
            ts_received_ns=now_ns + FEED_NS,
            epoch=EPOCH,
        )
        self.schedule.at(now_ns + FEED_NS, lambda: self._on_source_book(book))

    def _on_source_book(self, book: Book) -> None:
        self.books += 1
        receipt = Receipt(self.schedule.now_ns)
        self._price(self.pricer.on_book(book, receipt))
        self._price(self.pricer.after_burst(receipt))
        if book.symbol == self.hedge.terms.symbol:
            account = self.accounts[1]
            account.hear(account.quoter.on_book, book)
        if self.schedule.now_ns >= self._topped_ns.get(book.symbol, 0):
            self._topped_ns[book.symbol] = self.schedule.now_ns + TOP_NS
            self.risk.on_top(top_of(book))

    # --- what else they hear ------------------------------------------------------------------------------------

    def _on_status(self) -> None:
        super()._on_status()
        receipt = Receipt(self.schedule.now_ns)
        for account in self.accounts:
            status = status_of(account.venue.name)
            self._price(self.pricer.on_status(status, receipt))
            self.risk.on_status(status)

    def _on_timer(self) -> None:
        self._price(self.pricer.on_timer(Receipt(self.schedule.now_ns)))
        super()._on_timer()

    def _on_risk(self) -> None:
        self.risk.on_state_due()

    def on_event(self, event: Event) -> None:
        super().on_event(event)
        if isinstance(event, OwnDepth):
            self._price(self.pricer.on_own_depth(event, Receipt(self.schedule.now_ns)))
        self.risk.on_quoter(event)

    def _on_said(self, event: Event) -> None:
        """Hand on what risk says."""
        super().on_event(event)
        if isinstance(event, OrderCommand):
            self.risk.published(event)
            for account in self.accounts:
                if account.name == event.account:
                    account.hear(account.quoter.on_hedge, event)
        elif isinstance(event, RiskState | Position):
            for account in self.accounts:
                handler = account.quoter.on_risk if isinstance(event, RiskState) else account.quoter.on_position
                account.carry_out(handler(event, Receipt(self.schedule.now_ns)))  # type: ignore[arg-type]

    def book(self, event: Fill | Posting) -> int:
        return self.risk.book(event)

    def state_position(self) -> None:
        self.risk.state_positions()


def top_of(book: Book) -> TopOfBook:
    """Return the best prices of a book, as the feed tells them beside it."""
    return TopOfBook(
        venue=book.venue,
        symbol=book.symbol,
        bid=book.bids[0].price,
        ask=book.asks[0].price,
        bid_size=book.bids[0].size,
        ask_size=book.asks[0].size,
        ts_event_ns=book.ts_event_ns,
        ts_received_ns=book.ts_received_ns,
        epoch=book.epoch,
    )


def sections_with(style: str, settings: Sequence[str]) -> dict[str, Any]:
    """Return the spot bot's document with some settings of its own, such as 'pricer.buy_margins=4'; ConfigError."""
    document: dict[str, Any] = {
        "instrument": {
            "account": f"mm1-{Target.name}",
            "instrument": Target.terms.symbol,
            "exchange": "DLTXMM",
            "source_exchange": "KRAKEN",
            "underlyings": HedgeVenue.terms.symbol,
            "fx_leg": FX_SYMBOL,
            "fx_exchange": "KRAKEN",
        },
        "pricer": {
            "running": True,
            "buy_quote_sizes": SIZE,
            "sell_quote_sizes": SIZE,
            "buy_margins": MARGIN_BPS,
            "sell_margins": MARGIN_BPS,
            "source_aggregation": "BEST_AGGREGATED",
            "fx_aggregation": "BBO",
            "min_price_change": "0.5",
            "min_size_change": "500",
        },
        "hedger": {
            "running": True,
            "position_max_norm_size": f"{BEYOND_COINS} {NORM_COINS}",
            "hedge_strategy": "LIMIT",
            "execution_style": style,
            "venues_list": "KRAKEN",
            "max_order_size": "0.2",
            "resend_time": 1_000,
            "hedge_instrument": HedgeVenue.terms.symbol,
            "max_offset": "10 bps",
            "hedge_qty_factor": "1",
        },
        "risk_limits": {"max_long_exposure": 3, "max_short_exposure": 3, "max_day_loss": DAY_LOSS},
    }
    for setting in settings:
        path, _, value = setting.partition("=")
        section, _, name = path.partition(".")
        document.setdefault(section, {})[name] = value
    SpotBot.parse(document)
    return document


def make(maker: str, settings: Sequence[str], target: Target, hedge: HedgeVenue, schedule: Schedule) -> Maker:
    """Return one of the makers of the session: the fixed bot, or the spot bot with a way to hedge."""
    if maker == "fixed":
        return FixedMaker(target, schedule)
    return SpotMaker(target, hedge, schedule, maker, settings)
