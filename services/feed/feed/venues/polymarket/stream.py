"""Polymarket: rolling up-or-down markets by their slugs, their books over the public market channel.

How what it sends is kept right (the venue's pages on the market channel, its order book and its market list):

1. A market is listed by `GET /markets?slug=` of the list host, which is that of the order book with `gamma-api` for
   `clob`. What names a series' markets have is in `series.py`, what a row means in `listing.py`.
2. Closed markets are listed only with `closed=true`: every market past its end is asked for by name until decided.
3. Each outcome has a token and a book of its own, which mirror each other: that of Up (Yes) is followed, as YES.
4. Subscribing brings one `book` frame per token, then `price_change` frames with absolute sizes, 0 removes. Nothing is
   numbered: a lost frame shows by a crossed book, or by `GET /book`, which is asked in turn. That answer has been seen
   to be a ghost (0.01 and 0.99) beside a right channel, so it is not believed alone.
5. `tick_size_change` makes the grid of a market another one: its book is rebuilt, the market published again. The
   list is behind by up to a minute; what was changed while the connection was away is in the list alone.
6. `PING` is answered `PONG`; a quiet channel has been seen to stay open and dead, so silence counts. Other texts, like
   `INVALID OPERATION`, say nothing about any book.
7. The strike is the underlying's price at the beginning, which the list tells some time after it (`priceToBeat`): until
   then a market counts as listed and not yet open.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec
from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import MarketStatus, Money, SettlementRule

from feed.connections.connection import Patience
from feed.connections.reading import FAULT_CHARS_MAX, UNREADABLE, decode, doubted, raw_rows, read_rows, text_of
from feed.messages import (
    ALIVE,
    Check,
    Diff,
    Dropped,
    Levels,
    Listing,
    Message,
    Milliseconds,
    Number,
    Print,
    Refused,
    Reset,
    Snapshot,
)
from feed.venues.adapter import Adapter
from feed.venues.polymarket.listing import (
    Condition,
    MarketFields,
    Token,
    Tokens,
    UnknownRule,
    checked_tick,
    listing_of,
    tokens_of,
)
from feed.venues.polymarket.series import Series, Window

REAL_HOST = ".polymarket.com"
"""Anything else that speaks its language is not known to be the venue."""
PAST_WINDOWS, COMING_WINDOWS = 3, 2
"""Markets of a series that the list is asked for beside the present one."""
PAST_S = 2 * 3_600
"""How far back the markets of a series are asked for until decided, also those ended while nobody listened."""
SLUGS_MAX = 100
"""Names in one question: the most markets the list answers."""
SERIES_MAX = SLUGS_MAX // (PAST_WINDOWS + COMING_WINDOWS + 1)
ROWS_MAX = 500
EVENTS_MAX = 1_000
KNOWN_MAX = 5_000
"""Markets remembered; the oldest decided ones go first."""
LIST_BEHIND_NS = 60 * NS_PER_S
"""For so long after the channel told a new tick the list is taken to be behind."""


class Level(msgspec.Struct):
    """A price level."""

    price: Number
    size: Number


class Change(msgspec.Struct):
    """A level with its new size."""

    asset_id: Token
    price: Number
    size: Number
    side: Literal["BUY", "SELL"]


class BookFrame(msgspec.Struct, tag_field="event_type", tag="book"):
    """A whole book."""

    asset_id: Token
    bids: list[Level]
    asks: list[Level]
    timestamp: Milliseconds


class PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    """Changed levels, of one token or both; each is read by itself."""

    price_changes: list[msgspec.Raw]
    timestamp: Milliseconds


class LastTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """A trade; its side is the taker's."""

    asset_id: Token
    price: Number
    size: Number
    side: Literal["BUY", "SELL"]
    timestamp: Milliseconds


class TickSizeChange(msgspec.Struct, tag_field="event_type", tag="tick_size_change"):
    """A new grid."""

    asset_id: Token
    new_tick_size: Decimal
    timestamp: Milliseconds


