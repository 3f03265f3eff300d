"""Smiles as total variance over log-moneyness: raw SVI, its SSVI form, their arbitrage, and fits to quotes.

Source: Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative Finance 14(1), 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

Vector = NDArray[np.float64]

RHO_MAX = 0.99
WIDTH_MIN = 1e-4
CHECKED = 121
"""Points at which a smile is looked at for arbitrage..."""
CHECKED_DEVIATIONS = 6.0
"""... out to this many standard deviations on either side."""
ARBITRAGE_TOLERANCE = 1e-9


class Svi(NamedTuple):
    """w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + s^2)), k = ln(K/F), w the variance up to expiry."""

    a: float
    b: float
    rho: float
    m: float
    s: float

    @classmethod
    def of_ssvi(cls, theta: float, rho: float, eta: float) -> Svi:
        """Return theta/2 (1 + rho phi k + sqrt((phi k + rho)^2 + 1 - rho^2)) with phi = eta / sqrt(theta)."""
        phi = eta / math.sqrt(theta)
        rest = 1.0 - rho * rho
        return cls(theta * rest / 2, theta * phi / 2, rho, -rho / phi, math.sqrt(rest) / phi)

    def total(self, k: float) -> tuple[float, float]:
        """Return w(k) and w'(k)."""
        away = k - self.m
        root = math.sqrt(away * away + self.s * self.s)
        return self.a + self.b * (self.rho * away + root), self.b * (self.rho + away / root)

    def butterfly(self, k: float) -> float:
        """Return Durrleman's g(k): below 0 the density implied there is negative.

        g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1/w + 1/4) + w''/2.
        """
        w, slope = self.total(k)
        away = k - self.m
        curvature = self.b * self.s * self.s / math.hypot(away, self.s) ** 3
        return (1.0 - k * slope / (2.0 * w)) ** 2 - slope * slope / 4.0 * (1.0 / w + 0.25) + curvature / 2.0

    def sound(self) -> bool:
        """Say whether variance and density are positive within six deviations and the wings not too steep."""
        at_the_money = self.total(0.0)[0]
        if at_the_money <= 0.0 or self.b * (1.0 + abs(self.rho)) > 2.0:
            return False
        return all(
            self.total(k)[0] > 0.0 and self.butterfly(k) >= -ARBITRAGE_TOLERANCE for k in checked_at(at_the_money)
        )

    def below(self, later: Svi) -> bool:
        """Say whether a later expiry has at least this total variance at every strike: no calendar arbitrage."""
        reach = max(self.total(0.0)[0], later.total(0.0)[0])
        return all(self.total(k)[0] <= later.total(k)[0] + ARBITRAGE_TOLERANCE for k in checked_at(reach))


def checked_at(variance: float) -> list[float]:
    """Return the log-moneyness at which a smile is looked at."""
    reach = CHECKED_DEVIATIONS * math.sqrt(variance)
    return [reach * (2.0 * step / (CHECKED - 1) - 1.0) for step in range(CHECKED)]


class Points(NamedTuple):
    """Quotes of one expiry: log-moneyness, total variance, and what each counts for."""

    k: Vector
    w: Vector
    weight: Vector

    @classmethod
    def of(cls, k: Sequence[float], w: Sequence[float]) -> Points:
        """Return quotes weighted by vega: where a volatility moves a price most it is known best."""
        log_moneyness, variance = np.asarray(k, dtype=float), np.asarray(w, dtype=float)
        root = np.sqrt(variance)
        d1 = -log_moneyness / root + root / 2
        weight = np.exp(-0.25 * d1 * d1)
        return cls(log_moneyness, variance, weight / weight.sum())

    def at_the_money(self) -> float:
        """Return the total variance at k = 0, between the nearest quotes."""
        order = np.argsort(self.k)
        return float(np.interp(0.0, self.k[order], self.w[order]))


def fit_svi(points: Points, start: Svi) -> Svi:
    """Return the raw SVI nearest to quotes of one expiry in weighted squares of volatility, from a first guess."""
    k, root, weight = points.k, np.sqrt(points.w), np.sqrt(points.weight)
    level = points.at_the_money()

    def misses(x: Vector) -> Vector:
        return np.asarray((_volatility(x, k) - root) * weight / math.sqrt(level))

    lowest = [-level, 0.0, -RHO_MAX, float(k.min()) - 0.1, WIDTH_MIN]
    highest = [float(points.w.max()), 2.0, RHO_MAX, float(k.max()) + 0.1, 2.0]
    first = np.clip(np.asarray(start), np.asarray(lowest) + 1e-9, np.asarray(highest) - 1e-9)
    scale = np.asarray([level, math.sqrt(level), 1.0, math.sqrt(level), math.sqrt(level)])
    found = least_squares(misses, first, bounds=(lowest, highest), x_scale=scale, max_nfev=300, xtol=1e-12, ftol=1e-12)
    return Svi(*(float(value) for value in found.x))


def fit_ssvi(expiries: Sequence[Points]) -> list[Svi]:
    """Return one smile for each expiry, of one rho and eta in common, by weighted squares of volatility.

    No butterfly arbitrage by construction: eta^2 (1 + |rho|) <= 4 and, for the sizes met here, theta phi (1 + |rho|) <
    4. No calendar arbitrage either while theta grows with the expiry, to which it is held.
    """
    levels = np.maximum.accumulate([points.at_the_money() for points in expiries])
    steps = np.log(np.maximum(np.diff(levels, prepend=0.0), 1e-3 * levels))

    def smiles(x: Vector) -> list[Svi]:
        rho = float(np.tanh(x[0]))
        # 2 / sqrt(1 + |rho|) is the largest eta without arbitrage.
        eta = 2.0 / math.sqrt(1.0 + abs(rho)) / (1.0 + math.exp(-float(x[1])))
        return [Svi.of_ssvi(float(theta), rho, eta) for theta in np.cumsum(np.exp(x[2:]))]

    def misses(x: Vector) -> Vector:
        return np.concatenate(
            [
                (_volatility(np.asarray(smile), points.k) - np.sqrt(points.w))
                * np.sqrt(points.weight)
                / math.sqrt(points.at_the_money())
                for smile, points in zip(smiles(x), expiries, strict=True)
            ]
        )

    found = least_squares(misses, np.concatenate([[0.0, -1.0], steps]), max_nfev=300, xtol=1e-12, ftol=1e-12)
    return smiles(found.x)


def _volatility(x: Vector, k: Vector) -> Vector:
    a, b, rho, m, s = x
    away = k - m
    root: Vector = np.sqrt(np.maximum(a + b * (rho * away + np.sqrt(away * away + s * s)), 1e-12))
    return root
