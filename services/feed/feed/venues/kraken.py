"""Kraken spot websocket v2: the book with its checksum, and trades.

How the book is kept (docs.kraken.com, guide "Book checksum (WebSocket v2)"):

1. The snapshot brings the best levels to the subscribed depth; apply every change of an update in order, qty 0
   removes the level; afterwards cut each side to the depth, since levels that fall out of it are not removed by
   the venue.
2. `checksum` is the CRC32 (unsigned) over the ten best asks from low to high, then the ten best bids from high to
   low, each level written as price and then qty with their full decimals, without the dot and without leading zeros.
3. How many decimals a pair has stands in the `instrument` channel (`price_precision`, `qty_precision`), which is
   therefore subscribed first; books follow when it has answered.
4. When the checksum differs the copy is wrong: unsubscribe, subscribe, start from the new snapshot.

`heartbeat` comes about every second when nothing else does, once anything is subscribed. `trade_id` counts the trades
of a book, and `side` of a trade is the taker's. REST time has whole seconds only, so the clock is judged by stamps.

The terms of a pair stand in `GET /0/public/AssetPairs?pair=...`, under the venue's older name of it: `wsname` writes
XBT for BTC and XDG for DOGE. `fees` and `fees_maker` are steps of [volume of 30 days, percent], the dearest first,
which holds for an account that has not traded; orders of ours pay in the currency of the price (`fciq`).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote

import msgspec
from common.errors import ContractError
from common.events import FeeCurrency

from feed.books.book import LocalBook
from feed.connections.connection import Patience
from feed.connections.reading import read_rows, text_of
from feed.messages import (
    ALIVE,
    Check,
    Count,
    Diff,
    Dropped,
    Instant,
    Listing,
    Message,
    Number,
    Prepared,
    Print,
    Refused,
    Reset,
    Snapshot,
    stamp_ns,
)
from feed.venues.adapter import Adapter
from feed.venues.terms import fee_terms, spot_listing

BOOK_DEPTH = 25
CHECKSUM_LEVELS = 10
PAIRS_MAX = 20_000
UNPROVABLE = -1
"""Equal to no checksum: a book whose decimals the venue did not tell never counts as proved."""

OLDER_NAMES = {"XBT": "BTC", "XDG": "DOGE"}
TRADING = ("online", "limit_only")
"""All our orders are limit orders."""
PERCENT = Decimal("0.01")

Decimals = Annotated[int, msgspec.Meta(ge=0, le=18)]


class Head(msgspec.Struct):
    """What tells frames apart."""

    channel: str = ""
    type: str = ""
    method: str = ""
    success: bool = True
    error: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class BookLevel(msgspec.Struct):
    """One level of a book."""

    price: Number
    qty: Number


class BookFields(msgspec.Struct):
    """A book or its changes."""

    symbol: str
    bids: list[BookLevel]
    asks: list[BookLevel]
    checksum: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    timestamp: Instant | None = None


class Rows(msgspec.Struct):
    """A frame of channel `book` or `trade`; each row is read by itself."""

    type: Literal["snapshot", "update"]
    data: list[msgspec.Raw]


class TradeFields(msgspec.Struct):
    """A trade."""

    symbol: str
    side: Literal["buy", "sell"]
    price: Number
    qty: Number
    trade_id: Count
    timestamp: Instant


class Pair(msgspec.Struct):
    """How a pair is written."""

    symbol: str
    price_precision: Decimals
    qty_precision: Decimals


class Instruments(msgspec.Struct):
    """What can be traded."""

    pairs: list[msgspec.Raw] = []


class InstrumentFrame(msgspec.Struct):
    """Channel `instrument`."""

    type: Literal["snapshot", "update"]
    data: Instruments


class DepthRow(msgspec.Struct):
    """Best levels of one pair: rows of price, volume and time."""

    bids: list[tuple[Number, Number, msgspec.Raw]]
    asks: list[tuple[Number, Number, msgspec.Raw]]


class DepthAnswer(msgspec.Struct):
    """Answer of /0/public/Depth, keyed by the venue's own name of the pair."""

    result: dict[str, DepthRow] = {}
    error: list[str] = []


FeeSteps = Annotated[list[tuple[Decimal, Decimal]], msgspec.Meta(min_length=1, max_length=100)]


