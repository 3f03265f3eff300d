"""How much the underlying moves: an average of squared returns per second that weighs recent ones most.

Ticks come when they come, so every return is divided by the time it took. Treating ticks as if they were one second
apart understates volatility by more than ten times on a busy feed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from common.clock import NS_PER_S, SECONDS_PER_YEAR

# Prices further apart than this are not joined by a return. What happened between them is unknown: counting nothing
# would understate the movement, counting the jump would put all of it on one moment.
TICK_GAP_MAX_S = 15.0


class VolatilityParams(NamedTuple):
    """What an estimate is made with; volatilities are annualised, 365 days of 24 hours."""

    half_life_s: float
    sample_s: float
    floor: float
    cap: float
    prior: float
    prior_s: float
    gap_s: float = TICK_GAP_MAX_S
    """Prices further apart than this are not joined; bars of a minute need more than ticks do."""


class TwoSpeeds(NamedTuple):
    """Two averages of one price series as one estimate: variance = share * fast + (1 - share) * slow."""

    fast: Volatility
    slow: Volatility
    share: float

    @property
    def annual(self) -> float:
        """Annualised volatility."""
        return math.sqrt(self.share * self.fast.annual**2 + (1.0 - self.share) * self.slow.annual**2)

    @property
    def observed_s(self) -> float:
        """Seconds of prices seen."""
        return self.fast.observed_s


class Volatility:
    """Volatility of one price series, in constant time per tick.

    variance per second = sum(w dx^2) / sum(w dt),  w = 2^(-age / half_life)

    dx is the log return between two samples dt seconds apart, age the time since the later one. Samples are the first
    mid, then each first mid at least `sample_s` after the previous sample, so that bid-ask bounce does not count as
    movement. A prior of `prior_s` seconds at the prior volatility is entered with the first price and ages like the
    rest. Between samples all weights age alike, so the estimate stands still.

    Example: half-life 900 s, no prior, returns of 0.0003 over 5 s and, 5 s later, -0.0001 over 5 s: the older weighs
    2^(-5/900) = 0.99616, the variance is (0.99616 * 9e-8 + 1e-8) / (0.99616 * 5 + 5) = 9.9846e-9 per second, 56.11 %
    a year.

    Gaps: after `interrupt` (the feed said that prices were missing) and after `gap_s` without a price, the
    series starts again at the next price: neither the time nor the move in between counts, nor does an unfinished
    sample before it. Weights have aged all the same; where less than `prior_s` seconds are left of them, the prior is
    entered again for the rest.
    """

    __slots__ = (
        "_annual",
        "_broken",
        "_gap_ns",
        "_params",
        "_sample_ns",
        "_sampled_at_ns",
        "_sampled_price",
        "_seconds",
        "_squares",
        "_ticked_at_ns",
        "_weighed_at_ns",
        "observed_s",
    )

    def __init__(self, params: VolatilityParams) -> None:
        self._params = params
        self._sample_ns = int(params.sample_s * NS_PER_S)
        self._gap_ns = int(params.gap_s * NS_PER_S)
        self._seconds = 0.0
        self._squares = 0.0
        self._weighed_at_ns = 0
        self._sampled_price = 0.0
        self._sampled_at_ns = 0
        self._ticked_at_ns = 0
        self._broken = True
        self._annual = params.prior
        self.observed_s = 0.0
        """Seconds of prices seen; starts again after a gap longer than a half-life."""

    @property
    def annual(self) -> float:
        """Annualised volatility, between the floor and the cap."""
        return self._annual

    def observe(self, price: float, at_ns: int) -> None:
        """Take in a mid price (> 0); times must not run backwards, those that do are left out."""
        if self._broken or at_ns - self._ticked_at_ns > self._gap_ns:
            self._begin(price, at_ns)
            return
        if at_ns < self._ticked_at_ns:
            return
        self._ticked_at_ns = at_ns
        elapsed_ns = at_ns - self._sampled_at_ns
        if elapsed_ns >= self._sample_ns and elapsed_ns > 0:
            self._sample(price, at_ns, elapsed_ns / NS_PER_S)

    def interrupt(self) -> None:
        """Prices are missing from here on: take no return across to the next one."""
        self._broken = True

    def _begin(self, price: float, at_ns: int) -> None:
        if at_ns - self._weighed_at_ns > self._params.half_life_s * NS_PER_S:
            self.observed_s = 0.0
        self._age_weights(at_ns)
        missing_s = self._params.prior_s - self._seconds
        if missing_s > 0:
            self._seconds += missing_s
            self._squares += missing_s * self._params.prior**2 / SECONDS_PER_YEAR
        self._sampled_price, self._sampled_at_ns, self._ticked_at_ns = price, at_ns, at_ns
        self._broken = False
        self._estimate()

    def _sample(self, price: float, at_ns: int, elapsed_s: float) -> None:
        move = math.log(price / self._sampled_price)
        self._age_weights(at_ns)
        self._seconds += elapsed_s
        self._squares += move * move
        self.observed_s += elapsed_s
        self._sampled_price, self._sampled_at_ns = price, at_ns
        self._estimate()

    def _age_weights(self, at_ns: int) -> None:
        kept = 2.0 ** (-max(0, at_ns - self._weighed_at_ns) / NS_PER_S / self._params.half_life_s)
        self._seconds *= kept
        self._squares *= kept
        self._weighed_at_ns = max(at_ns, self._weighed_at_ns)

    def _estimate(self) -> None:
        if self._seconds <= 0:
            self._annual = self._params.prior
            return
        annual = math.sqrt(self._squares / self._seconds * SECONDS_PER_YEAR)
        self._annual = min(max(annual, self._params.floor), self._params.cap)
