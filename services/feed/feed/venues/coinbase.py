"""Coinbase Exchange: ticker, matches, level2_batch and heartbeat on one connection, without a key.

How what it sends is kept right (docs.cdp.coinbase.com, Exchange websocket feed):

1. Subscribe within 5 s of connecting or be disconnected.
2. `level2_batch` sends one `snapshot` per product, then `l2update` every 50 ms with [side, price, new size];
   size 0 removes the level. Its delivery is guaranteed and it carries no sequence, so a frame of it that cannot be
   read, or a crossed book, costs that product's book: unsubscribe, subscribe, wait for the new snapshot.
3. `ticker` and `matches` may be dropped or come out of order; their `sequence` orders the messages of a product:
   a ticker with a lower sequence than already seen is old. That of a product which has never traded has no time, no
   sequence and no sizes, and says nothing.
4. `heartbeat` comes every second per product with `last_trade_id`: a trade not seen by the next heartbeat was lost.
   `last_match` repeats the trade before the subscription.
5. `side` of a match is the maker's: `sell` means the buyer took.
6. The terms of a product stand in `GET /products/{id}`, which answers 404 for a name that it does not know. Since the
   smallest size was dropped, `min_market_funds` is the smallest notional of every order. Fees are the account's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from common.clock import NS_PER_S
from common.errors import ContractError

from feed.connections.connection import Patience
from feed.connections.reading import decode, doubted
from feed.messages import (
    ALIVE,
    Beat,
    Check,
    Count,
    Diff,
    Instant,
    Levels,
    Listing,
    Message,
    Number,
    Print,
    Refused,
    Snapshot,
    Top,
    stamp_ns,
)
from feed.venues.adapter import Adapter
from feed.venues.terms import spot_listing

CHANNELS = ("ticker", "matches", "level2_batch", "heartbeat")

Side = Literal["buy", "sell"]


class BookSnapshot(msgspec.Struct, tag="snapshot"):
    """The whole book."""

    product_id: str
    bids: Levels
    asks: Levels
    time: Instant | None = None


class BookUpdate(msgspec.Struct, tag="l2update"):
    """Levels changed within 50 ms."""

    product_id: str
    changes: list[tuple[Side, Number, Number]]
    time: Instant


class Ticker(msgspec.Struct, tag="ticker"):
    """Best prices right after a match."""

    product_id: str
    best_bid: Number
    best_ask: Number
    sequence: Count | None = None
    best_bid_size: Number | None = None
    best_ask_size: Number | None = None
    time: Instant | None = None


class Match(msgspec.Struct, tag="match"):
    """A trade."""

    product_id: str
    trade_id: Count
    price: Number
    size: Number
    side: Side
    time: Instant


class LastMatch(msgspec.Struct, tag="last_match"):
    """The trade before we subscribed."""

    product_id: str
    trade_id: Count
    price: Number
    size: Number
    side: Side
    time: Instant


class Heartbeat(msgspec.Struct, tag="heartbeat"):
    """Every second per product."""

    product_id: str
    sequence: Count
    last_trade_id: Count
    time: Instant


class Subscriptions(msgspec.Struct, tag="subscriptions"):
    """Answer to a subscribe or unsubscribe."""


class Error(msgspec.Struct, tag="error"):
    """The venue refuses something."""

    message: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


Frame: TypeAlias = BookSnapshot | BookUpdate | Ticker | Match | LastMatch | Heartbeat | Subscriptions | Error


class Tag(msgspec.Struct):
    """What every frame has."""

    type: str


class BookAnswer(msgspec.Struct):
    """Answer of /products/{id}/book?level=1: rows of price, size and number of orders."""

    bids: list[tuple[Number, Number, msgspec.Raw]]
    asks: list[tuple[Number, Number, msgspec.Raw]]


class Product(msgspec.Struct):
    """Answer of /products/{id}."""

    id: str
    base_currency: str
    quote_currency: str
    quote_increment: Decimal
    base_increment: Decimal
    min_market_funds: Decimal
    status: str
    trading_disabled: bool = False
    cancel_only: bool = False
    post_only: bool = False
    auction_mode: bool = False


class TimeAnswer(msgspec.Struct):
    """Answer of /time."""

    epoch: Annotated[float, msgspec.Meta(ge=0.0, le=9.2e9)]


_KNOWN = frozenset(
    kind.__struct_config__.tag
    for kind in (BookSnapshot, BookUpdate, Ticker, Match, LastMatch, Heartbeat, Subscriptions, Error)
)
_BOOKLESS = _KNOWN - {"snapshot", "l2update"}
_FRAME = msgspec.json.Decoder(Frame, strict=False)
_TAG = msgspec.json.Decoder(Tag)
_BOOK = msgspec.json.Decoder(BookAnswer, strict=False)
_TIME = msgspec.json.Decoder(TimeAnswer, strict=False)
_PRODUCT = msgspec.json.Decoder(Product)


class Coinbase(Adapter):
    """Coinbase Exchange."""

    patience: ClassVar[Patience] = Patience(silence_ms=5_000, ping_ms=2_500)
    symbols_per_connection: ClassVar[int] = 20
    lost_frame_shows: ClassVar[bool] = False

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        return (_request("subscribe", symbols, CHANNELS),)

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        book = ("level2_batch",)
        return (_request("unsubscribe", (symbol,), book), _request("subscribe", (symbol,), book))

    def ping(self) -> bytes:
        """Subscribe to a heartbeat we already have: answered with `subscriptions`."""
        return _request("subscribe", self.symbols[:1], ("heartbeat",)) if self.symbols else b""

    def parse(self, frame: bytes) -> Sequence[Message]:
        try:
            message = decode(_FRAME, frame)
        except msgspec.ValidationError:
            # "Clients are expected to ignore messages they do not support."
            if _TAG.decode(frame).type in _KNOWN:
                raise
            return (ALIVE,)
        return (_neutral(message),)

    def doubted(self, frame: bytes, followed: Collection[str]) -> Sequence[str]:
        return doubted(frame, "type", _BOOKLESS, {symbol: symbol for symbol in followed})

    def check_url(self, symbol: str) -> str:
        return f"{self.rest}/products/{symbol}/book?level=1"

    def parse_check(self, body: bytes) -> Check:
        answer = _BOOK.decode(body)
        return Check(answer.bids[0][0] if answer.bids else 0.0, answer.asks[0][0] if answer.asks else 0.0)

    def terms_url(self, symbol: str) -> str:
        return f"{self.rest}/products/{symbol}"

    def unlisted(self, status: int, body: bytes) -> bool:
        return status == 404

    def parse_terms(self, symbol: str, body: bytes, ts_ns: int) -> Listing:
        product = _PRODUCT.decode(body)
        if product.id != symbol:
            raise ContractError(symbol, f"id: must be the product that was asked for, is {product.id[:40]!r}")
        halted = product.trading_disabled or product.cancel_only or product.post_only or product.auction_mode
        return spot_listing(
            symbol,
            base=product.base_currency,
            quote=product.quote_currency,
            tick=product.quote_increment,
            lot=product.base_increment,
            smallest=product.base_increment,
            min_notional=product.min_market_funds,
            trading=product.status == "online" and not halted,
            ts_ns=ts_ns,
        )

    def time_url(self) -> str:
        return f"{self.rest}/time"

    def parse_time(self, body: bytes) -> int:
        return int(_TIME.decode(body).epoch * NS_PER_S)


def _request(kind: str, symbols: Sequence[str], channels: Sequence[str]) -> bytes:
    return msgspec.json.encode({"type": kind, "product_ids": list(symbols), "channels": list(channels)})


def _neutral(frame: Frame) -> Message:
    match frame:
        case BookUpdate(product_id, changes, time):
            bids = [(price, size) for side, price, size in changes if side == "buy"]
            asks = [(price, size) for side, price, size in changes if side == "sell"]
            return Diff(product_id, bids, asks, ts_event_ns=stamp_ns(time))
        case Ticker(product_id, bid, ask, sequence, bid_size, ask_size, time):
            if sequence is None or bid_size is None or ask_size is None or time is None:
                return ALIVE
            return Top(product_id, bid, ask, bid_size, ask_size, sequence, stamp_ns(time))
        case Match() | LastMatch():
            past = isinstance(frame, LastMatch)
            buyer_is_maker = frame.side == "buy"
            stamp = stamp_ns(frame.time)
            return Print(frame.product_id, frame.trade_id, frame.price, frame.size, buyer_is_maker, stamp, past)
        case BookSnapshot(product_id, bids, asks, time):
            return Snapshot(product_id, bids, asks, ts_event_ns=stamp_ns(time) if time else 0)
        case Heartbeat(product_id, sequence, last_trade_id, time):
            return Beat(product_id, sequence, last_trade_id, stamp_ns(time))
        case Error(message, reason):
            return Refused(f"{message} {reason}".strip()[:200])
        case Subscriptions():
            return ALIVE
