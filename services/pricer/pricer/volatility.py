"""How much the underlying moves: averages of squared returns per second that weigh recent ones most.

Two slow averages together say how much it moves in calm times; quick ones are heard as far as the latest returns were
what they said. Ticks come when they come, so every return is divided by the time it took. Treating ticks as if they
were one second apart understates volatility by more than ten times on a busy feed.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from common.clock import NS_PER_S, SECONDS_PER_YEAR

from pricer.surprise import Surprise

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
    slow_half_life_s: float = 0.0
    """Of a second average, which steadies the first; 0 is none."""
    fast_share: float = 1.0
    """Of the calm variance, how much the first average makes."""
    quick_half_lives_s: tuple[float, ...] = ()
    """Of averages that are heard when returns surprise the calm ones."""
    quick_share: float = 0.0
    """Weight of all quick averages together while nothing has been learnt."""
    quick_fade_s: float = 14_400.0
    """In which half of what has been learnt of the averages is forgotten."""


class Average:
    """One average of squared returns: sum(w dx^2) / sum(w dt), w = 2^(-age / half_life)."""

    __slots__ = ("_params", "_prior_s", "_seconds", "_squares", "_weighed_at_ns", "half_life_s", "variance")

    def __init__(self, half_life_s: float, prior_s: float, params: VolatilityParams) -> None:
        self._params = params
        self.half_life_s = half_life_s
        self._prior_s = prior_s
        self._seconds = 0.0
        self._squares = 0.0
        self._weighed_at_ns = 0
        self.variance = params.prior**2
        """Annualised, between the squares of floor and cap."""

    def begin(self, at_ns: int) -> None:
        """Enter the prior for what is missing of its seconds."""
        params = self._params
        self._age(at_ns)
        missing_s = self._prior_s - self._seconds
        if missing_s > 0:
            self._seconds += missing_s
            self._squares += missing_s * params.prior**2 / SECONDS_PER_YEAR
        self._estimate()

    def add(self, move: float, elapsed_s: float, at_ns: int) -> None:
        """Take in a log return and the seconds it took."""
        self._age(at_ns)
        self._seconds += elapsed_s
        self._squares += move * move
        self._estimate()

    def _age(self, at_ns: int) -> None:
        kept = 2.0 ** (-max(0, at_ns - self._weighed_at_ns) / NS_PER_S / self.half_life_s)
        self._seconds *= kept
        self._squares *= kept
        self._weighed_at_ns = max(at_ns, self._weighed_at_ns)

    def _estimate(self) -> None:
        params = self._params
        if self._seconds <= 0:
            self.variance = params.prior**2
            return
        variance = self._squares / self._seconds * SECONDS_PER_YEAR
        self.variance = min(max(variance, params.floor**2), params.cap**2)


class Volatility:
    """Volatility of one price series, in constant time per tick.

    variance = w0 (share * fast + (1 - share) * slow) + w1 quick1 + w2 quick2 ...

    Each of these is an `Average`; the weights w begin as `quick_share` says and follow what returns say (`Surprise`).
    With one average alone it is variance per second = sum(w dx^2) / sum(w dt), w = 2^(-age / half_life).

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
        "_broken",
        "_calm",
        "_gap_ns",
        "_params",
        "_quick",
        "_sample_ns",
        "_sampled_at_ns",
        "_sampled_price",
        "_surprise",
        "_ticked_at_ns",
        "annual",
        "memory",
        "observed_s",
    )

    def __init__(self, params: VolatilityParams) -> None:
        self._params = params
        self._sample_ns = int(params.sample_s * NS_PER_S)
        self._gap_ns = int(params.gap_s * NS_PER_S)
        half_lives = (params.half_life_s, params.slow_half_life_s) if params.slow_half_life_s else (params.half_life_s,)
        self._calm = [Average(half_life_s, params.prior_s, params) for half_life_s in half_lives]
        # A short memory never holds a long prior: it would be entered anew with every reconnection.
        self._quick = [
            Average(half_life_s, min(params.prior_s, half_life_s), params) for half_life_s in params.quick_half_lives_s
        ]
        each = params.quick_share / len(self._quick) if self._quick else 0.0
        self._surprise = Surprise([1.0 - each * len(self._quick), *(each for _ in self._quick)], params.quick_fade_s)
        self._sampled_price = 0.0
        self._sampled_at_ns = 0
        self._ticked_at_ns = 0
        self._broken = True
        self.annual = params.prior
        """Annualised volatility, between the floor and the cap."""
        self.observed_s = 0.0
        """Seconds of prices seen; starts again after a gap longer than the first half-life."""
        self.memory = self._remembered()
        """Half-lives the estimate is made of, each with its weight; together they weigh 1."""

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
        gone_s = max(0, at_ns - self._sampled_at_ns) / NS_PER_S
        if gone_s > self._params.half_life_s:
            self.observed_s = 0.0
        self._surprise.fade(gone_s)
        for average in (*self._calm, *self._quick):
            average.begin(at_ns)
        self._sampled_price, self._sampled_at_ns, self._ticked_at_ns = price, at_ns, at_ns
        self._broken = False
        self._estimate()

    def _sample(self, price: float, at_ns: int, elapsed_s: float) -> None:
        move = math.log(price / self._sampled_price)
        if self._quick:
            self._surprise.learn(move, elapsed_s, [variance / SECONDS_PER_YEAR for variance in self._variances()])
        for average in (*self._calm, *self._quick):
            average.add(move, elapsed_s, at_ns)
        self.observed_s += elapsed_s
        self._sampled_price, self._sampled_at_ns = price, at_ns
        self._estimate()

    def _variances(self) -> list[float]:
        """Return the annual variance of calm times, then those of the quick averages."""
        calm = self._calm[0].variance
        if len(self._calm) > 1:
            share = self._params.fast_share
            calm = share * calm + (1.0 - share) * self._calm[1].variance
        return [calm, *(average.variance for average in self._quick)]

    def _estimate(self) -> None:
        weighed = zip(self._surprise.weights, self._variances(), strict=True)
        self.annual = math.sqrt(sum(weight * variance for weight, variance in weighed))
        self.memory = self._remembered()

    def _remembered(self) -> tuple[tuple[float, float], ...]:
        calm, *quick = self._surprise.weights
        share = self._params.fast_share if len(self._calm) > 1 else 1.0
        weights = [calm * share, calm * (1.0 - share)][: len(self._calm)] + quick
        averages = self._calm + self._quick
        return tuple((each.half_life_s, weight) for each, weight in zip(averages, weights, strict=True))
