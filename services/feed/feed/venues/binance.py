"""Binance spot: best prices, trades and depth over one combined stream, books started from a REST snapshot.

How a local book is kept, in the venue's rules ("How to manage a local order book correctly",
developers.binance.com, spot websocket streams):

1. Open the stream `<symbol>@depth@100ms` and buffer its events; note U of the first.
2. Ask `GET /api/v3/depth?symbol=...&limit=1000`. If its lastUpdateId is less than that U - 1, ask again.
3. Discard buffered events with u <= lastUpdateId.
4. The first event applied must have U <= lastUpdateId + 1 <= u.
5. Each later event's U must be the u before it plus one; a larger U means events were missed: start over.
6. Sizes are absolute; 0 removes the level; removing a level that is not there is normal.

`bookTicker` carries the update id u of the book it is the top of, and no time; one with a lower u than already seen
is dropped. Futures count by other rules (`pu` names the id before) and are refused. A connection lives 24 h at most,
may be told `serverShutdown`, is pinged every 20 s (answered by the websocket library), and may send 5 messages a
second. At most 1024 streams per connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar
from urllib.parse import quote

import msgspec
from common.clock import NS_PER_MS
from common.errors import ContractError

from feed.connections.connection import Patience
from feed.connections.reading import read_rows
from feed.messages import (
    ALIVE,
    Check,
    Count,
    Diff,
    Ending,
    Levels,
    Listing,
    Message,
    Milliseconds,
    Number,
    Print,
    Refused,
    Snapshot,
    Top,
)
from feed.venues.adapter import Adapter
from feed.venues.terms import spot_listing

STREAMS = ("bookTicker", "trade", "depth@100ms")
SNAPSHOT_LEVELS = 1_000
HEAD_BYTES = 48
"""The stream's name stands in the first bytes of a frame: {"stream":"btcusdt@bookTicker",..."""


class BookTicker(msgspec.Struct, rename={"update_id": "u", "bid": "b", "bid_size": "B", "ask": "a", "ask_size": "A"}):
    """Best bid and offer with the book's update id."""

    update_id: Count
    s: str
    bid: Number
    bid_size: Number
    ask: Number
    ask_size: Number


class BookTickerFrame(msgspec.Struct):
    """`<symbol>@bookTicker`."""

    data: BookTicker


class TradeFields(msgspec.Struct, rename={"number": "t", "price": "p", "size": "q", "traded_ms": "T", "maker": "m"}):
    """One trade; `maker` is true when the buyer was the maker."""

    number: Count
    s: str
    price: Number
    size: Number
    traded_ms: Milliseconds
    maker: bool


class TradeFrame(msgspec.Struct):
    """`<symbol>@trade`."""

    data: TradeFields


class Depth(
    msgspec.Struct,
    rename={"event_ms": "E", "first_id": "U", "last_id": "u", "bids": "b", "asks": "a", "previous_id": "pu"},
):
    """Levels changed since the event before; only futures name the id before theirs."""

    event_ms: Milliseconds
    s: str
    first_id: Count
    last_id: Count
    bids: Levels
    asks: Levels
    previous_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class DepthFrame(msgspec.Struct):
    """`<symbol>@depth@100ms`."""

    data: Depth


class OtherEvent(msgspec.Struct, rename={"kind": "e"}):
    """What any other event says about itself."""

    kind: str = ""


class Envelope(msgspec.Struct):
    """Any frame: an event of a stream, an answer to a request, or an error."""

    stream: str = ""
    data: OtherEvent | None = None
    error: msgspec.Raw = msgspec.Raw(b"")
    msg: str = ""


class DepthAnswer(msgspec.Struct, rename="camel"):
    """Answer of /api/v3/depth."""

    last_update_id: Count
    bids: Levels
    asks: Levels


class ServerTime(msgspec.Struct, rename="camel"):
    """Answer of /api/v3/time."""

    server_time: Milliseconds


