"""Ticks, lots, outcomes and subject tokens: the only place where floats become commitments and back."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

# Floor and ceil of price / tick must not be moved a whole tick by the last bits of a float: 0.57 / 0.01 is
# 56.99999999999999. One part in 10^9 of a tick is far below any opinion; where a price has so many ticks that the
# last bits of the quotient are worth more than that, the allowance is some of those bits.
TICK_EPSILON = 1e-9
QUOTIENT_EPSILON = 1e-15


class Side(StrEnum):
    """Direction of an order or fill, seen from us."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Outcome(StrEnum):
    """Which share of a YES/NO market an order or position is in; NONE for spot instruments."""

    YES = "yes"
    NO = "no"
    NONE = "none"

    @property
    def opposite(self) -> Outcome:
        return _OPPOSITE[self]


_OPPOSITE = {Outcome.YES: Outcome.NO, Outcome.NO: Outcome.YES, Outcome.NONE: Outcome.NONE}


def floor_ticks(price: float, tick_size: float) -> int:
    """Round a price down to whole ticks: the safe side for a bid. `floor_ticks(0.5299, 0.01) == 52`."""
    ticks = price / tick_size
    return math.floor(ticks + max(TICK_EPSILON, abs(ticks) * QUOTIENT_EPSILON))


def ceil_ticks(price: float, tick_size: float) -> int:
    """Round a price up to whole ticks: the safe side for an ask. `ceil_ticks(0.5201, 0.01) == 53`."""
    ticks = price / tick_size
    return math.ceil(ticks - max(TICK_EPSILON, abs(ticks) * QUOTIENT_EPSILON))


def exact_ticks(price: str | Decimal, tick_size: Decimal) -> int:
    """Convert a venue's decimal price to ticks; ValueError when it is off the grid, never a silent rounding."""
    try:
        exact = Decimal(price)
        ticks = int(exact / tick_size)
    except (ArithmeticError, ValueError):
        raise ValueError(f"price {price!r} is not a decimal number") from None
    # Multiplied back: the quotient itself is rounded to 28 digits.
    if ticks * tick_size != exact:
        raise ValueError(f"price {price} is not a multiple of the tick {tick_size}")
    return ticks


def price_of(ticks: int, tick_size: Decimal) -> Decimal:
    """Convert ticks to the exact decimal price."""
    return ticks * tick_size


def notional(
    price_ticks: int, quantity_lots: int, tick_size: Decimal, lot_size: Decimal, multiplier: Decimal
) -> Decimal:
    """Return the exact cash value of a quantity at a price, in the quote currency."""
    return price_ticks * tick_size * quantity_lots * lot_size * multiplier


def opposite_ticks(price_ticks: int, ticks_per_unit: int) -> int:
    """Price in ticks of the opposite outcome: selling YES at 52 ticks is buying NO at 48 of 100."""
    return ticks_per_unit - price_ticks


_PLAIN = re.compile(r"[A-Za-z0-9-]+")
_ESCAPED = re.compile(r"_([0-9A-F]{2})")
NAME_CHARS_MAX = 64
"""What venues' contracts and our configuration allow for a name of a market, instrument, account or bot."""
TOKEN_CHARS_MAX = 3 * NAME_CHARS_MAX
"""A name of ASCII characters always fits, even when each of them has to be escaped."""


@lru_cache(maxsize=65_536)
def escape_token(text: str) -> str:
    """Make any text one subject token of [A-Za-z0-9_-]; `unescape_token` gives the text back.

    Everything but letters, digits and '-' becomes `_` and two hex digits per UTF-8 byte: 'BTC/USD' -> 'BTC_2FUSD'.
    """
    if not text:
        raise ValueError("token: must not be empty")
    try:
        escaped = text if _PLAIN.fullmatch(text) else "".join(_escape_char(char) for char in text)
    except UnicodeEncodeError:
        raise ValueError(f"token: {text!r} has half a surrogate pair, which is no text") from None
    if len(escaped) > TOKEN_CHARS_MAX:
        raise ValueError(f"token: longer than {TOKEN_CHARS_MAX} characters once escaped")
    return escaped


def _escape_char(char: str) -> str:
    if char.isascii() and (char.isalnum() or char == "-"):
        return char
    return "".join(f"_{byte:02X}" for byte in char.encode())


def unescape_token(token: str) -> str:
    """Give back the text that `escape_token` was given; ValueError when the token is not one of its results."""
    parts = bytearray()
    position = 0
    while position < len(token):
        if token[position] == "_":
            match = _ESCAPED.match(token, position)
            if not match:
                raise ValueError(f"token {token!r}: '_' must be followed by two hex digits")
            parts.append(int(match[1], 16))
            position = match.end()
        else:
            parts += token[position].encode(errors="replace")
            position += 1
    text = parts.decode(errors="replace")
    if not text or escape_token(text) != token:
        raise ValueError(f"token {token!r} is not what any text escapes to")
    return text
