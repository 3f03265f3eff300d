"""A share of a YES/NO market by itself: how far its fair value moves in a time, what is offered, what taking it costs.

Signals and quotes are both made from these, so they lie below both.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
CERTAIN = 1e-9
"""Probabilities closer than this to 0 or 1 do not move any more."""


class Offer(NamedTuple):
    """Shares that can be taken at one price."""

    yes_ticks: int
    lots: int


def move_deviation(fair: float, seconds_left: float, over_s: float) -> float:
    """Return the standard deviation of the fair value's move over a short time, in price.

    sd(dp) = n(N^-1(p)) sqrt(dt / tau), for a driftless diffusion and whatever its volatility; at most that of the
    result itself, sqrt(p (1 - p)).

    Example: at the money with 60 s left, 100 ms move a share by 1.63 cents.
    """
    if not CERTAIN < fair < 1.0 - CERTAIN or over_s <= 0.0:
        return 0.0
    most = math.sqrt(fair * (1.0 - fair))
    if seconds_left <= over_s:
        return most
    distance = _NORMAL.inv_cdf(fair)
    return min(most, math.exp(-0.5 * distance * distance) / _SQRT_2_PI * math.sqrt(over_s / seconds_left))


def taker_fee(price: float, rate: float) -> float:
    """Return the fee per share taken, in price: rate x p (1 - p). `taker_fee(0.5, 0.072) == 0.018`."""
    return rate * price * (1.0 - price)