class Filter(
    msgspec.Struct, rename={"kind": "filterType", "tick": "tickSize", "lot": "stepSize", "smallest": "minQty"}
):
    """A rule that orders in a symbol obey, of one kind or another."""

    kind: str
    tick: Decimal | None = None
    lot: Decimal | None = None
    smallest: Decimal | None = None
    min_notional: Decimal | None = msgspec.field(default=None, name="minNotional")


class SymbolInfo(msgspec.Struct, rename="camel"):
    """A symbol and its rules. Each filter is read by itself: kinds that are not needed have members of their own."""

    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[msgspec.Raw]
    is_spot_trading_allowed: bool = True


class ExchangeInfo(msgspec.Struct):
    """Answer of /api/v3/exchangeInfo for one symbol."""

    symbols: list[SymbolInfo]


class Fault(msgspec.Struct):
    """Any refusal."""

    code: int = 0


# Prices and sizes come as strings; strict=False reads them as floats in the decoder itself.
_BOOK_TICKER = msgspec.json.Decoder(BookTickerFrame, strict=False)
_TRADE = msgspec.json.Decoder(TradeFrame, strict=False)
_DEPTH = msgspec.json.Decoder(DepthFrame, strict=False)
_ENVELOPE = msgspec.json.Decoder(Envelope)
_SNAPSHOT = msgspec.json.Decoder(DepthAnswer, strict=False)
_TIME = msgspec.json.Decoder(ServerTime)
_INFO = msgspec.json.Decoder(ExchangeInfo)
_FILTER = msgspec.json.Decoder(Filter)
_FAULT = msgspec.json.Decoder(Fault)
NOTIONALS = ("NOTIONAL", "MIN_NOTIONAL")
INVALID_SYMBOL = -1121