class PairRow(msgspec.Struct):
    """A pair and its rules."""

    wsname: str
    lot_decimals: Decimals
    tick_size: Decimal
    ordermin: Decimal
    costmin: Decimal
    status: str
    fees: FeeSteps | None = None
    fees_maker: FeeSteps | None = None


class PairsAnswer(msgspec.Struct):
    """Answer of /0/public/AssetPairs, keyed by the venue's own name of the pair."""

    result: dict[str, PairRow] = {}
    error: list[str] = []


_HEAD = msgspec.json.Decoder(Head)
_ROWS = msgspec.json.Decoder(Rows)
_BOOK = msgspec.json.Decoder(BookFields, strict=False)
_TRADE = msgspec.json.Decoder(TradeFields, strict=False)
_PAIR = msgspec.json.Decoder(Pair)
_INSTRUMENT = msgspec.json.Decoder(InstrumentFrame)
_DEPTH = msgspec.json.Decoder(DepthAnswer, strict=False)
_PAIRS = msgspec.json.Decoder(PairsAnswer)


class Kraken(Adapter):
    """Kraken spot."""

    patience: ClassVar[Patience] = Patience(silence_ms=5_000, ping_ms=2_500)
    symbols_per_connection: ClassVar[int] = 50
    book_depth: ClassVar[int] = BOOK_DEPTH

    def __init__(self, symbols: Sequence[str], websocket: str, rest: str) -> None:
        super().__init__(symbols, websocket, rest)
        self._wanted = frozenset(symbols)
        self._decimals: dict[str, tuple[int, int]] = {}
        """Decimals of price and quantity by symbol."""
        self._told = False
        """True once the venue has told the decimals of what it trades."""

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        return (_request("subscribe", channel="instrument", snapshot=True),)

    def subscribe_prepared(self, symbols: Sequence[str]) -> Sequence[bytes]:
        return (
            _request("subscribe", channel="book", symbol=list(symbols), depth=BOOK_DEPTH, snapshot=True),
            _request("subscribe", channel="trade", symbol=list(symbols), snapshot=False),
        )

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        return (
            _request("unsubscribe", channel="book", symbol=[symbol], depth=BOOK_DEPTH),
            _request("subscribe", channel="book", symbol=[symbol], depth=BOOK_DEPTH, snapshot=True),
        )

    def ping(self) -> bytes:
        return b'{"method":"ping"}'

    def parse(self, frame: bytes) -> Sequence[Message]:
        head = _HEAD.decode(frame)
        match head.channel:
            case "book":
                return self._parse_book(frame)
            case "trade":
                return _parse_trades(frame)
            case "instrument":
                return self._parse_instruments(frame)
        if head.method and not head.success:
            return (Refused(f"{head.method}: {head.error}"[:200]),)
        if not head.channel and not head.method:
            raise ContractError("frame", "channel or method is missing")
        return (ALIVE,)

    def _parse_book(self, frame: bytes) -> Sequence[Message]:
        decoded = _ROWS.decode(frame)
        messages: list[Message] = []
        for raw, data, fault in read_rows(_BOOK, decoded.data):
            if data is None:
                symbol = text_of(raw, "symbol")
                messages.append(Dropped(symbol, fault))
                if symbol in self._wanted:
                    # The checksum of the next change would show it; there may be none for a while.
                    messages.append(Reset(symbol, f"unreadable book: {fault}"))
                continue
            bids = [(level.price, level.qty) for level in data.bids]
            asks = [(level.price, level.qty) for level in data.asks]
            stamp = stamp_ns(data.timestamp) if data.timestamp else 0
            if decoded.type == "snapshot":
                messages.append(Snapshot(data.symbol, bids, asks, 0, data.checksum, stamp))
            else:
                messages.append(Diff(data.symbol, bids, asks, 0, 0, data.checksum, stamp))
        return messages

    def _parse_instruments(self, frame: bytes) -> Sequence[Message]:
        decoded = _INSTRUMENT.decode(frame)
        if len(decoded.data.pairs) > PAIRS_MAX:
            raise ContractError("instrument", f"more than {PAIRS_MAX} pairs")
        messages: list[Message] = []
        for raw, pair, fault in read_rows(_PAIR, decoded.data.pairs):
            if pair is None:
                symbol = text_of(raw, "symbol")
                if symbol in self._wanted or not symbol:
                    messages.append(Dropped(symbol, fault))
            elif pair.symbol in self._wanted:
                self._decimals[pair.symbol] = (pair.price_precision, pair.qty_precision)
        if decoded.type == "snapshot":
            self._told = True
            messages.append(Prepared())
        return messages or (ALIVE,)

    def checksum(self, symbol: str, book: LocalBook) -> int | None:
        decimals = self._decimals.get(symbol)
        if decimals is None:
            return UNPROVABLE if self._told else None
        return checksum(book, *decimals)

    def terms_url(self, symbol: str) -> str:
        return f"{self.rest}/0/public/AssetPairs?pair={quote(symbol, safe='')}"

    def unlisted(self, status: int, body: bytes) -> bool:
        return status == 200 and any(error.startswith("EQuery:Unknown") for error in _PAIRS.decode(body).error)

    def parse_terms(self, symbol: str, body: bytes, ts_ns: int) -> Listing | None:
        answer = _PAIRS.decode(body)
        if answer.error:
            return None
        if len(answer.result) != 1:
            raise ContractError(symbol, "result: must hold the pair that was asked for")
        (row,) = answer.result.values()
        base, quoted = (OLDER_NAMES.get(name, name) for name in (*row.wsname.split("/"), "")[:2])
        if f"{base}/{quoted}" != symbol:
            raise ContractError(symbol, f"wsname: must be the pair that was asked for, is {row.wsname[:40]!r}")
        if self._told and symbol not in self._decimals:
            raise ContractError(symbol, "its decimals are not known, so its book cannot be proved")
        fees = None
        if row.fees and row.fees_maker:
            maker, taker = row.fees_maker[0][1] * PERCENT, row.fees[0][1] * PERCENT
            fees = fee_terms(symbol, maker, taker, FeeCurrency.PRICE)
        return spot_listing(
            symbol,
            base=base,
            quote=quoted,
            tick=row.tick_size,
            lot=Decimal(1).scaleb(-row.lot_decimals),
            smallest=row.ordermin,
            min_notional=row.costmin,
            trading=row.status in TRADING,
            ts_ns=ts_ns,
            fees=fees,
        )

    def check_url(self, symbol: str) -> str:
        return f"{self.rest}/0/public/Depth?pair={symbol.replace('/', '')}&count=1"

    def parse_check(self, body: bytes) -> Check:
        answer = _DEPTH.decode(body)
        if answer.error or len(answer.result) != 1:
            raise ContractError("Depth", "; ".join(answer.error)[:200] or "result must hold one pair")
        row = next(iter(answer.result.values()))
        return Check(row.bids[0][0] if row.bids else 0.0, row.asks[0][0] if row.asks else 0.0)


