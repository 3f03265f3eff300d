"""Exact numbers out of Polymarket's texts, and what it counts in.

Prices are counted in ten-thousandths of a dollar, of which every tick size is a multiple, and shares in millionths, as
the venue's contracts count them. A lot of ours is a hundredth of a share: what an order may be sized in.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias

from common.errors import ContractError

VENUE = "polymarket"
CURRENCY = "USD"
LOT_SIZE = Decimal("0.01")
MICROS = 1_000_000
MICROS_MAX = 10**15 * MICROS
"""Of dollars or shares: where the ledger's own arithmetic ends."""
MICROS_PER_LOT = 10_000
PRICE_UNITS = 10_000
"""Price units of a dollar."""
MICROS_PER_PRICE_UNIT = MICROS // PRICE_UNITS
FINEST_TICK = Decimal("0.0001")
LATEST_S = 100_000_000_000
"""A stamp beyond this many seconds counts in parts of them."""

Text: TypeAlias = str | int | float | None
"""What may stand where a text is documented."""


def micros(text: Text, what: str) -> int:
    """Return a decimal text in millionths; ContractError for what is no number of at most six decimals, or below 0."""
    try:
        scaled = Decimal(str(text)) * MICROS
        whole = int(scaled)
    except (ArithmeticError, ValueError):
        raise ContractError("polymarket number", f"{what}: {str(text)[:40]!r} is not a decimal") from None
    if whole != scaled or not 0 <= whole <= MICROS_MAX:
        raise ContractError("polymarket number", f"{what}: {str(text)[:40]!r} is not in millionths from 0")
    return whole


def whole_micros(text: Text, what: str) -> int:
    """Return a text that counts in millionths already; ContractError for what is no whole number of them from 0."""
    try:
        count = int(text_of(text))
    except ValueError:
        raise ContractError("polymarket number", f"{what}: {text_of(text)[:40]!r} is not a whole number") from None
    if not 0 <= count <= MICROS_MAX:
        raise ContractError("polymarket number", f"{what}: {count} is too large to compute with")
    return count


def price_units(text: Text) -> int:
    """Return a price text in price units; ContractError when it is not inside (0, 1) or finer than any tick."""
    count, rest = divmod(micros(text, "price"), MICROS_PER_PRICE_UNIT)
    if rest or not 0 < count < PRICE_UNITS:
        raise ContractError("polymarket number", f"price {str(text)[:40]!r} is on no grid")
    return count


def stamp_s(value: Any) -> int:
    """Return seconds since the epoch from a stamp in seconds or parts of them, or an ISO text; 0 for anything else."""
    try:
        stamp = float(value or 0)
    except TypeError:
        return 0
    except ValueError:
        return _iso_s(str(value))
    if not 0 < stamp < 1e20:
        return 0
    while stamp > LATEST_S:
        stamp /= 1_000
    return int(stamp)


def _iso_s(text: str) -> int:
    """Return the second of a text like 2026-11-21T00:20:10Z, in UTC where it names no zone; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return max(0, int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()))
    except (ValueError, OverflowError):
        return 0


def text_of(value: Text) -> str:
    """Return what stands where a text is documented, as a text; empty for null."""
    return "" if value is None else str(value)


def plain_status(text: Text) -> str:
    """Return a status without the prefix that some answers give it: ORDER_STATUS_LIVE is LIVE."""
    word = text_of(text).strip().upper()
    for prefix in ("ORDER_STATUS_", "TRADE_STATUS_"):
        word = word.removeprefix(prefix)
    return word


def tick_units_of(tick_size: Decimal) -> int:
    """Return the price units of a tick; ContractError for a grid on which a dollar is no tick."""
    units = tick_size * PRICE_UNITS
    if not units.is_finite() or units < 1 or units != units.to_integral_value() or PRICE_UNITS % int(units):
        raise ContractError("polymarket tick", f"tick size {tick_size} is not known")
    return int(units)


def lots_in(shares: Decimal, what: str) -> int:
    """Return the whole lots in a number of shares; ContractError for what is no number of them."""
    if not shares.is_finite() or not 0 <= shares <= MICROS_MAX:
        raise ContractError("polymarket number", f"{what}: {shares} is no number of shares")
    return int(shares / LOT_SIZE)


def lots_of(micros_held: int) -> int:
    """Return the whole lots in a holding; what is less than a lot is dust, and nobody's."""
    return max(0, micros_held) // MICROS_PER_LOT