class Binance(Adapter):
    """Binance spot."""

    # BTC, ETH and SOL change many times a second; LIST_SUBSCRIPTIONS is answered also when they do not.
    patience: ClassVar[Patience] = Patience(silence_ms=5_000, ping_ms=2_000, lifetime_ms=23 * 3_600_000)
    symbols_per_connection: ClassVar[int] = 50
    snapshot_over_rest: ClassVar[bool] = True
    book_makes_top: ClassVar[bool] = False

    def url(self, symbols: Sequence[str]) -> str:
        streams = "/".join(f"{symbol.lower()}@{stream}" for symbol in symbols for stream in STREAMS)
        return f"{self.websocket}?streams={streams}"

    def ping(self) -> bytes:
        return b'{"method":"LIST_SUBSCRIPTIONS","id":1}'

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        names = [f"{symbol.lower()}@{stream}" for stream in STREAMS]
        return tuple(
            msgspec.json.encode({"method": method, "params": names, "id": number})
            for number, method in enumerate(("UNSUBSCRIBE", "SUBSCRIBE"), 2)
        )

    def parse(self, frame: bytes) -> Sequence[Message]:
        # The name of the stream comes first, so most frames are decoded once, straight into what they are.
        if frame.startswith(b'{"stream"'):
            if frame.find(b"@bookTicker", 0, HEAD_BYTES) > 0:
                return _top(frame)
            if frame.find(b"@trade", 0, HEAD_BYTES) > 0:
                return _print(frame)
            if frame.find(b"@depth", 0, HEAD_BYTES) > 0:
                return _diff(frame)
        envelope = _ENVELOPE.decode(frame)
        kind = envelope.stream.partition("@")[2].partition("@")[0]
        if kind in _EVENTS:
            return _EVENTS[kind](frame)
        refusal = bytes(envelope.error).decode("utf-8", "replace") or envelope.msg
        if refusal and refusal != "null":
            return (Refused(refusal[:200]),)
        if envelope.data is not None and envelope.data.kind == "serverShutdown":
            return (Ending("serverShutdown"),)
        return (ALIVE,)

    def recording_key(self, frame: bytes) -> str:
        """One file per symbol, because a REST snapshot does not name its symbol."""
        head = frame[:HEAD_BYTES]
        start = head.find(b'"stream":"') + 10
        end = head.find(b"@", start)
        key = head[start:end].decode("ascii", "replace") if 10 <= start < end else ""
        return key if key.isalnum() else "all"

    def snapshot_url(self, symbol: str) -> str:
        return f"{self.rest}/api/v3/depth?symbol={symbol}&limit={SNAPSHOT_LEVELS}"

    def parse_snapshot(self, symbol: str, body: bytes) -> Snapshot:
        snapshot = _SNAPSHOT.decode(body)
        return Snapshot(symbol, snapshot.bids, snapshot.asks, snapshot.last_update_id)

    def check_url(self, symbol: str) -> str:
        return f"{self.rest}/api/v3/depth?symbol={symbol}&limit=5"

    def parse_check(self, body: bytes) -> Check:
        snapshot = _SNAPSHOT.decode(body)
        bid = snapshot.bids[0][0] if snapshot.bids else 0.0
        ask = snapshot.asks[0][0] if snapshot.asks else 0.0
        return Check(bid, ask, snapshot.last_update_id)

    def terms_url(self, symbol: str) -> str:
        return f"{self.rest}/api/v3/exchangeInfo?symbol={quote(symbol)}&showPermissionSets=false"

    def unlisted(self, status: int, body: bytes) -> bool:
        return status == 400 and _FAULT.decode(body).code == INVALID_SYMBOL

    def parse_terms(self, symbol: str, body: bytes, ts_ns: int) -> Listing:
        infos = _INFO.decode(body).symbols
        if [info.symbol for info in infos] != [symbol]:
            raise ContractError(symbol, "symbols: must hold the symbol that was asked for")
        (info,) = infos
        rules = {rule.kind: rule for _, rule, _ in read_rows(_FILTER, info.filters) if rule is not None}
        price, size = rules.get("PRICE_FILTER"), rules.get("LOT_SIZE")
        notional = next((rules[kind].min_notional for kind in NOTIONALS if kind in rules), None)
        if price is None or price.tick is None:
            raise ContractError(symbol, "PRICE_FILTER: must say tickSize")
        if size is None or size.lot is None or size.smallest is None:
            raise ContractError(symbol, "LOT_SIZE: must say stepSize and minQty")
        if notional is None:
            raise ContractError(symbol, f"{' or '.join(NOTIONALS)}: must say minNotional")
        return spot_listing(
            symbol,
            base=info.base_asset,
            quote=info.quote_asset,
            tick=price.tick,
            lot=size.lot,
            smallest=size.smallest,
            min_notional=notional,
            trading=info.status == "TRADING" and info.is_spot_trading_allowed,
            ts_ns=ts_ns,
        )

    def time_url(self) -> str:
        return f"{self.rest}/api/v3/time"

    def parse_time(self, body: bytes) -> int:
        return _TIME.decode(body).server_time * NS_PER_MS


def _top(frame: bytes) -> Sequence[Message]:
    data = _BOOK_TICKER.decode(frame).data
    return (Top(data.s, data.bid, data.ask, data.bid_size, data.ask_size, data.update_id),)


def _print(frame: bytes) -> Sequence[Message]:
    trade = _TRADE.decode(frame).data
    return (Print(trade.s, trade.number, trade.price, trade.size, trade.maker, trade.traded_ms * NS_PER_MS),)


def _diff(frame: bytes) -> Sequence[Message]:
    depth = _DEPTH.decode(frame).data
    if depth.previous_id is not msgspec.UNSET:
        raise ContractError("depthUpdate", "pu: this is a stream of futures, whose ids follow other rules than spot's")
    if depth.first_id > depth.last_id:
        raise ContractError("depthUpdate", "U must not be above u")
    return (Diff(depth.s, depth.bids, depth.asks, depth.first_id, depth.last_id, None, depth.event_ms * NS_PER_MS),)


_EVENTS = {"bookTicker": _top, "trade": _print, "depth": _diff}
