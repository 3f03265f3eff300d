"""Option quotes as Deribit states them: the answer of public/get_book_summary_by_currency with kind=option.

An instrument is called BTC-27DEC24-95000-C: currency, expiry (08:00 UTC of that day), strike, call or put; a linear one
BTC_USDC-27DEC24-95000-C, and d stands for the point of a strike like 0d625. Of each entry are read `instrument_name`,
`mark_iv` (per cent a year), `underlying_price` (the forward of that expiry), `bid_price`, `ask_price` (null where
nobody bids or offers) and `creation_timestamp` (ms). Built from the documented format; no quotes of the real venue
were met.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from statistics import median_high
from typing import Annotated, NamedTuple

import msgspec
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR

EXPIRY_HOUR_UTC = 8
EXPIRIES_MAX = 6
"""The nearest are kept: contracts here live for minutes to days."""
QUOTES_MIN = 5
"""With fewer strikes an expiry says nothing about five parameters."""
ENTRIES_MAX = 20_000
LIFE_MIN_S = 3_600.0
"""An expiry nearer than this says more about its settlement average than about a smile."""
VOLATILITY_MIN, VOLATILITY_MAX = 0.01, 10.0

_NAME = re.compile(r"([A-Z0-9]+(?:_[A-Z]+)?)-(\d{1,2}[A-Z]{3}\d{2})-(\d+(?:d\d+)?)-([CP])")


class Entry(msgspec.Struct):
    """What is read of one entry."""

    instrument_name: str
    mark_iv: float | None = None
    underlying_price: float | None = None
    bid_price: float | None = None
    ask_price: float | None = None
    creation_timestamp: Annotated[int, msgspec.Meta(ge=0, le=9_223_372_036_854)] = 0


class HttpResponse(msgspec.Struct):
    """The answer as it arrives, its entries still unread; without the envelope of JSON-RPC its members are the same."""

    result: list[msgspec.Raw]


_ENTRY = msgspec.json.Decoder(Entry)


class Option(NamedTuple):
    """What a name says."""

    currency: str
    expiry_ns: int
    """UTC."""
    strike: float
    call: bool


class Chain(NamedTuple):
    """The quotes of one expiry, by strike."""

    expiry_ns: int
    years: float
    """From the quotes to the expiry."""
    k: tuple[float, ...]
    """ln(K/F), rising."""
    w: tuple[float, ...]
    """Total variance: square of the volatility times the years."""


class Quotes(NamedTuple):
    """What an answer comes to."""

    as_of_ns: int
    chains: tuple[Chain, ...]
    """By expiry, nearest first."""


def parse_name(name: str) -> Option:
    """Return what an instrument's name says; ValueError for what is not an option's."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name}: not the name of an option")
    currency, day, strike, kind = found.groups()
    try:
        expiry = datetime.strptime(day.title(), "%d%b%y").replace(hour=EXPIRY_HOUR_UTC, tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{name}: {day} is no day") from None
    return Option(currency, int(expiry.timestamp()) * NS_PER_S, float(strike.replace("d", ".")), kind == "C")


def parse_quotes(data: bytes) -> Quotes:
    """Return the usable quotes of an answer, out-of-the-money ones only; ValueError when no expiry is left.

    Left out are entries that cannot be read, that are no options, without a volatility or a forward, and those that
    nobody bids for or offers; of a strike the put below the forward and the call above it counts. The quotes are as old
    as most entries say.
    """
    try:
        rows = msgspec.json.decode(data, type=HttpResponse).result
    except msgspec.DecodeError as error:
        raise ValueError(f"not an answer of get_book_summary_by_currency: {error}") from None
    if len(rows) > ENTRIES_MAX:
        raise ValueError(f"result: more than {ENTRIES_MAX} entries")
    entries = [entry for row in rows if (entry := _entry(row)) is not None]
    stamps_ms = [entry.creation_timestamp for entry in entries if entry.creation_timestamp]
    if not stamps_ms:
        raise ValueError("creation_timestamp: missing everywhere, so nobody knows how old these quotes are")
    as_of_ns = median_high(stamps_ms) * NS_PER_MS
    by_expiry: dict[int, dict[float, float]] = {}
    for entry in entries:
        option = _option(entry)
        if option is None or entry.mark_iv is None or entry.underlying_price is None:
            continue
        k = math.log(option.strike / entry.underlying_price)
        if option.call == (k >= 0.0):
            by_expiry.setdefault(option.expiry_ns, {})[k] = entry.mark_iv / 100.0
    chains = []
    for expiry_ns, quotes in sorted(by_expiry.items()):
        seconds = (expiry_ns - as_of_ns) / NS_PER_S
        if seconds < LIFE_MIN_S or len(quotes) < QUOTES_MIN:
            continue
        years = seconds / SECONDS_PER_YEAR
        places = sorted(quotes)
        chains.append(Chain(expiry_ns, years, tuple(places), tuple(quotes[k] ** 2 * years for k in places)))
    if not chains:
        raise ValueError(f"result: no expiry with {QUOTES_MIN} usable strikes")
    return Quotes(as_of_ns, tuple(chains[:EXPIRIES_MAX]))


def _entry(row: msgspec.Raw) -> Entry | None:
    """Return an entry; None for one that cannot be read, which says nothing of the others."""
    try:
        return _ENTRY.decode(row)
    except msgspec.ValidationError:
        return None


def _option(entry: Entry) -> Option | None:
    """Return what an entry is about, None where there is nothing to learn from it."""
    if entry.bid_price is None or entry.ask_price is None:
        return None
    if entry.mark_iv is None or not VOLATILITY_MIN <= entry.mark_iv / 100.0 <= VOLATILITY_MAX:
        return None
    if entry.underlying_price is None or not 0.0 < entry.underlying_price < math.inf:
        return None
    try:
        option = parse_name(entry.instrument_name)
    except ValueError:
        return None
    return option if 0.0 < option.strike < math.inf else None
