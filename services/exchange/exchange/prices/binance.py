"""The public side that looks like Binance spot: combined streams and the REST calls a local book needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from exchange.entry.session import Close, Output, Send
from exchange.market.tape import Json
from exchange.prices.depth import DepthBook

STREAMS_PER_CONNECTION_MAX: Final = 1_024
CONNECTIONS_MAX: Final = 256
DEPTH_LIMIT_DEFAULT: Final = 100
DEPTH_LIMIT_MAX: Final = 5_000
NS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Message:
    """One public event of the underlying, due at a time on the venue's clock."""

    due_ns: int
    symbol: str  # as in BTCUSDT
    stream: str  # as in btcusdt@bookTicker; empty for a REST snapshot
    data: Json
    for_book_only: bool = False  # happened before anyone may see it, but the book must know

    @property
    def kind(self) -> str:
        """`bookTicker`, `trade`, `depth` or `snapshot`."""
        return self.stream.partition("@")[2].partition("@")[0] or "snapshot"


@dataclass(frozen=True, slots=True)
class FreshBook:
    """A break in a symbol's stream: its book starts over."""

    due_ns: int
    symbol: str


class PublicStreams:
    """Who follows which stream, and the books behind GET depth."""

    def __init__(self, symbols: tuple[str, ...]) -> None:
        self.books = {symbol: DepthBook() for symbol in symbols}
        self._followed: dict[int, dict[str, None]] = {}

    def on_connect(self, connection: int, streams: str) -> list[Output]:
        """A client of /binance/stream?streams=a/b/c."""
        names = [name for name in streams.split("/") if name]
        if len(self._followed) >= CONNECTIONS_MAX or len(names) > STREAMS_PER_CONNECTION_MAX:
            return [Close(connection, 1008, "too many")]
        self._followed[connection] = dict.fromkeys(names)
        return []

    def on_close(self, connection: int) -> None:
        self._followed.pop(connection, None)

    def on_frame(self, connection: int, data: bytes) -> list[Output]:
        """A live subscription request; a wrong one gets Binance's error and the connection stays."""
        try:
            body = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            return [_say(connection, {"error": {"code": 3, "msg": "Invalid JSON: expected value"}})]
        followed = self._followed.get(connection)
        if followed is None:
            return []
        if not isinstance(body, dict):
            return [_say(connection, {"error": {"code": 2, "msg": "Invalid request: request must be an object"}})]
        return [_say(connection, {**_subscription(followed, body), "id": body.get("id")})]

    def publish(self, message: Message) -> list[Output]:
        """Apply an event to the symbol's book and send it to its followers."""
        book = self.books.setdefault(message.symbol, DepthBook())
        if message.kind == "snapshot":
            book.on_snapshot(message.data)
            return []
        if message.kind == "depth":
            book.on_diff(message.data)
        elif message.kind == "bookTicker":
            book.on_ticker(message.data)
        if message.for_book_only:
            return []
        followers = [connection for connection, names in self._followed.items() if message.stream in names]
        if not followers:
            return []
        frame = msgspec.json.encode({"stream": message.stream, "data": message.data})
        return [Send(connection, frame) for connection in followers]

    def on_request(self, method: str, path: str, query: dict[str, str], now_ns: int) -> tuple[int, Json]:
        """Answer a REST call below /binance; errors look like Binance's."""
        if method != "GET":
            return 405, {"code": -1000, "msg": "Method not allowed."}
        match path:
            case "/binance/api/v3/time":
                return 200, {"serverTime": now_ns // NS_PER_MS}
            case "/binance/api/v3/ping":
                return 200, {}
            case "/binance/api/v3/exchangeInfo":
                names = [query["symbol"]] if "symbol" in query else list(self.books)
                if any(name not in self.books for name in names):
                    return 400, {"code": -1121, "msg": "Invalid symbol."}
                symbols = [_symbol(name) for name in names]
                return 200, {"timezone": "UTC", "serverTime": now_ns // NS_PER_MS, "rateLimits": [], "symbols": symbols}
            case "/binance/api/v3/depth":
                return self._depth(query)
        return 404, {"code": -1000, "msg": "No such path."}

    def _depth(self, query: dict[str, str]) -> tuple[int, Json]:
        if "symbol" not in query:
            return 400, {"code": -1102, "msg": "Mandatory parameter 'symbol' was not sent."}
        if (book := self.books.get(query["symbol"])) is None:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        limit = query.get("limit", str(DEPTH_LIMIT_DEFAULT))
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= DEPTH_LIMIT_MAX:
            return 400, {"code": -1100, "msg": "Illegal characters found in parameter 'limit'."}
        return 200, book.snapshot(int(limit))


def _subscription(followed: dict[str, None], body: dict[Any, Any]) -> Json:
    method, names = body.get("method"), body.get("params", [])
    if method == "LIST_SUBSCRIPTIONS":
        return {"result": list(followed)}
    if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return {"error": {"code": 2, "msg": "Invalid request: unknown variant of method"}}
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return {"error": {"code": 2, "msg": "Invalid request: params must be a list of stream names"}}
    if method == "UNSUBSCRIBE":
        for name in names:
            followed.pop(name, None)
    elif len(followed) + len(names) > STREAMS_PER_CONNECTION_MAX:
        return {"error": {"code": 2, "msg": f"Invalid request: at most {STREAMS_PER_CONNECTION_MAX} streams"}}
    else:
        followed.update(dict.fromkeys(names))
    return {"result": None}


def _say(connection: int, body: Json) -> Send:
    return Send(connection, msgspec.json.encode(body))


def _symbol(name: str) -> Json:
    base = name.removesuffix("USDT")
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000",
                "maxPrice": "1000000.00000000",
                "tickSize": "0.01000000",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
        ],
    }
