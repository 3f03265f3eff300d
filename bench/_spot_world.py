"""An hour of two spot markets whoever quotes them: the prices behind both, and who comes to trade at which.

A coin is quoted for yen at the target and traded for dollars at the hedge venue; a yen price is the dollar price times
the yen of a dollar, at the same moment. Everything is drawn from (seed, hour) alone, in a stream of chance of its own
each, so that all makers and all shares of informed takers meet the same prices and the same customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _spot_flow import Flow
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000
YEAR_S = 365 * 86_400
HOUR_S = 3_600
STEP_MS = 250
STEP_NS = STEP_MS * 1_000_000
STEPS_PER_S = 1_000 // STEP_MS
STEPS = HOUR_S * STEPS_PER_S
START_SPOT, START_YEN = 60_000.0, 150.0
VOLATILITY, YEN_VOLATILITY = 0.50, 0.10
"""Of a year, of the diffusing part."""
JUMPS_PER_HOUR, JUMP_BPS = 100.0, 5.0
"""On top, in the price of the coin: normal with mean 0. With them the hour is as the recorded minutes are: 70 % a year,
and of 1,383 moves of 250 ms eight are beyond 3 bps."""
AHEAD_STEPS = 500 // STEP_MS
"""By how much an informed taker is ahead of the price."""
FEED_NS = ORDER_NS = 50_000_000
TARGET_RATE, TARGET_REACH = 0.5, 8.0
"""The target is a thinner market than the recorded one: half as many come, and an order goes eight times as far."""
SIZE_MIN, SIZE_MAX = 0.001, 0.5
"""Coins; the recorded sizes have a longer tail, which no book of a thin market serves."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Taker:
    """A customer of the target: comes once, at `at_ns` after the beginning."""

    at_ns: int
    size: float
    chance: float
    """Uniform draw; below the share of informed takers of a case, this one is informed."""
    buys: bool
    """The side that he takes when he knows nothing."""
    reach: float
    """How far beyond the true price he goes for it when he knows nothing, as a share of the price."""


@dataclass(frozen=True, slots=True)
class World:
    """One hour's prices and customers."""

    spots: Vector
    """Dollars of a coin, at each step from the beginning to the end."""
    yens: Vector
    """Yen of a dollar."""
    takers: list[Taker]
    bought: Vector
    """Coins that customers of the hedge venue want to buy within each step; resting orders of ours may be reached."""
    sold: Vector
    bought_reach: Vector
    """How far the farthest of them goes beyond the true price, as a share of it."""
    sold_reach: Vector

    def spot(self, at_ns: int) -> float:
        """Return the dollars of a coin at a time since the beginning."""
        return float(self.spots[step_of(at_ns)])

    def yen(self, at_ns: int) -> float:
        """Return the yen of a coin."""
        step = step_of(at_ns)
        return float(self.spots[step] * self.yens[step])


def step_of(at_ns: int) -> int:
    """Return the newest step of a time since the beginning, which may lie before or after the hour."""
    return min(STEPS, max(0, at_ns // STEP_NS))


def target_flow(recorded: Flow) -> Flow:
    """Return the customers of the target, by those of the recording."""
    return recorded._replace(per_s=TARGET_RATE * recorded.per_s, reach_bps=TARGET_REACH * recorded.reach_bps)


def make_world(seed: int, hour: int, recorded: Flow) -> World:
    """Return an hour."""
    moves = np.random.default_rng([seed, hour, 0])
    logs = _diffusion(moves, VOLATILITY) + _jumps(np.random.default_rng([seed, hour, 1]))
    spots = START_SPOT * np.exp(np.concatenate([[0.0], np.cumsum(logs)]))
    yens = START_YEN * np.exp(np.concatenate([[0.0], np.cumsum(_diffusion(moves, YEN_VOLATILITY))]))
    takers = _takers(np.random.default_rng([seed, hour, 2]), target_flow(recorded))
    passing = np.random.default_rng([seed, hour, 3])
    return World(spots, yens, takers, *_passing(passing, recorded), *_reaches(passing, recorded))


def _diffusion(random: np.random.Generator, volatility: float) -> Vector:
    return random.normal(0.0, volatility * np.sqrt(STEP_MS / 1_000 / YEAR_S), STEPS)


def _jumps(random: np.random.Generator) -> Vector:
    """Return the sum of the jumps of each step: of n jumps it is normal with n times the variance."""
    numbers = random.poisson(JUMPS_PER_HOUR / STEPS, STEPS)
    moves: Vector = random.normal(0.0, 1.0, STEPS) * JUMP_BPS * 1e-4 * np.sqrt(numbers)
    return moves


def _takers(random: np.random.Generator, flow: Flow) -> list[Taker]:
    """Return the customers of an hour: Poisson arrivals, lognormal sizes, exponential reaches."""
    count = int(random.poisson(flow.per_s * HOUR_S))
    # A Poisson process, given how many came, has its arrivals spread evenly.
    times = np.sort(random.uniform(0.0, HOUR_S, count))
    sizes = np.clip(flow.size_median * np.exp(random.normal(0.0, flow.size_sigma, count)), SIZE_MIN, SIZE_MAX)
    chances, sides = random.random(count), random.random(count) < 0.5
    reaches = random.exponential(flow.reach_bps * 1e-4, count)
    return [
        Taker(int(at_s * NS_PER_S), float(size), float(chance), bool(side), float(reach))
        for at_s, size, chance, side, reach in zip(times, sizes, chances, sides, reaches, strict=True)
    ]


def _passing(random: np.random.Generator, flow: Flow) -> tuple[Vector, Vector]:
    """Return what customers of the hedge venue buy and sell in each step: as much as comes on average, lognormal."""
    sizes = random.normal(0.0, 1.0, (2, STEPS))
    numbers = random.poisson(flow.per_s / 2 / STEPS_PER_S, (2, STEPS))
    coins = np.clip(flow.size_median * np.exp(flow.size_sigma * sizes), SIZE_MIN, SIZE_MAX) * numbers
    return coins[0], coins[1]


def _reaches(random: np.random.Generator, flow: Flow) -> tuple[Vector, Vector]:
    reaches = random.exponential(flow.reach_bps * 1e-4, (2, STEPS))
    return reaches[0], reaches[1]
