"""Degen Terminal: YES/NO markets and spot symbols, their books and trades, as docs/degen-terminal-api.md states it.

How what it sends is kept right (sections 6.2, 6.5, 7 and 14.3 of that page):

1. `subscribe` without `markets` follows all markets, also those listed later; the answer is followed by one
   `orderbook` frame per open market and one `market` frame per market that is listed, open or closed.
2. An `orderbook` frame is the whole book (20 levels a side, in YES terms) and replaces the one before. `sequence`
   grows by one per frame of a market; a gap means a lost frame, the book in hand is right all the same.
3. A frame that is not understood may have been the book of the market it names: subscribe again, which brings it.
4. `GET /markets/{id}/orderbook` has the same `sequence`, `GET /markets` the same markets: both cross-check the stream.
   A market past its end that the list leaves out is asked for by `GET /markets/{id}`.
5. The venue's clock is asked with `GET /time`; all its stamps are ns of that clock.
6. Spot symbols have channels of their own, asked for in a frame of their own: a venue without them refuses that frame
   alone. The answer is followed by one `symbol` and one `spot_orderbook` frame per symbol, which is whole as well.
7. No frame tells that terms have changed or that a symbol has come or gone: `GET /symbols`, asked every few seconds,
   does. A venue without spot symbols answers it with 404.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from common.errors import ContractError
from common.events import FeeCurrency, FeeTerms, MarketStatus, Money, SettlementRule, TieRule

from feed.connections.connection import Patience
from feed.connections.reading import UNREADABLE, doubted, raw_rows, read_rows, text_of
from feed.messages import (
    ALIVE,
    Check,
    Count,
    Dropped,
    Levels,
    Listing,
    Message,
    Nanoseconds,
    Number,
    Print,
    Refused,
    Snapshot,
    SymbolList,
)
from feed.venues.adapter import Adapter
from feed.venues.terms import fee_terms, spot_listing

SUBSCRIBE = b'{"op":"subscribe","id":1,"channels":["markets","orderbook","trades","heartbeats"]}'
SPOT_ID = 3
SUBSCRIBE_SPOT = b'{"op":"subscribe","id":3,"channels":["symbols","spot_orderbook","spot_trades"]}'
PRICE_SOURCES = ("live", "replay", "model")
"""Words for what drives a price; another one is as good as none."""
HEARTBEAT = b'{"op":"heartbeat","id":2}'
LISTED_MAX = 5_000

MarketId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
SymbolName = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{1,20}$")]
TradeId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,18}$")]
Text = Annotated[str, msgspec.Meta(max_length=200)]


class OrderBook(msgspec.Struct, tag="orderbook"):
    """The best levels of a market."""

    market: MarketId
    sequence: Count
    bids: Levels
    asks: Levels
    ts_ns: Nanoseconds
    snapshot: bool = False


class TradeFrame(msgspec.Struct, tag="trade"):
    """A public trade, in YES terms."""

    market: MarketId
    trade_id: TradeId
    price: Number
    size: Number
    taker_side: Literal["bid", "ask"]
    ts_ns: Nanoseconds


SETTLEMENTS = {
    "last_mid": SettlementRule.LAST,
    "average_mid": SettlementRule.AVERAGE,
    "oracle": SettlementRule.ORACLE,
}


class MarketFields(msgspec.Struct):
    """A market as listed."""

    id: MarketId
    asset: Text
    series: Text
    title: Text
    status: Literal["LISTED", "OPEN", "CLOSED", "RESOLVED", "VOIDED"]
    open_ns: Nanoseconds
    expiry_ns: Nanoseconds
    tick: Decimal
    min_size: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    tie: Literal["strictly_above", "at_or_above"]
    strike: Decimal | None = None
    opened_ns: Nanoseconds | None = None
    settlement_price: Decimal | None = None
    result: Literal["yes", "no", "void"] | None = None
    settlement: Text = "last_mid"
    settlement_window_s: Number = 0.0
    settlement_source: str = ""
    settlement_step: Number = 0.0


class MarketFrame(msgspec.Struct, tag="market"):
    """A step in the life of a market."""

    market: MarketFields
    ts_ns: Nanoseconds


class SpotBook(msgspec.Struct, tag="spot_orderbook"):
    """The best levels of a spot symbol."""

    symbol: SymbolName
    sequence: Count
    bids: Levels
    asks: Levels
    ts_ns: Nanoseconds
    snapshot: bool = False


class SpotTrade(msgspec.Struct, tag="spot_trade"):
    """A public trade of a spot symbol."""

    symbol: SymbolName
    trade_id: TradeId
    price: Number
    size: Number
    taker_side: Literal["bid", "ask"]
    ts_ns: Nanoseconds


class SymbolFields(msgspec.Struct):
    """A spot symbol and its terms."""

    symbol: SymbolName
    base: SymbolName
    quote: SymbolName
    underlying: Text
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    min_notional: Decimal
    status: Text = "TRADING"
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None
    fee_currency: Text = ""


class SymbolFrame(msgspec.Struct, tag="symbol"):
    """A spot symbol as it is listed."""

    symbol: SymbolFields
    ts_ns: Nanoseconds


class Reply(msgspec.Struct, tag="reply"):
    """Answer to what we sent."""


class Fault(msgspec.Struct):
    """Why something was refused."""

    code: Text
    message: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Error(msgspec.Struct, tag="error"):
    """Refusal of what we sent."""

    error: Fault
    op: str | None = None
    id: int | str | None = None


class Tag(msgspec.Struct):
    """What every frame has."""

    type: str


class BookAnswer(msgspec.Struct):
    """Answer of /markets/{id}/orderbook."""

    sequence: Count
    bids: Levels
    asks: Levels


class TimeAnswer(msgspec.Struct):
    """Answer of /time."""

    ts_ns: Nanoseconds


class MarketsAnswer(msgspec.Struct):
    """Answer of /markets."""

    markets: msgspec.Raw
    ts_ns: Nanoseconds
    price_sources: Any = None
    """Words by asset; whatever else stands there costs no market."""


class SymbolsAnswer(msgspec.Struct):
    """Answer of /symbols."""

    symbols: msgspec.Raw
    ts_ns: Nanoseconds


class MarketAnswer(msgspec.Struct):
    """Answer of /markets/{id}."""

    market: MarketFields
    ts_ns: Nanoseconds


_KNOWN = frozenset(("orderbook", "trade", "market", "spot_orderbook", "spot_trade", "symbol", "reply", "error"))
_FRAME = msgspec.json.Decoder(
    OrderBook | TradeFrame | MarketFrame | SpotBook | SpotTrade | SymbolFrame | Reply | Error, strict=False
)
_TAG = msgspec.json.Decoder(Tag)
_BOOK = msgspec.json.Decoder(BookAnswer, strict=False)
_TIME = msgspec.json.Decoder(TimeAnswer)
_MARKETS = msgspec.json.Decoder(MarketsAnswer)
_FIELDS = msgspec.json.Decoder(MarketFields)
_MARKET = msgspec.json.Decoder(MarketAnswer)
_SYMBOLS = msgspec.json.Decoder(SymbolsAnswer)
_SYMBOL = msgspec.json.Decoder(SymbolFields)
_BOOKLESS = _KNOWN - {"orderbook", "spot_orderbook"}


class Degen(Adapter):
    """The venue of short YES/NO crypto markets and spot symbols."""

    # Heartbeats come every 250 ms; a venue that sends none is asked for a sign of life.
    patience: ClassVar[Patience] = Patience(silence_ms=4_000, ping_ms=1_000)
    discovers: ClassVar[bool] = True
    trade_ids_consecutive: ClassVar[bool] = False
    lost_frame_shows: ClassVar[bool] = False

    def __init__(self, symbols: Sequence[str], websocket: str, rest: str) -> None:
        super().__init__(symbols, websocket, rest)
        self._asked = 0
        """Undecided markets asked for so far, so that each has its turn."""
        self._spot: set[str] = set()
        """The spot symbols the venue has spoken of."""

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        return (SUBSCRIBE, SUBSCRIBE_SPOT)

    def doubted(self, frame: bytes, followed: Collection[str]) -> Sequence[str]:
        return doubted(frame, "type", _BOOKLESS, {symbol: symbol for symbol in followed})

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        return (SUBSCRIBE_SPOT if symbol in self._spot else SUBSCRIBE,)

    def ping(self) -> bytes:
        return HEARTBEAT

    def parse(self, frame: bytes) -> Sequence[Message]:
        try:
            message = _FRAME.decode(frame)
        except msgspec.ValidationError:
            # "Clients must ignore members they do not know", and so unknown kinds of frames.
            if _TAG.decode(frame).type in _KNOWN:
                raise
            return (ALIVE,)
        match message:
            case OrderBook(market, sequence, bids, asks, ts_ns):
                return (Snapshot(market, bids, asks, sequence, None, ts_ns),)
            case TradeFrame(market, trade_id, price, size, taker_side, ts_ns):
                return (Print(market, int(trade_id), price, size, taker_side == "ask", ts_ns),)
            case MarketFrame(market_fields, ts_ns):
                return (_listing(market_fields, ts_ns),)
            case SpotBook(symbol, sequence, bids, asks, ts_ns):
                self._spot.add(symbol)
                return (Snapshot(symbol, bids, asks, sequence, None, ts_ns),)
            case SpotTrade(symbol, trade_id, price, size, taker_side, ts_ns):
                return (Print(symbol, int(trade_id), price, size, taker_side == "ask", ts_ns),)
            case SymbolFrame(fields, ts_ns):
                self._spot.add(fields.symbol)
                return (_spot_listing(fields, ts_ns),)
            case Error(error, op, number):
                if number == SPOT_ID and error.code == "invalid_field":
                    # A venue that knows no such channels has no spot symbols.
                    return (ALIVE,)
                # A heartbeat is answered with a refusal where it needs a login: that too is a sign of life.
                return (ALIVE,) if op == "heartbeat" else (Refused(f"{error.code}: {error.message}"[:200]),)
        return (ALIVE,)

    def check_url(self, symbol: str) -> str:
        kind = "symbols" if symbol in self._spot else "markets"
        return f"{self.rest}/{kind}/{symbol}/orderbook?depth=1"

    def parse_check(self, body: bytes) -> Check:
        book = _BOOK.decode(body)
        bid = book.bids[0][0] if book.bids else 0.0
        return Check(bid, book.asks[0][0] if book.asks else 0.0, book.sequence)

    def time_url(self) -> str:
        return f"{self.rest}/time"

    def parse_time(self, body: bytes) -> int:
        return _TIME.decode(body).ts_ns

    def markets_url(self, now_ns: int) -> str:
        return f"{self.rest}/markets"

    def parse_markets(self, body: bytes) -> Sequence[Listing | Dropped]:
        answer = _MARKETS.decode(body)
        if isinstance(answer.price_sources, dict):
            self.money = Money.PAPER
            self.price_sources = {asset: word for asset, word in answer.price_sources.items() if word in PRICE_SOURCES}
        said: list[Listing | Dropped] = []
        for raw, fields, fault in read_rows(_FIELDS, raw_rows(answer.markets, "markets", LISTED_MAX)):
            try:
                said.append(Dropped(text_of(raw, "id"), fault) if fields is None else _listing(fields, answer.ts_ns))
            except UNREADABLE as error:
                said.append(Dropped(text_of(raw, "id"), str(error)))
        return said

    def symbols_url(self) -> str:
        return f"{self.rest}/symbols"

    def parse_symbols(self, body: bytes) -> SymbolList:
        answer = _SYMBOLS.decode(body)
        rows: list[Listing | Dropped] = []
        for raw, fields, fault in read_rows(_SYMBOL, raw_rows(answer.symbols, "symbols", LISTED_MAX)):
            try:
                row = Dropped(text_of(raw, "symbol"), fault) if fields is None else _spot_listing(fields, answer.ts_ns)
            except UNREADABLE as error:
                row = Dropped(text_of(raw, "symbol"), str(error))
            rows.append(row)
        self._spot.update(row.symbol for row in rows if isinstance(row, Listing))
        return SymbolList(tuple(rows), answer.ts_ns)

    def undecided_url(self, now_ns: int, waiting: Sequence[str]) -> str:
        if not waiting:
            return ""
        self._asked += 1
        return f"{self.rest}/markets/{waiting[self._asked % len(waiting)]}"

    def parse_undecided(self, body: bytes) -> Sequence[Listing | Dropped]:
        answer = _MARKET.decode(body)
        return (_listing(answer.market, answer.ts_ns),)


def _listing(fields: MarketFields, ts_ns: int) -> Listing:
    for name, value in (("strike", fields.strike), ("settlement_price", fields.settlement_price)):
        if value is not None and not (value.is_finite() and 0 <= value < Decimal(10**15)):
            raise ContractError(fields.id, f"{name}: must be a finite price, is {value}")
    if not (fields.tick.is_finite() and 0 < fields.tick < 1):
        raise ContractError(fields.id, f"tick: must lie between 0 and 1, is {fields.tick}")
    if fields.expiry_ns <= fields.open_ns:
        raise ContractError(fields.id, "expiry_ns: must be after open_ns")
    return Listing(
        symbol=fields.id,
        status=MarketStatus(fields.status.lower()),
        underlying=fields.asset,
        series=fields.series,
        title=fields.title,
        strike=fields.strike,
        tie_rule=TieRule(fields.tie),
        tick_size=fields.tick,
        min_lots=fields.min_size,
        # The planned open until it happened; then the real one, from which the life counts.
        open_ns=fields.opened_ns or fields.open_ns,
        expiry_ns=fields.expiry_ns,
        result=fields.result or "",
        settlement_price=fields.settlement_price,
        ts_event_ns=ts_ns,
        settlement=SETTLEMENTS.get(fields.settlement, SettlementRule.UNKNOWN),
        settlement_window_s=fields.settlement_window_s,
        settlement_source=fields.settlement_source,
        settlement_step=fields.settlement_step,
    )


def _spot_listing(fields: SymbolFields, ts_ns: int) -> Listing:
    listing = spot_listing(
        fields.symbol,
        base=fields.base,
        quote=fields.quote,
        tick=fields.tick,
        lot=fields.lot,
        smallest=fields.min_size,
        min_notional=fields.min_notional,
        trading=fields.status == "TRADING",
        ts_ns=ts_ns,
        fees=_fees(fields),
        underlying=fields.underlying,
    )
    if not fields.min_size or fields.min_size % fields.lot:
        raise ContractError(
            fields.symbol, f"min_size: must be a multiple of the lot {fields.lot}, is {fields.min_size}"
        )
    return listing


def _fees(fields: SymbolFields) -> FeeTerms | None:
    """Return the fees of a symbol, in the quote currency unless section 14.1 names another; None without both."""
    if fields.maker_fee is None or fields.taker_fee is None:
        return None
    known = {"": FeeCurrency.PRICE, fields.quote: FeeCurrency.PRICE, fields.base: FeeCurrency.BASE}
    currency = known.get(fields.fee_currency, FeeCurrency.THIRD)
    return fee_terms(fields.symbol, fields.maker_fee, fields.taker_fee, currency)