class Resolved(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    """A market is decided."""

    market: Condition
    winning_asset_id: Token
    timestamp: Milliseconds


class Kind(msgspec.Struct):
    """What tells events apart."""

    event_type: str = ""


class BookAnswer(msgspec.Struct):
    """Answer of /book; its levels are in no stated order."""

    bids: list[Level]
    asks: list[Level]
    timestamp: Milliseconds = 0


class Known(NamedTuple):
    """A market that has been listed."""

    listing: Listing
    slug: str
    tokens: Tokens


_KINDS: dict[str, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(frame, strict=False)
    for kind, frame in (
        ("book", BookFrame),
        ("price_change", PriceChange),
        ("last_trade_price", LastTrade),
        ("tick_size_change", TickSizeChange),
        ("market_resolved", Resolved),
    )
}
_REFUSAL = re.compile(rb"[A-Z][A-Z ]{1,60}")
_KIND = msgspec.json.Decoder(Kind)
_BOOKLESS = frozenset(("last_trade_price", "market_resolved"))
_CHANGE = msgspec.json.Decoder(Change, strict=False)
_MARKET = msgspec.json.Decoder(MarketFields, strict=False)
_BOOK = msgspec.json.Decoder(BookAnswer, strict=False)


class Polymarket(Adapter):
    """The venue of tokens for and against."""

    patience: ClassVar[Patience] = Patience(silence_ms=15_000, ping_ms=5_000, lifetime_ms=3_600_000)
    discovers: ClassVar[bool] = True
    trade_ids_consecutive: ClassVar[bool] = False
    lost_frame_shows: ClassVar[bool] = False

    def __init__(self, symbols: Sequence[str], websocket: str, rest: str) -> None:
        super().__init__(symbols, websocket, rest)
        if len(symbols) > SERIES_MAX:
            raise ValueError(f"series: at most {SERIES_MAX}, are {len(symbols)}")
        self._series = [Series(name) for name in symbols]
        self._asked = 0
        """Names of undecided markets asked for so far, so that each has its turn."""
        self._now_ns = 0
        self._known: dict[str, Known] = {}
        self._symbols: dict[str, str] = {}
        """Market by token, for the tokens that are followed."""
        self._decided: dict[str, None] = {}
        """Names of decided markets, which need not be asked for again."""
        self._ticks: dict[str, tuple[Decimal, int]] = {}
        """The tick that the channel said last on this connection, and when."""
        self._prints = 0
        if (urlsplit(rest).hostname or "").endswith(REAL_HOST):
            self.money = Money.REAL
            self.price_sources = {series.underlying: "live" for series in self._series}

    # --- the channel --------------------------------------------------------------------------------------------

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        """Return the first frame of a connection; it may name no token yet."""
        tokens = list(self._symbols)
        return (msgspec.json.encode({"assets_ids": tokens, "type": "market", "custom_feature_enabled": True}),)

    def subscribe_listed(self, symbol: str) -> Sequence[bytes]:
        if symbol not in self._known:
            return ()
        token = self._known[symbol].tokens.yes
        change = {"operation": "subscribe", "assets_ids": [token], "custom_feature_enabled": True}
        return (msgspec.json.encode(change),)

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        if symbol not in self._known:
            return ()
        # What is subscribed already would bring no new book.
        leave = msgspec.json.encode({"operation": "unsubscribe", "assets_ids": [self._known[symbol].tokens.yes]})
        return (leave, *self.subscribe_listed(symbol))

    def restarted(self) -> None:
        # A tick may have been changed while the connection was away.
        self._ticks.clear()

    def ping(self) -> bytes:
        return b"PING"

    def parse(self, frame: bytes) -> Sequence[Message]:
        text = frame.strip()
        if text[:1] not in (b"{", b"["):
            return _said(text)
        messages: list[Message] = []
        for raw in raw_rows(text, "frame", EVENTS_MAX) if text[:1] == b"[" else [msgspec.Raw(text)]:
            try:
                kind = _KIND.decode(raw).event_type
                if kind in _KINDS:
                    messages += self._messages(decode(_KINDS[kind], raw))
                elif not kind:
                    raise ContractError("event_type", "is missing")
            except UNREADABLE as error:
                messages += self._doubts(raw, str(error))
        return messages or (ALIVE,)

    def doubted(self, frame: bytes, followed: Collection[str]) -> Sequence[str]:
        return doubted(frame, "event_type", _BOOKLESS, self._symbols)

    def _doubts(self, raw: msgspec.Raw, reason: str) -> Iterator[Message]:
        """Yield what an event that cannot be read costs: the books it may have changed, and nothing of its siblings."""
        kind = text_of(raw, "event_type") or "event"
        yield Dropped("", f"{kind}: {reason}"[:FAULT_CHARS_MAX])
        for symbol in doubted(bytes(raw), "event_type", _BOOKLESS, self._symbols):
            yield Reset(symbol, f"unreadable {kind}")

    def _messages(self, event: object) -> Sequence[Message]:
        match event:
            case BookFrame(asset_id, bids, asks, timestamp):
                symbol = self._symbols.get(asset_id)
                if symbol is not None:
                    return (Snapshot(symbol, _levels(bids), _levels(asks), ts_event_ns=timestamp * NS_PER_MS),)
            case PriceChange(changes, timestamp):
                return self._diffs(changes, timestamp * NS_PER_MS)
            case LastTrade(asset_id, price, size, side, timestamp):
                symbol = self._symbols.get(asset_id)
                if symbol is not None:
                    # The venue gives trades no number.
                    self._prints = max(self._prints + 1, timestamp)
                    return (Print(symbol, self._prints, price, size, side == "SELL", timestamp * NS_PER_MS),)
            case TickSizeChange(asset_id, new_tick_size, timestamp):
                symbol = self._symbols.get(asset_id)
                if symbol is not None:
                    return self._on_tick(symbol, checked_tick(symbol, new_tick_size), timestamp * NS_PER_MS)
            case Resolved(market, winning_asset_id, timestamp):
                return self._on_resolved(market, winning_asset_id, timestamp * NS_PER_MS)
        return ()

    def _diffs(self, changes: Sequence[msgspec.Raw], ts_ns: int) -> Sequence[Message]:
        bids: dict[str, Levels] = {}
        asks: dict[str, Levels] = {}
        faults: list[Message] = []
        for raw, change, fault in read_rows(_CHANGE, changes):
            if change is None:
                faults += self._doubts(raw, fault)
                continue
            symbol = self._symbols.get(change.asset_id)
            if symbol is not None:
                side = asks if change.side == "SELL" else bids
                side.setdefault(symbol, []).append((change.price, change.size))
        diffs = [
            Diff(symbol, bids.get(symbol, []), asks.get(symbol, []), ts_event_ns=ts_ns)
            for symbol in dict.fromkeys((*bids, *asks))
        ]
        return [*diffs, *faults]

    def _on_tick(self, symbol: str, tick_size: Decimal, ts_ns: int) -> Sequence[Message]:
        self._ticks[symbol] = (tick_size, ts_ns)
        listing = self._remember(symbol, tick_size=tick_size, ts_event_ns=ts_ns)
        return (listing, Reset(symbol, f"its tick is {tick_size} now"))

    def _on_resolved(self, symbol: str, winner: str, ts_ns: int) -> Sequence[Message]:
        known = self._known.get(symbol)
        if known is None:
            return ()
        if winner not in known.tokens:
            raise ContractError(symbol, "won by a token that is none of its own")
        result = "yes" if winner == known.tokens.yes else "no"
        decided = self._remember(symbol, status=MarketStatus.RESOLVED, result=result, ts_event_ns=ts_ns)
        self._follow_open()
        return (decided,)

    # --- REST ---------------------------------------------------------------------------------------------------

    def check_url(self, symbol: str) -> str:
        known = self._known.get(symbol)
        return f"{self.rest}/book?token_id={known.tokens.yes}" if known else ""

    def parse_check(self, body: bytes) -> Check:
        book = decode(_BOOK, body)
        bids = [level.price for level in book.bids if level.size]
        asks = [level.price for level in book.asks if level.size]
        stamp_ns = book.timestamp * NS_PER_MS
        return Check(max(bids, default=0.0), min(asks, default=0.0), ts_event_ns=stamp_ns)

    def markets_url(self, now_ns: int) -> str:
        self._now_ns = now_ns
        now_s = now_ns // NS_PER_S
        slugs: list[str] = []
        for series in self._series:
            present = series.windows(now_s, now_s)[0]
            length_s = present.end_s - present.open_s
            around = series.windows(now_s - PAST_WINDOWS * length_s, now_s + COMING_WINDOWS * length_s)
            slugs += [window.slug for window in around]
        return self._list_url(slugs)

    def undecided_url(self, now_ns: int, waiting: Sequence[str]) -> str:
        now_s = now_ns // NS_PER_S
        slugs = [self._known[symbol].slug for symbol in waiting if symbol in self._known]
        for series in self._series:
            past = series.windows(now_s - PAST_S, now_s)
            slugs += [window.slug for window in past if window.end_s <= now_s and window.slug not in self._decided]
        if not slugs:
            return ""
        first = self._asked % len(slugs)
        self._asked += SLUGS_MAX
        return self._list_url([*slugs[first:], *slugs[:first]], ("closed", "true"))

    def _list_url(self, slugs: Sequence[str], *members: tuple[str, str]) -> str:
        named = list(dict.fromkeys(slugs))[:SLUGS_MAX]
        if not named:
            return ""
        query = [*(("slug", slug) for slug in named), ("limit", str(len(named))), *members]
        return f"{self.rest.replace('//clob.', '//gamma-api.')}/markets?{urlencode(query)}"

    def parse_markets(self, body: bytes) -> Sequence[Listing | Dropped]:
        said: list[Listing | Dropped] = []
        for raw, fields, fault in read_rows(_MARKET, raw_rows(body, "markets", ROWS_MAX)):
            symbol = text_of(raw, "conditionId")
            if fields is None:
                said.append(Dropped(symbol or text_of(raw, "slug"), fault))
                continue
            try:
                said.append(self._listing(fields))
            except UnknownRule as error:
                said += self._withdrawn(symbol)
                said.append(Dropped(symbol, str(error)[:FAULT_CHARS_MAX]))
            except UNREADABLE as error:
                said.append(Dropped(symbol, str(error)[:FAULT_CHARS_MAX]))
        self._forget_oldest()
        self._follow_open()
        return said

    def parse_undecided(self, body: bytes) -> Sequence[Listing | Dropped]:
        return self.parse_markets(body)

    def _listing(self, fields: MarketFields) -> Listing:
        symbol = fields.condition_id
        series, window = self._window(fields.slug)
        if series is None or window is None:
            raise ContractError(symbol, f"slug {fields.slug!r} is of no series asked for")
        tokens = tokens_of(fields)
        listing = listing_of(fields, series, window, self._now_ns)
        told, told_ns = self._ticks.get(symbol, (listing.tick_size, 0))
        if self._now_ns - told_ns < LIST_BEHIND_NS:
            listing = listing._replace(tick_size=told)
        known = self._known.get(symbol)
        if known is not None and known.tokens != tokens:
            raise UnknownRule(symbol, "clobTokenIds: are others than before")
        if known is not None and known.listing.result and not listing.result:
            # The channel knew first.
            listing = listing._replace(status=known.listing.status, result=known.listing.result)
        self._known[symbol] = Known(listing, fields.slug, tokens)
        if _over(listing):
            self._decided[fields.slug] = None
        return listing

    def _window(self, slug: str) -> tuple[Series | None, Window | None]:
        for series in self._series:
            window = series.window(slug)
            if window is not None:
                return series, window
        return None, None

    def _withdrawn(self, symbol: str) -> Iterator[Listing]:
        """Yield a market that was told under a rule we know, under one that nobody prices: the row says otherwise."""
        known = self._known.get(symbol)
        if known is not None and not _over(known.listing):
            yield self._remember(symbol, settlement=SettlementRule.UNKNOWN, ts_event_ns=self._now_ns)

    def _remember(self, symbol: str, **changed: Any) -> Listing:
        known = self._known[symbol]
        listing = known.listing._replace(**changed)
        self._known[symbol] = known._replace(listing=listing)
        if _over(listing):
            self._decided[known.slug] = None
        return listing

    def _follow_open(self) -> None:
        # Only what is open is followed; the rest of a channel's frames concerns nobody.
        self._symbols = {
            known.tokens.yes: symbol
            for symbol, known in self._known.items()
            if known.listing.status is MarketStatus.OPEN and known.listing.expiry_ns > self._now_ns
        }

    def _forget_oldest(self) -> None:
        surplus = len(self._known) - KNOWN_MAX
        if surplus > 0:
            for symbol in [symbol for symbol, known in self._known.items() if _over(known.listing)][:surplus]:
                del self._known[symbol]
        while len(self._decided) > KNOWN_MAX:
            del self._decided[next(iter(self._decided))]


def _said(text: bytes) -> Sequence[Message]:
    """Return what a frame means that is no JSON; ContractError for one that nobody has seen."""
    if text.upper() in (b"", b"PONG"):
        return (ALIVE,)
    if _REFUSAL.fullmatch(text):
        return (Refused(text.decode()),)
    raise ContractError("frame", f"no JSON: {text[:40]!r}")


def _over(listing: Listing) -> bool:
    return listing.status.over


def _levels(levels: Sequence[Level]) -> Levels:
    return [(level.price, level.size) for level in levels]
