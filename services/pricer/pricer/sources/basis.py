"""The offset between a source and the price that markets settle on: how large, and how sure.

A dollar and a tether venue, or an exchange and an oracle, differ by something that lasts (the basis) and by something
that does not (the noise of two books). The first is followed, the second is measured, and both say how much a source
is worth when the prices are put together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from common.clock import NS_PER_S

NOISE_TIME_S = 1.0
"""Differences closer together than this repeat each other: two looks within it count as much as one."""
NOISE_PRIOR_DEVIATIONS, NOISE_PRIOR_S = 5.0, 10.0
"""Before much has been seen the noise is taken for a multiple of the least, with the weight of some seconds."""
FORGOTTEN_MAX = 0.1
"""Of the noise, what one look may replace however long ago the last one was."""
CLIP_DEVIATIONS = 3.0
"""A difference further from what is expected than this counts as this far: one bad print moves nothing."""
REOPENED_SHARE = 0.25
"""Of the prior deviation: how far an offset may have moved while its source was away."""


class BasisParams(NamedTuple):
    """What an offset is followed with; deviations are of log prices, 0.0001 is a basis point."""

    half_life_s: float
    """In which half of a lasting change is taken up."""
    noise: float
    """Least deviation of a single price from its own venue's true one."""
    prior: float
    """Deviation of an offset that nothing is known about yet."""


class Offset:
    """What has to be added to a source's log price to get the reference's: a random walk seen through noise.

    A Kalman filter on irregular time: between looks dt seconds apart the variance P of the offset grows by q dt; a
    look at the difference d, whose noise has the variance N = R max(1, T / dt) with T = `NOISE_TIME_S`, moves the
    offset by K (d - offset) with K = P / (P + N), and leaves (1 - K) P. R is the average square of what was not
    expected, over the half-life; q = R T (ln 2 / half-life)^2 makes the filter, once it has settled, forget with that
    half-life.

    Example: noise 0.2e-4 at least, 1e-4 before anything is known, prior 20e-4, a first difference of 12e-4: K = 400 /
    401, offset 11.97e-4, its deviation just under 1e-4.
    Source: Durbin and Koopman, "Time Series Analysis by State Space Methods", 2.2 and 2.9.
    """

    __slots__ = ("_floor", "_looked_at_ns", "_params", "_pull", "_seen_s", "_variance", "mean", "noise")

    def __init__(self, params: BasisParams, mean: float = 0.0, deviation: float | None = None) -> None:
        self.mean = mean
        """In log price."""
        self._params = params
        self._floor = params.noise * params.noise
        self.noise = NOISE_PRIOR_DEVIATIONS**2 * self._floor
        """Variance of a single difference around the offset."""
        self._pull = NOISE_TIME_S * (math.log(2.0) / params.half_life_s) ** 2
        self._variance = (params.prior if deviation is None else deviation) ** 2
        self._looked_at_ns: int | None = None
        self._seen_s = NOISE_PRIOR_S

    def variance(self, now_ns: int) -> float:
        """Return the variance of the offset, which grows while nobody looks."""
        if self._looked_at_ns is None:
            return self._variance
        return self._variance + self.noise * self._pull * max(0, now_ns - self._looked_at_ns) / NS_PER_S

    def reopen(self) -> None:
        """The source was away: its offset may have changed, so the next look counts for more."""
        if self._looked_at_ns is not None:
            self._variance += (REOPENED_SHARE * self._params.prior) ** 2

    def observe(self, difference: float, now_ns: int, doubt: float = 0.0) -> None:
        """Take in the reference's log price less the source's; `doubt` is the variance of what stands in for it."""
        elapsed_s = NOISE_TIME_S
        variance = self.variance(now_ns)
        if self._looked_at_ns is not None:
            elapsed_s = (now_ns - self._looked_at_ns) / NS_PER_S
            if elapsed_s <= 0.0:
                return
        surprise = difference - self.mean
        square = min(surprise * surprise, CLIP_DEVIATIONS**2 * (variance + self.noise))
        noise = self.noise * max(1.0, NOISE_TIME_S / elapsed_s) + doubt
        gain = variance / (variance + noise)
        self.mean += gain * math.copysign(math.sqrt(square), surprise)
        self._variance = (1.0 - gain) * variance
        if self._looked_at_ns is not None:
            # The first difference says where the offset is, not how much it varies.
            counted_s = min(elapsed_s, NOISE_TIME_S)
            self._seen_s += counted_s
            forgotten = max(1.0 - 2.0 ** (-elapsed_s / self._params.half_life_s), counted_s / self._seen_s)
            forgotten = min(forgotten, FORGOTTEN_MAX)
            self.noise = max(self._floor, self.noise + forgotten * (max(0.0, square - variance) - self.noise))
        self._looked_at_ns = now_ns
