"""Distributions of the price at expiry: what share of it lies above the strike, and how that moves with the price.

Every model is asked the same: given x = ln(S/K) and the variance v of the log price over the time left, the probability
of ending above the strike and its derivative by x. The level of v is the estimator's business; a model only says what
shape it has.

The exact risk-neutral drift of -sigma^2/2 is left out, but for `Surface`, whose smile belongs to the exact measure: at
50 % volatility it moves an at-the-money probability by 0.0003 at 5 minutes and 0.0011 at 1 hour, and without it a price
as far below the strike as another is above it has exactly the opposite probability. Nothing is clamped: far from the
strike the losing side is worth 0, not a cent.
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from scipy.special import stdtr

_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
JUMPS_MAX = 12
"""Terms of the jump mixture; beyond it their probability is far below any tick for the intensities allowed."""
DIFFUSION_SHARE_MIN = 0.05
"""Of the variance, what is left to the diffusion however much is said to come from jumps."""


class Value(NamedTuple):
    """What a share is worth, and how that changes."""

    probability: float
    """Of ending above the strike, 0 to 1."""
    slope: float
    """Its derivative by the log price, 0 or more; divided by the price it is dP/dS."""


class Model(Protocol):
    """A shape of the distribution of the log price at expiry."""

    def value(self, x: float, variance: float, years_left: float) -> Value:
        """Return the value for x = ln(S/K), a variance > 0 over the time left, and that time in years."""
        ...


def normal_above(distance: float) -> float:
    """Return N(distance)."""
    return 0.5 * math.erfc(-distance / _SQRT_2)


def normal_density(distance: float) -> float:
    return math.exp(-0.5 * distance * distance) / _SQRT_2_PI


class Diffusion:
    """Brownian motion: P = N(x / sqrt(v)).

    Example: S 95,100, K 95,000, 50 % a year, 300 s left: sqrt(v) = 0.00154215, x / sqrt(v) = 0.682214, P = 0.752448,
    and a dollar more of S adds 0.00215545.
    """

    def value(self, x: float, variance: float, years_left: float) -> Value:
        deviation = math.sqrt(variance)
        distance = x / deviation
        return Value(normal_above(distance), normal_density(distance) / deviation)


class Student:
    """Student's t with `df` > 2 degrees of freedom, scaled to the same variance: more in the middle and in the tails.

    P = T_df(x / sqrt(v) * sqrt(df / (df - 2))).
    """

    def __init__(self, df: float) -> None:
        if not df > 2:
            raise ValueError(f"df: must be above 2, is {df}")
        self._df = df
        self._stretch = math.sqrt(df / (df - 2.0))
        self._peak = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)

    def value(self, x: float, variance: float, years_left: float) -> Value:
        per_x = self._stretch / math.sqrt(variance)
        distance = x * per_x
        density = self._peak * (1.0 + distance * distance / self._df) ** (-(self._df + 1.0) / 2.0)
        return Value(float(stdtr(self._df, distance)), density * per_x)


class Jumps:
    """Merton's mixture: n jumps come with Poisson probability, each adding a normal move.

    P = sum_n Poi(n; lambda tau) N((x + n mu) / sqrt(v_d + n s^2)), with v_d = v - lambda tau (mu^2 + s^2), because what
    the estimator sees contains the jumps already. `per_year` is lambda; `mean` and `deviation` are of log moves.
    """

    def __init__(self, per_year: float, mean: float, deviation: float) -> None:
        if per_year < 0 or deviation < 0:
            raise ValueError("per_year and deviation: must not be below 0")
        self._per_year, self._mean, self._square = per_year, mean, deviation**2

    def value(self, x: float, variance: float, years_left: float) -> Value:
        expected = self._per_year * years_left
        from_jumps = expected * (self._mean**2 + self._square)
        diffusion = max(variance - from_jumps, variance * DIFFUSION_SHARE_MIN)
        weight, weights, probability, slope = math.exp(-expected), 0.0, 0.0, 0.0
        for number in range(JUMPS_MAX):
            deviation = math.sqrt(diffusion + number * self._square)
            distance = (x + number * self._mean) / deviation
            probability += weight * normal_above(distance)
            slope += weight * normal_density(distance) / deviation
            weights += weight
            weight *= expected / (number + 1)
            if weight < 1e-12:
                break
        return Value(probability / weights, slope / weights)


class Surface:
    """The shape of an implied-volatility smile, at the level that is measured: SSVI with phi = eta / sqrt(theta).

    w(k) = theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) with k = ln(K/S) and theta = v, and from the
    smile P = N(d) - n(d) w'(k) / (2 sqrt(w)),  d = -k / sqrt(w) - sqrt(w)/2.

    Source: Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14(1), 2014. There is
    no butterfly arbitrage while theta phi (1 + |rho|) < 4 and theta phi^2 (1 + |rho|) <= 4; with this phi the second is
    eta^2 (1 + |rho|) <= 4 at every level, the first holds below theta = 4 / (1 + |rho|) at the latest.
    """

    def __init__(self, rho: float, eta: float) -> None:
        if not -1 < rho < 1:
            raise ValueError(f"rho: must lie between -1 and 1, is {rho}")
        if not 0 < eta * eta * (1 + abs(rho)) <= 4:
            raise ValueError(f"eta: must be above 0 and eta^2 (1 + |rho|) at most 4, is {eta}")
        self._rho, self._eta = rho, eta

    def total_variance(self, k: float, theta: float) -> tuple[float, float]:
        """Return w(k) and w'(k)."""
        phi = self._eta / math.sqrt(theta)
        shifted = phi * k + self._rho
        root = math.sqrt(shifted * shifted + 1.0 - self._rho * self._rho)
        return theta / 2 * (1.0 + self._rho * phi * k + root), theta / 2 * phi * (self._rho + shifted / root)

    def value(self, x: float, variance: float, years_left: float) -> Value:
        probability = self._probability(x, variance)
        # The slope by a central difference: the smile moves with the price, so both terms change.
        step = 1e-4 * math.sqrt(variance)
        slope = (self._probability(x + step, variance) - self._probability(x - step, variance)) / (2 * step)
        return Value(probability, max(0.0, slope))

    def _probability(self, x: float, theta: float) -> float:
        total, slope = self.total_variance(-x, theta)
        root = math.sqrt(total)
        distance = x / root - root / 2
        return min(1.0, max(0.0, normal_above(distance) - normal_density(distance) * slope / (2 * root)))
