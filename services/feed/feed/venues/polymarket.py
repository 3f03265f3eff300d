"""Polymarket: rolling up-or-down markets by their slugs, their books over the public market channel.

How what it sends is kept right (the venue's pages on the market channel, its order book and its market list):

1. A market is listed by `GET /markets?slug=` of the list host, which is that of the order book with `gamma-api` for
   `clob`. A series is a slug without its time (`btc-updown-5m`); its markets are named by the second they begin at.
2. Each outcome has a token and a book of its own, which mirror each other: the first one's is followed, as YES.
3. Subscribing brings one `book` frame per token, then `price_change` frames with absolute sizes, 0 removes. Nothing is
   numbered: a lost frame shows by a crossed book, or by `GET /book`, which is asked in turn.
4. `tick_size_change` makes the grid of a market another one: its book begins anew, and the market is told again.
5. `PING` is answered `PONG`; a quiet channel has been seen to stay open and dead, so silence counts.
6. The strike is the underlying's price at the beginning, which the list tells some time after it (`priceToBeat`): until
   then a market counts as listed and not yet open. A tie is Up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

import msgspec
from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import MarketStatus, SettlementRule, TieRule

from feed.connection import Patience
from feed.messages import (
    ALIVE,
    Check,
    Diff,
    Instant,
    Levels,
    Listing,
    Message,
    Milliseconds,
    Number,
    Print,
    Reset,
    Snapshot,
    stamp_ns,
)
from feed.venues.adapter import Adapter

LOT_SIZE = Decimal("0.01")
PAST_WINDOWS, COMING_WINDOWS = 3, 2
"""Markets of a series that are asked for: those that may still be decided, the present one, and the next."""
LISTED_MAX = 500
SERIES = re.compile(r"([a-z]{2,10})-updown-(\d{1,4})([mhd])")
BARE_POINT = re.compile(rb'"\.(?=\d)')
UNIT_S = {"m": 60, "h": 3_600, "d": 86_400}

Token = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,80}$")]
Condition = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{1,64}$")]
Text = Annotated[str, msgspec.Meta(max_length=300)]


class Level(msgspec.Struct):
    """A price level."""

    price: Number
    size: Number


class Change(msgspec.Struct):
    """A level with its new size."""

    asset_id: Token
    price: Number
    size: Number
    side: str


class BookFrame(msgspec.Struct, tag_field="event_type", tag="book"):
    """A whole book."""

    asset_id: Token
    bids: list[Level]
    asks: list[Level]
    timestamp: Milliseconds


class PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    """Changed levels, of one token or both."""

    price_changes: list[Change]
    timestamp: Milliseconds


class LastTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """A trade; its side is the taker's."""

    asset_id: Token
    price: Number
    size: Number
    side: str
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
    event_type: str = ""


class Metadata(msgspec.Struct, rename="camel"):
    """What the list knows of an event."""

    price_to_beat: Decimal | None = None
    final_price: Decimal | None = None


class EventFields(msgspec.Struct, rename="camel"):
    """The event a market belongs to."""

    event_metadata: Metadata | None = None


class MarketFields(msgspec.Struct, rename="camel"):
    """A market as listed; lists inside it are texts that hold JSON."""

    condition_id: Condition
    slug: Text
    question: Text
    clob_token_ids: str
    end_date: Instant
    outcome_prices: str = "[]"
    event_start_time: Instant | None = None
    order_price_min_tick_size: Decimal = Decimal("0.01")
    order_min_size: Decimal = Decimal(5)
    accepting_orders: bool = True
    closed: bool = False
    events: list[EventFields] = []


class BookAnswer(msgspec.Struct):
    """Answer of /book; its levels are in no stated order."""

    bids: list[Level]
    asks: list[Level]


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
_KIND = msgspec.json.Decoder(Kind)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_MARKETS = msgspec.json.Decoder(list[MarketFields], strict=False)
_BOOK = msgspec.json.Decoder(BookAnswer, strict=False)
_TEXTS = msgspec.json.Decoder(list[str], strict=False)


