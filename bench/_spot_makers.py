"""The makers of the spot session: the fixed bot, and the spot bot with its pricer and risk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from _session_venue import Schedule
from _spot_maker import (
    BEYOND_COINS,
    BOOK_NS,
    BOT,
    EPOCH,
    EXCHANGES,
    LEAD_NS,
    MARGIN_BPS,
    SIZE,
    Account,
    Maker,
    status_of,
)
from _spot_market import BEGIN_NS, DEPOSIT_DOLLARS, DEPOSITS, FX_TERMS, HedgeVenue, Target
from _spot_risk import LOOK_NS, TOP_NS, RiskDesk
from _spot_world import FEED_NS, STEP_NS
from common.bots import FixedBot
from common.bots.spot import SpotBot
from common.core import Effect, Receipt
from common.events import (
    Book,
    BotConfig,
    Event,
    Fill,
    OrderCommand,
    OwnDepth,
    PlatformConfig,
    Position,
    Posting,
    RiskState,
    SourcePrice,
    TopOfBook,
)
from pricer.service import Pricer
from pricer.sources.venues import Venues

DAY_LOSS = 10**9
"""Yen: no hour ends early."""
NORM_COINS = 0.2
"""What the hedger brings it back to."""
FX_NS = 1_000_000_000
DOLLARS_MAX, DOLLARS_NORM = 40_000, 0
"""The band of the hedger of the dollar: what coins were hedged for."""


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
        self._style = style
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
        markets = [market for account in self.accounts for market in account.markets()]
        for market in markets:
            self._price(self.pricer.on_market(market, receipt))
        self._price(self.pricer.on_bot(self.config, receipt))
        cash = {**DEPOSITS, "USD": Decimal(DEPOSIT_DOLLARS)}
        deposits = {(each.name, each.venue.name): cash for each in self.accounts}
        self.risk.start(self.config, documents(self._style), markets, deposits)
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
        at_ns = self.schedule.now_ns + FEED_NS
        book = self.hedge.shown(at_ns, FX_TERMS)
        self.schedule.at(at_ns, lambda: self._on_source_book(book))

    def _on_source_book(self, book: Book) -> None:
        self.books += 1
        receipt = Receipt(self.schedule.now_ns)
        self._price(self.pricer.on_book(book, receipt))
        self._price(self.pricer.after_burst(receipt))
        account = self.accounts[1]
        account.hear(account.quoter.on_book, book)
        # A resting hedge of ours may meet all that is shown on a side for a moment.
        if book.bids and book.asks and self.schedule.now_ns >= self._topped_ns.get(book.symbol, 0):
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
            "fx_leg": FX_TERMS.symbol,
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
        "risk_limits": {
            "max_long_exposure": 3,
            "max_short_exposure": 3,
            "max_day_loss": DAY_LOSS,
            "max_drawdown": DAY_LOSS,
        },
    }
    for setting in settings:
        path, _, value = setting.partition("=")
        section, _, name = path.partition(".")
        document.setdefault(section, {})[name] = value
    SpotBot.parse(document)
    return document


def documents(style: str) -> list[PlatformConfig]:
    """Return the platform's documents: in what profit is told, and the hedger of the dollar."""
    hedger: dict[str, Any] = {
        "running": True,
        "position_max_norm_size": f"{DOLLARS_MAX} {DOLLARS_NORM}",
        "hedge_strategy": "LIMIT",
        "execution_style": style,
        "venues_list": "KRAKEN",
        "resend_time": 1_000,
        "hedge_instrument": FX_TERMS.symbol,
        "max_offset": "5 bps",
    }
    found: list[tuple[str, str, dict[str, Any]]] = [
        ("risk", "MM", {"account_currency": "JPY"}),
        ("risk_currency", "1", {"currency": "USD"}),
        ("risk_hedger", "1", hedger),
    ]
    return [
        PlatformConfig(type=type_, id=id_, revision=1, document=document, actor="bench", ts_ns=BEGIN_NS)
        for type_, id_, document in found
    ]


def make(maker: str, settings: Sequence[str], target: Target, hedge: HedgeVenue, schedule: Schedule) -> Maker:
    """Return one of the makers of the session: the fixed bot, or the spot bot with a way to hedge."""
    if maker == "fixed":
        return FixedMaker(target, schedule)
    return SpotMaker(target, hedge, schedule, maker, settings)
