"""Prices on a grid of ticks: the only place where floats become commitments and back."""

from __future__ import annotations

import math
from decimal import Decimal

# Floor and ceil of price / tick must not be moved a whole tick by the last bits of a float: 0.57 / 0.01 is
# 56.99999999999999. One part in 10^9 of a tick is far below any opinion; where a price has enough ticks that the
# last bits of the quotient are worth more than that, the allowance is some of those bits.
TICK_EPSILON = 1e-9
QUOTIENT_EPSILON = 1e-15


def floor_ticks(price: float, tick_size: float) -> int:
    """Round a price down to whole ticks: the safe side for a bid. `floor_ticks(0.5299, 0.01) == 52`."""
    ticks = price / tick_size
    bits = abs(ticks) * QUOTIENT_EPSILON
    return math.floor(ticks + (bits if bits > TICK_EPSILON else TICK_EPSILON))


def ceil_ticks(price: float, tick_size: float) -> int:
    """Round a price up to whole ticks: the safe side for an ask. `ceil_ticks(0.5201, 0.01) == 53`."""
    ticks = price / tick_size
    bits = abs(ticks) * QUOTIENT_EPSILON
    return math.ceil(ticks - (bits if bits > TICK_EPSILON else TICK_EPSILON))


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


def opposite_ticks(price_ticks: int, ticks_per_unit: int) -> int:
    """Price in ticks of the opposite outcome: selling YES at 52 ticks is buying NO at 48 of 100."""
    return ticks_per_unit - price_ticks
