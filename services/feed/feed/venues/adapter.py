"""What every venue adapter is: addresses, subscriptions, and its frames in our words; it holds no connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from random import Random
from typing import ClassVar

from common.errors import ContractError
from common.events import Money

from feed.books.book import LocalBook
from feed.connections.connection import Connection, Patience
from feed.messages import Check, Dropped, Listing, Message, Snapshot, SymbolList

BOOK_LEVELS = 20
"""Levels per side that go on the bus."""


class Adapter:
    """One venue's public data. A subclass is one file that can be compared with the venue's documentation.

    `parse` and the `parse_*` methods raise ContractError, msgspec's errors or ValueError for what they cannot
    read, and nothing else; the caller counts it and goes on. Of a list, a row that cannot be read is a `Dropped` among
    the others, and a `Reset` of the book it may have changed.
    """

    patience: ClassVar[Patience]
    symbols_per_connection: ClassVar[int] = 50
    discovers: ClassVar[bool] = False
    """True where the symbols are not configured but listed by the venue."""
    snapshot_over_rest: ClassVar[bool] = False
    """True where changes wait for a snapshot asked over REST; else the stream brings its own snapshots."""
    book_depth: ClassVar[int] = 0
    """Levels per side that the subscription covers; 0 for all."""
    book_makes_top: ClassVar[bool] = True
    """True where the best prices are those of the book; else the venue states them in frames of their own."""
    trade_ids_consecutive: ClassVar[bool] = True
    lost_frame_shows: ClassVar[bool] = True
    """True where a lost change is noticed by its ids or checksum; else an unreadable frame casts doubt on books."""

    def __init__(self, symbols: Sequence[str], websocket: str, rest: str) -> None:
        self.symbols = tuple(symbols)
        self.websocket = websocket.rstrip("/")
        self.rest = rest.rstrip("/")
        self.money = Money.UNKNOWN
        self.price_sources: dict[str, str] = {}
        """What drives the price of each underlying, where the venue says so or it is known."""

    def url(self, symbols: Sequence[str]) -> str:
        """Return the websocket address for a connection that follows these symbols."""
        return self.websocket

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        """Return the frames to send on a fresh connection."""
        return ()

    def subscribe_prepared(self, symbols: Sequence[str]) -> Sequence[bytes]:
        """Return the frames to send after the venue's answer made a `Prepared`."""
        return ()

    def subscribe_listed(self, symbol: str) -> Sequence[bytes]:
        """Return the frames that add a market that was just listed; empty where a subscription covers it."""
        return ()

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        """Return the frames that make the stream bring a new snapshot of one symbol."""
        return ()

    def restarted(self) -> None:
        """Forget what only a living connection keeps up to date: the next one starts without it."""

    def doubted(self, frame: bytes, followed: Collection[str]) -> Sequence[str]:
        """Return the followed symbols whose book an unreadable frame may have changed without a trace."""
        return () if self.lost_frame_shows else tuple(followed)

    def ping(self) -> bytes:
        """Return a frame that the venue answers; empty where there is none."""
        return b""

    def parse(self, frame: bytes) -> Sequence[Message]:
        """Return what a frame says."""
        raise NotImplementedError

    def recording_key(self, frame: bytes) -> str:
        """Return the name under which a raw frame is recorded."""
        return "all"

    def snapshot_url(self, symbol: str) -> str:
        """Return where to ask for a whole book; empty where the stream brings it."""
        return ""

    def parse_snapshot(self, symbol: str, body: bytes) -> Snapshot:
        """Return the book in a REST answer."""
        raise ContractError(symbol, "this venue has no snapshots over REST")

    def check_url(self, symbol: str) -> str:
        """Return where to ask for the best prices, to cross-check the stream; empty where there is no such thing."""
        return ""

    def parse_check(self, body: bytes) -> Check:
        """Return the best prices in a REST answer."""
        raise ContractError("check", "this venue has no cross-check over REST")

    def time_url(self) -> str:
        """Return where to ask for the venue's time; empty where it is too coarse to be of use."""
        return ""

    def parse_time(self, body: bytes) -> int:
        """Return the venue's time in ns from a REST answer."""
        raise ContractError("time", "this venue does not tell its time over REST")

    def markets_url(self, now_ns: int) -> str:
        """Return where to ask what can be traded now; empty where the symbols are configured."""
        return ""

    def parse_markets(self, body: bytes) -> Sequence[Listing | Dropped]:
        """Return the markets in a REST answer."""
        raise ContractError("markets", "this venue lists no markets over REST")

    def symbols_url(self) -> str:
        """Return where to ask what can be traded that has no expiry, with its terms; empty where there is nothing."""
        return ""

    def parse_symbols(self, body: bytes) -> SymbolList:
        """Return all of it from a REST answer."""
        raise ContractError("symbols", "this venue lists no symbols over REST")

    def terms_url(self, symbol: str) -> str:
        """Return where to ask for the terms of a configured symbol; empty where the venue lists its symbols."""
        return ""

    def parse_terms(self, symbol: str, body: bytes, ts_ns: int) -> Listing | None:
        """Return a configured symbol as it is listed at a time of the venue's; None where that is no answer to it."""
        raise ContractError(symbol, "this venue tells no terms over REST")

    def unlisted(self, status: int, body: bytes) -> bool:
        """Say whether the answer to a question for terms is that the venue has no such symbol."""
        return False

    def undecided_url(self, now_ns: int, waiting: Sequence[str]) -> str:
        """Return where to ask by name for markets past their end, `waiting` and others; empty where none is due."""
        return ""

    def parse_undecided(self, body: bytes) -> Sequence[Listing | Dropped]:
        """Return the markets in the answer to that."""
        raise ContractError("markets", "this venue tells no market by its name")

    def checksum(self, symbol: str, book: LocalBook) -> int | None:
        """Return what the venue would compute over our copy; None where it sends no checksum or before it is known."""
        return None


def connections_of(venue: str, adapter: Adapter, random: Random, live_within_ms: int) -> list[Connection]:
    """Return the connections of one venue, each with its share of the symbols.

    A silent one is asked for a sign of life in time for two answers within `live_within_ms`.
    """
    patience = replace(adapter.patience, ping_ms=min(adapter.patience.ping_ms, live_within_ms * 2 // 5))
    size = adapter.symbols_per_connection
    groups = [adapter.symbols[start : start + size] for start in range(0, len(adapter.symbols), size)]
    if adapter.discovers:
        groups = [()]
    return [
        Connection(f"{venue}-{index}", adapter.url(group), group, patience, adapter.ping(), random)
        for index, group in enumerate(groups)
    ]
