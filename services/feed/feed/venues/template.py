"""Template: the adapter of an invented venue; copy this file, and replace everything but its shape.

How what it sends is kept right (write here the venue's own rules, numbered, with where they stand):

1. `subscribe` brings one `book` frame with `"whole": true` per symbol, then changes with absolute sizes, 0 removes.
2. Every book frame has `from` and `to`, the update ids it covers; each `from` is the `to` before plus one. A greater
   one means changes were lost: subscribe again.
3. `trade` frames count their `id` per symbol without gaps.
4. `{"op": "ping"}` is answered with `{"kind": "pong"}`; a connection lives 12 h.

Then add the class to ADAPTERS in `feed/venues/__init__.py`, the venue to config/venues.toml, and one captured or
documented frame per kind to tests/fixtures/<venue>/, and a stage to `feed/testing/stages.py`. Lists are read row by row
(`feed/connections/reading.py`): a row that cannot be read is a `Dropped` and the others are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from common.clock import NS_PER_MS

from feed.connections.connection import Patience
from feed.messages import ALIVE, Check, Count, Diff, Levels, Message, Milliseconds, Number, Print, Snapshot
from feed.venues.adapter import Adapter


class BookFrame(msgspec.Struct, tag_field="kind", tag="book", rename={"first_id": "from", "last_id": "to"}):
    """A whole book or its changes."""

    symbol: str
    first_id: Count
    last_id: Count
    bids: Levels
    asks: Levels
    time_ms: Milliseconds
    whole: bool = False


class TradeFrame(msgspec.Struct, tag_field="kind", tag="trade"):
    """A trade."""

    symbol: str
    id: Count
    price: Number
    size: Number
    buyer_is_maker: bool
    time_ms: Milliseconds


class Pong(msgspec.Struct, tag_field="kind", tag="pong"):
    """Answer to a ping."""


class BestAnswer(msgspec.Struct):
    """Answer of /best/{symbol}."""

    bid: Number
    ask: Number
    to: Count


class TimeAnswer(msgspec.Struct):
    """Answer of /time."""

    time_ms: Milliseconds


_FRAME = msgspec.json.Decoder(BookFrame | TradeFrame | Pong, strict=False)
_BEST = msgspec.json.Decoder(BestAnswer, strict=False)
_TIME = msgspec.json.Decoder(TimeAnswer)


class Template(Adapter):
    """An invented venue."""

    patience: ClassVar[Patience] = Patience(silence_ms=5_000, ping_ms=2_000, lifetime_ms=11 * 3_600_000)

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        return (msgspec.json.encode({"op": "subscribe", "symbols": list(symbols)}),)

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        return self.subscribe((symbol,))

    def ping(self) -> bytes:
        return b'{"op":"ping"}'

    def parse(self, frame: bytes) -> Sequence[Message]:
        match _FRAME.decode(frame):
            case BookFrame(symbol, _, last_id, bids, asks, time_ms, True):
                return (Snapshot(symbol, bids, asks, last_id, None, time_ms * NS_PER_MS),)
            case BookFrame(symbol, first_id, last_id, bids, asks, time_ms):
                return (Diff(symbol, bids, asks, first_id, last_id, None, time_ms * NS_PER_MS),)
            case TradeFrame(symbol, number, price, size, buyer_is_maker, time_ms):
                return (Print(symbol, number, price, size, buyer_is_maker, time_ms * NS_PER_MS),)
        return (ALIVE,)

    def check_url(self, symbol: str) -> str:
        return f"{self.rest}/best/{symbol}"

    def parse_check(self, body: bytes) -> Check:
        best = _BEST.decode(body)
        return Check(best.bid, best.ask, best.to)

    def time_url(self) -> str:
        return f"{self.rest}/time"

    def parse_time(self, body: bytes) -> int:
        return _TIME.decode(body).time_ms * NS_PER_MS