def checksum(book: LocalBook, price_decimals: int, size_decimals: int) -> int:
    """Return the CRC32 of rule 2.

    A number written with d decimals, without dot and leading zeros, is the integer number * 10^d: 45285.2 with one
    decimal is 452852, 0.00100000 with eight is 100000. Floats carry 15 digits, more than any pair has.
    """
    price_scale, size_scale = 10.0**price_decimals, 10.0**size_decimals
    text = "".join(
        f"{round(price * price_scale)}{round(size * size_scale)}"
        for price, size in book.asks.top(CHECKSUM_LEVELS) + book.bids.top(CHECKSUM_LEVELS)
    )
    return zlib.crc32(text.encode())


def _parse_trades(frame: bytes) -> Sequence[Message]:
    decoded = _ROWS.decode(frame)
    past = decoded.type == "snapshot"
    messages: list[Message] = []
    for raw, trade, fault in read_rows(_TRADE, decoded.data):
        if trade is None:
            messages.append(Dropped(text_of(raw, "symbol"), f"trade: {fault}"))
            continue
        stamp = stamp_ns(trade.timestamp)
        sells = trade.side == "sell"
        messages.append(Print(trade.symbol, trade.trade_id, trade.price, trade.qty, sells, stamp, past))
    return messages


def _request(method: str, **params: object) -> bytes:
    return msgspec.json.encode({"method": method, "params": params})