class Polymarket(Adapter):
    """The venue of tokens for and against."""

    patience: ClassVar[Patience] = Patience(silence_ms=15_000, ping_ms=5_000, lifetime_ms=3_600_000)
    discovers: ClassVar[bool] = True
    trade_ids_consecutive: ClassVar[bool] = False
    lost_frame_shows: ClassVar[bool] = False

    def __init__(self, symbols: Sequence[str], websocket: str, rest: str) -> None:
        super().__init__(symbols, websocket, rest)
        self._now_ns = 0
        self._symbols: dict[str, str] = {}
        """Market by token, for the tokens that are followed."""
        self._tokens: dict[str, tuple[str, str]] = {}
        """YES and NO by market."""
        self._listings: dict[str, Listing] = {}
        self._ticks: dict[str, Decimal] = {}
        """What the channel said last; the list is behind."""
        self._prints = 0
        for series in symbols:
            _period_s(series)

    # --- the channel --------------------------------------------------------------------------------------------

    def subscribe(self, symbols: Sequence[str]) -> Sequence[bytes]:
        """Return the first frame of a connection; it may name no token yet."""
        tokens = list(self._symbols)
        return (msgspec.json.encode({"assets_ids": tokens, "type": "market", "custom_feature_enabled": True}),)

    def subscribe_listed(self, symbol: str) -> Sequence[bytes]:
        if symbol not in self._tokens:
            return ()
        change = {"operation": "subscribe", "assets_ids": [self._tokens[symbol][0]], "custom_feature_enabled": True}
        return (msgspec.json.encode(change),)

    def resubscribe(self, symbol: str) -> Sequence[bytes]:
        if symbol not in self._tokens:
            return ()
        # What is subscribed already would bring no new book.
        token = self._tokens[symbol][0]
        leave = msgspec.json.encode({"operation": "unsubscribe", "assets_ids": [token]})
        return (leave, *self.subscribe_listed(symbol))

    def ping(self) -> bytes:
        return b"PING"

    def parse(self, frame: bytes) -> Sequence[Message]:
        if frame.strip() == b"PONG":
            return (ALIVE,)
        raws = _RAWS.decode(frame) if frame.lstrip()[:1] == b"[" else [msgspec.Raw(frame)]
        messages: list[Message] = []
        for raw in raws:
            decoder = _KINDS.get(_KIND.decode(raw).event_type)
            if decoder is not None:
                messages += self._messages(_decoded(decoder, raw))
        return messages or (ALIVE,)

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
                    return (Print(symbol, self._prints, price, size, _sells(side), timestamp * NS_PER_MS),)
            case TickSizeChange(asset_id, new_tick_size, timestamp):
                symbol = self._symbols.get(asset_id)
                if symbol is not None:
                    return self._on_tick(symbol, new_tick_size, timestamp * NS_PER_MS)
            case Resolved(market, winning_asset_id, timestamp):
                return self._on_resolved(market, winning_asset_id, timestamp * NS_PER_MS)
        return ()

    def _diffs(self, changes: Sequence[Change], ts_ns: int) -> Sequence[Message]:
        bids: dict[str, Levels] = {}
        asks: dict[str, Levels] = {}
        for change in changes:
            symbol = self._symbols.get(change.asset_id)
            if symbol is not None:
                side = asks if _sells(change.side) else bids
                side.setdefault(symbol, []).append((change.price, change.size))
        return [
            Diff(symbol, bids.get(symbol, []), asks.get(symbol, []), ts_event_ns=ts_ns)
            for symbol in dict.fromkeys((*bids, *asks))
        ]

    def _on_tick(self, symbol: str, tick_size: Decimal, ts_ns: int) -> Sequence[Message]:
        self._ticks[symbol] = _checked_tick(symbol, tick_size)
        listing = self._listings[symbol] = self._listings[symbol]._replace(tick_size=tick_size, ts_event_ns=ts_ns)
        return (listing, Reset(symbol, f"its tick is {tick_size} now"))

    def _on_resolved(self, symbol: str, winner: str, ts_ns: int) -> Sequence[Message]:
        listing, tokens = self._listings.get(symbol), self._tokens.get(symbol)
        if listing is None or tokens is None:
            return ()
        if winner not in tokens:
            raise ContractError(symbol, "won by a token that is none of its own")
        self._symbols.pop(tokens[0], None)
        result = "yes" if winner == tokens[0] else "no"
        decided = listing._replace(status=MarketStatus.RESOLVED, result=result, ts_event_ns=ts_ns)
        self._listings[symbol] = decided
        return (decided,)

    # --- REST ---------------------------------------------------------------------------------------------------

    def check_url(self, symbol: str) -> str:
        tokens = self._tokens.get(symbol)
        return f"{self.rest}/book?token_id={tokens[0]}" if tokens else ""

    def parse_check(self, body: bytes) -> Check:
        book = _BOOK.decode(body)
        bids = [level.price for level in book.bids if level.size]
        asks = [level.price for level in book.asks if level.size]
        return Check(max(bids, default=0.0), min(asks, default=0.0))

    def markets_url(self, now_ns: int) -> str:
        self._now_ns = now_ns
        slugs = []
        for series in self.symbols:
            period_s = _period_s(series)
            present = now_ns // NS_PER_S // period_s
            first, last = present - PAST_WINDOWS, present + COMING_WINDOWS
            slugs += [("slug", f"{series}-{window * period_s}") for window in range(first, last + 1)]
        return f"{self.rest.replace('//clob.', '//gamma-api.')}/markets?{urlencode([*slugs, ('limit', len(slugs))])}"

    def parse_markets(self, body: bytes) -> Sequence[Listing]:
        markets = _MARKETS.decode(body)
        if len(markets) > LISTED_MAX:
            raise ContractError("markets", f"more than {LISTED_MAX} markets")
        listings: list[Listing] = []
        fault: Exception | None = None
        for fields in markets:
            try:
                listings.append(self._listing(fields))
            except (ContractError, ValueError, ArithmeticError) as error:
                # One market that makes no sense does not hide the others.
                fault = error
        if fault is not None and not listings:
            raise fault
        listed = {listing.symbol for listing in listings}
        self._listings = {listing.symbol: listing for listing in listings}
        self._tokens = {symbol: tokens for symbol, tokens in self._tokens.items() if symbol in listed}
        self._ticks = {symbol: tick for symbol, tick in self._ticks.items() if symbol in listed}
        # Only what is open is followed; the rest of a channel's frames concerns nobody.
        self._symbols = {
            self._tokens[listing.symbol][0]: listing.symbol
            for listing in listings
            if listing.status is MarketStatus.OPEN
        }
        return listings

    def _listing(self, fields: MarketFields) -> Listing:
        symbol = fields.condition_id
        series, _, start = fields.slug.rpartition("-")
        if series not in self.symbols or not start.isdecimal():
            raise ContractError(symbol, f"slug {fields.slug!r} is of no series asked for")
        tokens = _TEXTS.decode(fields.clob_token_ids)
        if len(tokens) != 2 or tokens[0] == tokens[1] or not all(token.isdecimal() for token in tokens):
            raise ContractError(symbol, "clobTokenIds: must hold two different tokens")
        self._tokens[symbol] = (tokens[0], tokens[1])
        open_ns = stamp_ns(fields.event_start_time) if fields.event_start_time else int(start) * NS_PER_S
        expiry_ns = stamp_ns(fields.end_date)
        if expiry_ns <= open_ns:
            raise ContractError(symbol, "endDate: must be after the beginning")
        metadata = next((event.event_metadata for event in fields.events if event.event_metadata), None)
        strike = _price(symbol, metadata.price_to_beat if metadata else None)
        result = _result(fields)
        known = self._listings.get(symbol)
        if known is not None and known.status is MarketStatus.RESOLVED and not result:
            result = known.result
        return Listing(
            symbol=symbol,
            status=self._status(fields, result, strike, open_ns, expiry_ns),
            underlying=series.partition("-")[0].upper(),
            series=series,
            title=fields.question,
            strike=strike,
            tie_rule=TieRule.AT_OR_ABOVE,
            tick_size=self._ticks.get(symbol) or _checked_tick(symbol, fields.order_price_min_tick_size),
            min_lots=max(1, int(fields.order_min_size / LOT_SIZE)),
            open_ns=open_ns,
            expiry_ns=expiry_ns,
            result="" if result == "void" else result,
            settlement_price=_price(symbol, metadata.final_price if metadata and result else None),
            ts_event_ns=self._now_ns,
            settlement=SettlementRule.ORACLE,
            settlement_source="chainlink",
            lot_size=LOT_SIZE,
        )

    def _status(
        self, fields: MarketFields, result: str, strike: Decimal | None, open_ns: int, expiry_ns: int
    ) -> MarketStatus:
        if result:
            return MarketStatus.VOIDED if result == "void" else MarketStatus.RESOLVED
        if fields.closed or not fields.accepting_orders or self._now_ns >= expiry_ns:
            return MarketStatus.CLOSED
        if self._now_ns < open_ns or strike is None:
            return MarketStatus.LISTED
        return MarketStatus.OPEN


