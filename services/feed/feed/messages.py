"""What a venue can say in public, in the same words for every venue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, NamedTuple, TypeAlias

import msgspec
from common.events import FeeTerms, MarketStatus, SettlementRule, TieRule
from common.instruments import InstrumentKind

PRICE_MAX = 1e15
Number = Annotated[float, msgspec.Meta(ge=0.0, le=PRICE_MAX)]
"""A price or size as venues send them: finite, never negative, so NaN and infinity are refused while decoding."""
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An update id, trade id or sequence that still fits the bus's integers."""
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=9_223_372_036_854)]
"""A venue stamp whose nanoseconds still fit 63 bits."""
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Levels: TypeAlias = list[tuple[Number, Number]]
"""Price and size of levels; size 0 removes a level where the message is a change."""


Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An RFC 3339 stamp with its zone."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def stamp_ns(instant: datetime) -> int:
    """Return ns since the epoch; ValueError for what the bus cannot carry."""
    stamp = (instant - EPOCH) // MICROSECOND * 1_000
    if not 0 <= stamp < 2**63:
        raise ValueError(f"time: {instant.isoformat()} is outside 1970 to 2262")
    return stamp


class Top(NamedTuple):
    """Best bid and offer as the venue itself states them; 0 where a side is empty."""

    symbol: str
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    sequence: int = 0
    """Book update id of this state; 0 where the venue gives none."""
    ts_event_ns: int = 0


class Snapshot(NamedTuple):
    """A whole book, or its best levels."""

    symbol: str
    bids: Levels
    asks: Levels
    last_id: int = 0
    checksum: int | None = None
    ts_event_ns: int = 0


class Diff(NamedTuple):
    """Changed levels, with absolute sizes."""

    symbol: str
    bids: Levels
    asks: Levels
    first_id: int = 0
    last_id: int = 0
    checksum: int | None = None
    ts_event_ns: int = 0


class Print(NamedTuple):
    """A public trade."""

    symbol: str
    number: int
    """Trade id; consecutive per symbol where the adapter says so."""
    price: float
    size: float
    buyer_is_maker: bool
    ts_event_ns: int = 0
    past: bool = False
    """True for the last trade before we listened, which is told again at each subscription."""


class Beat(NamedTuple):
    """The venue's heartbeat for one symbol, with what it has sent so far; 0 where it does not say."""

    symbol: str
    sequence: int = 0
    last_trade: int = 0
    ts_event_ns: int = 0


class Listing(NamedTuple):
    """A market as the venue describes it now."""

    symbol: str
    status: MarketStatus
    underlying: str
    series: str
    title: str
    strike: Decimal | None
    tie_rule: TieRule
    tick_size: Decimal
    min_lots: int
    open_ns: int
    expiry_ns: int
    result: str
    settlement_price: Decimal | None
    ts_event_ns: int
    settlement: SettlementRule = SettlementRule.LAST
    settlement_window_s: float = 0.0
    settlement_source: str = ""
    settlement_step: float = 0.0
    lot_size: Decimal = Decimal(1)
    kind: InstrumentKind = InstrumentKind.BINARY
    base: str = ""
    currency: str = "USD"
    min_notional: Decimal = Decimal(0)
    fees: FeeTerms | None = None


class Dropped(NamedTuple):
    """A row or a market that cannot be used: it alone is left out, and an alert says why."""

    symbol: str
    """Empty where the row does not say."""
    reason: str


class Unlisted(NamedTuple):
    """A configured symbol that the venue does not list at a time of its clock."""

    symbol: str
    ts_ns: int


class SymbolList(NamedTuple):
    """Everything without an expiry that the venue lists at a time of its clock."""

    rows: tuple[Listing | Dropped, ...]
    ts_ns: int


class Reset(NamedTuple):
    """What was known of a symbol's book holds no more; a new one has to come."""

    symbol: str
    reason: str


class Prepared(NamedTuple):
    """What must be known before books can be checked is known now: subscribe to them."""


class Refused(NamedTuple):
    """The venue said no to something we asked on the connection."""

    reason: str


class Ending(NamedTuple):
    """The venue will cut this connection soon."""

    reason: str


class Alive(NamedTuple):
    """A frame that proves the connection and says nothing else."""


class Check(NamedTuple):
    """Best prices asked over REST, to prove or disprove what the stream told us."""

    bid: float
    ask: float
    sequence: int = 0
    ts_event_ns: int = 0
    """Venue's stamp of the answer's book; 0 where it gives none."""


Message: TypeAlias = (
    Top | Snapshot | Diff | Print | Beat | Listing | Dropped | Unlisted | Reset | Prepared | Refused | Ending | Alive
)
ALIVE = Alive()
