"""What a market settles on, as far as its value before expiry depends on it.

Near the strike in the last minute this matters more than any model of volatility: an average has a third of the
variance of a last price, and the part of it that is past cannot move any more.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Terms(NamedTuple):
    """A market on a last price that is worth the same."""

    x: float
    """ln(S/K') with K' the strike that is left to be beaten; infinite when it is beaten already."""
    seconds: float
    """Of movement that are left, as far as the variance goes."""


def on_last(spot: float, strike: float, seconds_left: float) -> Terms:
    """The last price before expiry decides."""
    return Terms(math.log(spot / strike), seconds_left)


def on_average(spot: float, strike: float, seconds_left: float, window_s: float, average_so_far: float) -> Terms:
    """The average over the last `window_s` seconds decides.

    Before the window the average moves like the price until the window begins and with a third of the variance from
    then on: tau - W + W/3 seconds. Within it, e = W - tau seconds are past with a known average A, and the rest has to
    average more than K' = (W K - e A) / tau, with the variance of tau / 3 seconds. Variances to first order in sigma^2.

    Example: W 60 s, 30 s left, K 100, A 101: the rest has to average above 99.
    """
    if window_s <= 0:
        return on_last(spot, strike, seconds_left)
    if seconds_left >= window_s:
        return Terms(math.log(spot / strike), seconds_left - window_s * 2 / 3)
    needed = (window_s * strike - (window_s - seconds_left) * average_so_far) / max(seconds_left, 1e-9)
    if needed <= 0:
        return Terms(math.inf, seconds_left / 3)
    return Terms(math.log(spot / needed), seconds_left / 3)