def _period_s(series: str) -> int:
    """Return how long a market of a series lasts; ValueError when its name does not say."""
    match = SERIES.fullmatch(series)
    if match is None or not int(match[2]):
        raise ValueError(f"series {series!r}: must be like btc-updown-5m")
    return int(match[2]) * UNIT_S[match[3]]


def _decoded(decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> object:
    """Return an event; some of the venue's numbers have no digit before their point."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        filled = BARE_POINT.sub(rb'"0.', bytes(raw))
        if filled == bytes(raw):
            raise
        return decoder.decode(filled)


def _levels(levels: Sequence[Level]) -> Levels:
    return [(level.price, level.size) for level in levels]


def _sells(side: str) -> bool:
    if side not in ("BUY", "SELL"):
        raise ContractError("side", f"must be BUY or SELL, is {side[:20]!r}")
    return side == "SELL"


def _checked_tick(symbol: str, tick_size: Decimal) -> Decimal:
    if not tick_size.is_finite() or not 0 < tick_size < 1 or 1 % tick_size:
        raise ContractError(symbol, f"tick size: must divide 1, is {tick_size}")
    return tick_size


def _price(symbol: str, value: Decimal | None) -> Decimal | None:
    if value is not None and not (value.is_finite() and 0 <= value < Decimal(10**15)):
        raise ContractError(symbol, f"price: must be finite, is {value}")
    return value


def _result(fields: MarketFields) -> str:
    """Return how a closed market was decided; empty while it is not."""
    prices = [Decimal(text) for text in _TEXTS.decode(fields.outcome_prices)] if fields.closed else []
    if len(prices) != 2 or sum(prices) != 1:
        return ""
    return {Decimal(1): "yes", Decimal(0): "no", Decimal("0.5"): "void"}.get(prices[0], "")
