"""What venues say in public: best prices, books, trades, and the life of what can be traded there."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from common.events.base import Event, demand_finite, joined_id, register
from common.instruments import Instrument, InstrumentKind, Outcome

KEPT_AFTER_RESULT_S = 24 * 3600
"""What is over is of no more use to those who start, once everybody has settled it."""


@register
class TopOfBook(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Best bid and offer of one symbol at one venue changed."""

    subject: ClassVar[str] = "md.top.{venue}.{symbol}"

    venue: str
    symbol: str
    bid: float
    """Price in quote currency per unit; 0 when that side is empty."""
    ask: float
    bid_size: float
    """Units of the base currency (shares of a YES/NO market)."""
    ask_size: float
    ts_event_ns: int = 0
    """Venue clock; 0 where the venue gives none."""
    ts_received_ns: int
    """Our clock when the frame arrived."""


class Level(msgspec.Struct, frozen=True, array_like=True):
    """One price level: price and size, as in a book."""

    price: float
    size: float


@register
class Book(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The best N levels of one symbol at one venue, whole, best first."""

    subject: ClassVar[str] = "md.book.{venue}.{symbol}"

    venue: str
    symbol: str
    bids: list[Level]
    asks: list[Level]
    sequence: int = 0
    """The venue's own sequence or update id of this state; 0 where it gives none."""
    ts_event_ns: int = 0
    ts_received_ns: int


class Money(StrEnum):
    """What a venue is played for."""

    PAPER = "paper"
    """It says that it is a simulation."""
    REAL = "real"
    UNKNOWN = "unknown"


@register
class FeedStatus(Event, frozen=True, kw_only=True, omit_defaults=True):
    """How well the connections to one venue's public data are doing; sent every 200 ms and at each change.

    Its age is the feed's own beat; the venue's life is that age plus `silent_ns`, within `live_within_ns`.
    """

    subject: ClassVar[str] = "md.status.{venue}"
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    venue: str
    connected: bool
    silent_ns: int
    """Time since anything arrived on the connection, heartbeats included."""
    clock_offset_ns: int
    """Venue clock minus ours; add it to our time to get the venue's."""
    clock_known: bool
    stale_symbols: list[str] = msgspec.field(default_factory=list)
    """Symbols whose book is out of sync or disproved by a REST check: not to be priced from."""
    reconnects: int = 0
    gaps: int = 0
    malformed: int = 0
    """Frames that could not be parsed, since start."""
    note: str = ""
    heard_ns: int = 0
    """Time since anything arrived on any of the connections; `silent_ns` is of the one that is silent for longest."""
    live_within_ns: int = 1_000_000_000
    """A venue of which nothing arrived for longer is not known to live; at least two of its heartbeats."""
    money: Money = Money.UNKNOWN
    """Whether its markets trade real money or paper."""
    price_sources: dict[str, str] = msgspec.field(default_factory=dict)
    """What drives the price of each underlying of its markets: 'live', 'replay' or 'model'; not listed is unknown."""


@register
class Trade(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A public print at a venue."""

    subject: ClassVar[str] = "trade.{venue}.{symbol}"

    venue: str
    symbol: str
    trade_id: str
    price: float
    size: float
    buyer_is_maker: bool
    """True when the aggressor sold."""
    ts_event_ns: int = 0
    ts_received_ns: int


class MarketStatus(StrEnum):
    """Where a tradable thing is in its life."""

    LISTED = "listed"
    OPEN = "open"
    CLOSED = "closed"
    RESOLVED = "resolved"
    VOIDED = "voided"

    @property
    def over(self) -> bool:
        return self in (MarketStatus.RESOLVED, MarketStatus.VOIDED)


class TieRule(StrEnum):
    """Which outcome wins when the settlement price equals the strike."""

    STRICTLY_ABOVE = "strictly_above"
    """YES needs price > strike."""
    AT_OR_ABOVE = "at_or_above"
    """YES needs price >= strike."""
    SPLIT = "split"
    """YES needs price > strike; equal, each outcome is paid half."""


class SettlementRule(StrEnum):
    """Which price of the underlying decides a market."""

    LAST = "last"
    """The last one at or before expiry."""
    AVERAGE = "average"
    """The average over the last `settlement_window_s` seconds."""
    ORACLE = "oracle"
    """What a third party says the price was at expiry."""
    UNKNOWN = "unknown"
    """One that we have no word for: such a market is not priced."""


class FeeCurrency(StrEnum):
    """In which currency a venue takes the fee of a fill."""

    PRICE = "price"
    """That of the price, whoever buys or sells."""
    BASE = "base"
    """That which is bought and sold."""
    RECEIVED = "received"
    """That which the fill brings: the base of a purchase, the price's of a sale."""
    THIRD = "third"
    """One of neither, such as a token of the venue: as much of it as the fee is worth at the time of the fill."""


class FeeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue takes of a fill in one market: a rate of price x size."""

    maker_rate: Decimal
    """0.0001 is a basis point; below 0 for a rebate."""
    taker_rate: Decimal
    currency: FeeCurrency

    def __post_init__(self) -> None:
        demand_finite(maker_rate=self.maker_rate, taker_rate=self.taker_rate)


@register
class Market(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The life of a tradable thing: listed, opened with its strike, closed, resolved or voided."""

    subject: ClassVar[str] = "market.{venue}.{symbol}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    venue: str
    symbol: str
    kind: InstrumentKind
    status: MarketStatus
    underlying: str = ""
    """Asset it is about, e.g. 'BTC'."""
    series: str = ""
    """Rolling series it belongs to, e.g. 'BTC-5M'."""
    title: str = ""
    strike: Decimal | None = None
    tie_rule: TieRule = TieRule.STRICTLY_ABOVE
    currency: str = "USD"
    tick_size: Decimal
    lot_size: Decimal = Decimal(1)
    min_lots: int = 1
    multiplier: Decimal = Decimal(1)
    """Payout of one winning share; money per unit and price of 1 for other kinds."""
    open_ns: int = 0
    """Venue time."""
    expiry_ns: int = 0
    """Venue time; 0 for what never expires."""
    result: str = ""
    """'yes', 'no' or 'void' once known."""
    settlement_price: Decimal | None = None
    ts_event_ns: int = 0
    ts_received_ns: int
    settlement: SettlementRule = SettlementRule.LAST
    settlement_window_s: float = 0.0
    """Of an average."""
    settlement_source: str = ""
    """Whose price decides, as 'venue:symbol'; empty where it is the venue's own or unknown."""
    settlement_step: float = 0.0
    """Grid of the settlement price, where it makes ties likely; 0 is as good as continuous."""
    base: str = ""
    """Currency that a spot market buys; empty for other kinds."""
    min_notional: Decimal = Decimal(0)
    """Smallest money of an order, in `currency`; 0 for none."""
    fees: FeeTerms | None = None
    """As the venue publishes them for this market; None where it does not, which is not a fee of 0."""

    def instrument(self) -> Instrument:
        """Return what the market's price axis prices: YES of a binary one. ValueError names the term that cannot be."""
        binary = self.kind is InstrumentKind.BINARY
        return Instrument(
            self.venue,
            self.symbol,
            self.kind,
            self.currency,
            self.tick_size,
            Outcome.YES if binary else Outcome.NONE,
            self.underlying if binary else self.base,
            self.lot_size,
            self.multiplier,
            max(1, self.min_lots),
            self.min_notional,
            price_max=Decimal(1) if binary else None,
        )

    def message_id(self) -> str:
        # A corrected time or price, another grid or rule is a new fact, and so is going back to the one before; the
        # same word said again is none.
        life = (self.status, self.strike, self.open_ns, self.expiry_ns, self.result, self.settlement_price)
        rule = (self.tick_size, self.settlement, self.settlement_window_s, self.ts_event_ns)
        sizes = (self.lot_size, self.min_lots, self.min_notional)
        fees = (self.fees.maker_rate, self.fees.taker_rate, self.fees.currency) if self.fees else ()
        return joined_id(self.venue, self.symbol, *life, *rule, *sizes, *fees, self.epoch)

    def kept_s(self) -> int:
        return KEPT_AFTER_RESULT_S if self.result else 0
