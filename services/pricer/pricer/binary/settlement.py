"""What a market settles on, as far as its value before expiry depends on it.

Near the strike in the last minute this matters more than any model of volatility: an average has a third of the
variance of a last price, and the part of it that is past cannot move any more.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from common.clock import NS_PER_S

GAP_MAX_S = 5.0
"""A price is taken to have held for at most so long when an average is made of it."""
UNKNOWN_SHARE_MAX = 0.1
UNKNOWN_MAX_S = 1.0
"""Of the past part of a window, what may be missing before its average is not to be relied on."""


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


class WindowAverage:
    """The average of the price over the part of a market's last `window_s` seconds that is past.

    Each price counts for as long as it held, in venue time; venues that average a print a second come to the same.
    """

    __slots__ = ("_covered_ns", "_from_ns", "_held", "_held_at_ns", "_summed")

    def __init__(self, window_s: float, expiry_ns: int) -> None:
        self._from_ns = expiry_ns - round(window_s * NS_PER_S)
        self._held = 0.0
        self._held_at_ns: int | None = None
        self._summed = 0.0
        self._covered_ns = 0

    def observe(self, price: float, now_ns: int) -> None:
        """Take in the price that holds from now on; venue time, not running backwards."""
        if self._held_at_ns is not None:
            since_ns = max(self._held_at_ns, self._from_ns)
            if since_ns < now_ns and now_ns - self._held_at_ns <= GAP_MAX_S * NS_PER_S:
                self._summed += self._held * (now_ns - since_ns)
                self._covered_ns += now_ns - since_ns
        self._held, self._held_at_ns = price, now_ns

    def average(self) -> float:
        """Return the average so far; what was missed is taken to be like the rest, or like the price now."""
        return self._summed / self._covered_ns if self._covered_ns else self._held

    def reliable(self, now_ns: int) -> bool:
        """Say whether enough of the window was seen."""
        missing_ns = now_ns - self._from_ns - self._covered_ns
        return missing_ns <= max(UNKNOWN_MAX_S * NS_PER_S, UNKNOWN_SHARE_MAX * (now_ns - self._from_ns))
