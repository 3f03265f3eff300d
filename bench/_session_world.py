"""What happens in one market whoever quotes it: the underlying's path, the true probability, and who comes to trade.

Everything is drawn from (seed, market) alone, in a stream of chance of its own each, so that all makers and all shares
of informed takers meet the same prices and the same customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

NS_PER_S = 1_000_000_000
YEAR_S = 365 * 86_400
LIFE_S = 300
STEP_MS = 100
STEP_NS = STEP_MS * 1_000_000
STEPS = LIFE_S * 1_000 // STEP_MS
WARM_S = 1_800
"""Seconds of prices before the market opens, one each second: what volatility is estimated from."""
START_PRICE = 60_000.0
VOLATILITY = 0.50
QUIET, WILD = 0.20, 1.00
"""Volatility before the market and within it, where the regime changes at its opening."""
JUMPS_PER_HOUR = 6.0
JUMP_DEVIATION = 0.0015
"""Of a jump's log move, mean 0; jumps come on top of the 50 %, so that the whole is 60.7 %."""
JUMPS_MAX = 10
"""Terms of the mixture over the jumps still to come; more than these have a probability below 1e-11."""
ARRIVALS_PER_S, THIN_ARRIVALS_PER_S = 0.5, 0.1
BUYERS, MANY_BUYERS = 0.5, 0.8
"""Of the takers who know nothing, the share that buys YES."""
SIZE_MEDIAN, SIZE_SIGMA = 20.0, 1.2
FEED_NS = ORDER_NS = 50_000_000
AHEAD_NS = 500_000_000
"""By how much an informed taker is ahead of our feed, which is itself `FEED_NS` behind the price."""
INFORMED_EDGE = 0.01

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Kind:
    """What sort of world a market is in; volatilities are annual."""

    warm_volatility: float = VOLATILITY
    """Before the opening."""
    volatility: float = VOLATILITY
    jumps: bool = False
    arrivals_per_s: float = ARRIVALS_PER_S
    buyers: float = BUYERS


KINDS = {
    "base": Kind(),
    "regime": Kind(warm_volatility=QUIET, volatility=WILD),
    "thin": Kind(arrivals_per_s=THIN_ARRIVALS_PER_S),
    "one-sided": Kind(buyers=MANY_BUYERS),
    "jumps": Kind(jumps=True),
}


@dataclass(frozen=True, slots=True)
class Taker:
    """A customer: comes once, at `at_ns` after the opening."""

    at_ns: int
    size: int
    chance: float
    """Uniform draw; below the share of informed takers of a case, this one is informed."""
    buys_yes: bool
    """The side that he takes when he knows nothing."""


@dataclass(frozen=True, slots=True)
class World:
    """One market's prices and customers."""

    warm: Vector
    """Prices of the `WARM_S` seconds before the opening, the last one second before it."""
    spots: Vector
    """Prices from the opening (the strike) to the expiry, each `STEP_MS`."""
    truths: Vector
    """Probability that the last price lies above the first, given each of `spots`; the last is 0 or 1."""
    takers: list[Taker]

    def step(self, after_open_ns: int) -> int:
        """Return the newest step of a time since the opening, which may lie before or after the market's life."""
        return min(STEPS, max(0, after_open_ns // STEP_NS))

    def truth(self, after_open_ns: int) -> float:
        return float(self.truths[self.step(after_open_ns)])

    @property
    def won(self) -> bool:
        """Say whether YES is paid."""
        return bool(self.spots[-1] > self.spots[0])


def make_world(seed: int, market: int, kind: Kind = KINDS["base"]) -> World:
    """Return a market; what kinds have in common is drawn alike for all of them."""
    moves = np.random.default_rng([seed, market, 0])
    warm = _moves(moves, WARM_S, 1.0, kind.warm_volatility)
    life = _moves(moves, STEPS, STEP_MS / 1_000, kind.volatility)
    if kind.jumps:
        jumping = np.random.default_rng([seed, market, 1])
        warm += _jumps(jumping, WARM_S, 1.0)
        life += _jumps(jumping, STEPS, STEP_MS / 1_000)
    before = START_PRICE * np.exp(np.concatenate([[0.0], np.cumsum(warm)]))
    spots = before[-1] * np.exp(np.concatenate([[0.0], np.cumsum(life)]))
    return World(before[:-1], spots, truths(spots, kind), _takers(np.random.default_rng([seed, market, 2]), kind))


def _moves(random: np.random.Generator, count: int, step_s: float, volatility: float) -> Vector:
    return random.normal(0.0, volatility * np.sqrt(step_s / YEAR_S), count)


def _jumps(random: np.random.Generator, count: int, step_s: float) -> Vector:
    """Return the sum of the jumps of each step: of n jumps it is normal with n times the variance."""
    numbers = random.poisson(JUMPS_PER_HOUR * step_s / 3_600, count)
    moves: Vector = random.normal(0.0, 1.0, count) * JUMP_DEVIATION * np.sqrt(numbers)
    return moves


def truths(spots: Vector, kind: Kind) -> Vector:
    """Return the probability of ending above the first price from each price on, exact for the simulated process.

    Without drift of the log price: sum over n of Poisson(n) N(ln(S/K) / sqrt(sigma^2 tau + n s^2)). Example: one
    standard deviation of the rest of the life above the strike is 0.8413 without jumps.
    """
    left_s = (STEPS - np.arange(STEPS)) * (STEP_MS / 1_000)
    distance = np.log(spots[:-1] / spots[0])
    variance = kind.volatility**2 * left_s / YEAR_S
    if kind.jumps:
        expected = JUMPS_PER_HOUR * left_s / 3_600
        weight = np.exp(-expected)
        chances = np.zeros(STEPS)
        for number in range(JUMPS_MAX):
            chances += weight * ndtr(distance / np.sqrt(variance + number * JUMP_DEVIATION**2))
            weight = weight * expected / (number + 1)
    else:
        chances = ndtr(distance / np.sqrt(variance))
    return np.concatenate([chances, [float(spots[-1] > spots[0])]])


def _takers(random: np.random.Generator, kind: Kind) -> list[Taker]:
    """Return the customers of a life: Poisson arrivals, lognormal sizes of at least one share."""
    count = int(random.poisson(kind.arrivals_per_s * LIFE_S))
    # A Poisson process, given how many came, has its arrivals spread evenly.
    times = np.sort(random.uniform(0.0, LIFE_S, count))
    sizes = np.maximum(1, np.rint(SIZE_MEDIAN * np.exp(random.normal(0.0, SIZE_SIGMA, count))))
    chances, sides = random.random(count), random.random(count) < kind.buyers
    return [
        Taker(int(at_s * NS_PER_S), int(size), float(chance), bool(side))
        for at_s, size, chance, side in zip(times, sizes, chances, sides, strict=True)
    ]
