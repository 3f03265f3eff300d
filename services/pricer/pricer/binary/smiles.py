"""The smile of a contract out of the smiles of listed expiries: their shape, at the level that is measured.

Listed options expire daily or later, so they do not know how much the next five minutes move; what they know is how
much more is paid for a fall than for a rise. A contract takes that shape; its level is the measured volatility's, or,
for contracts that live long enough, the options' own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.clock import NS_PER_S

from pricer.binary.models import Value, normal_above, normal_density
from pricer.binary.svi import Points, Svi, fit_ssvi, fit_svi
from pricer.sources.deribit import Quotes

MISS_MAX = 0.05
"""Quotes that a smile misses by more, as an annual volatility, are not believed."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The smile of one listed expiry."""

    expiry_ns: int
    years: float
    """From the quotes to the expiry."""
    smile: Svi
    kind: str
    """Which form it has: svi, or ssvi where the quotes' own smiles would have allowed arbitrage."""
    error: float
    """Root of the mean squared miss of the quotes' volatilities, annualised."""


class Smiles:
    """The fitted smiles of an underlying, by expiry."""

    def __init__(self, as_of_ns: int, slices: Sequence[Slice]) -> None:
        self.as_of_ns = as_of_ns
        """When the quotes were made."""
        self.slices = tuple(slices)

    def picture(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able view for people."""
        return {
            "age_s": (now_ns - self.as_of_ns) / NS_PER_S,
            "expiries": [
                {
                    "days": each.years * 365,
                    "kind": each.kind,
                    "volatility": math.sqrt(each.smile.total(0.0)[0] / each.years),
                    "error": each.error,
                    "parameters": each.smile._asdict(),
                }
                for each in self.slices
            ],
        }

    def shape(self, expiry_ns: int) -> Shape:
        """Return the smile of a contract by its expiry: total variance is interpolated linearly in time.

        w(k, T) = (1 - c) w1(k) + c w2(k) with c = (T - T1) / (T2 - T1) between two expiries, which keeps free of
        arbitrage what was; before the first and after the last it is the nearest one's, moved to another level.
        """
        before = [each for each in self.slices if each.expiry_ns <= expiry_ns]
        after = [each for each in self.slices if each.expiry_ns > expiry_ns]
        if before and after:
            first, second = before[-1], after[0]
            late = (expiry_ns - first.expiry_ns) / (second.expiry_ns - first.expiry_ns)
            years = (1.0 - late) * first.years + late * second.years
            return Shape([(1.0 - late, first.smile), (late, second.smile)], years)
        nearest = after[0] if after else before[-1]
        return Shape([(1.0, nearest.smile)], nearest.years)


class Shape:
    """A model: the distribution whose smile has the shape of listed ones, stretched to the variance it is asked for.

    With theta = w(0) of the listed smile and v the variance at hand, the smile used is v / theta * w(k sqrt(theta/v)):
    the same at the same number of standard deviations. From it P = N(d) - n(d) w'(k) / (2 sqrt(w)) with
    d = -k / sqrt(w) - sqrt(w)/2 and k = -x: the value of a digital from the smile, its skew included.
    """

    def __init__(self, parts: Sequence[tuple[float, Svi]], years: float) -> None:
        self._parts = tuple(parts)
        self._theta = self._listed(0.0)[0]
        self.annual = math.sqrt(self._theta / years)
        """The options' own volatility at the money."""

    def total_variance(self, k: float, variance: float) -> tuple[float, float]:
        """Return w(k) and w'(k) at the level of `variance`."""
        stretch = math.sqrt(self._theta / variance)
        w, slope = self._listed(k * stretch)
        return variance / self._theta * w, slope / stretch

    def value(self, x: float, variance: float, years_left: float) -> Value:
        # The slope by a central difference: the smile moves with the price, so both terms change.
        step = 1e-4 * math.sqrt(variance)
        higher, lower = self._probability(x + step, variance), self._probability(x - step, variance)
        return Value(self._probability(x, variance), max(0.0, (higher - lower) / (2 * step)))

    def _listed(self, k: float) -> tuple[float, float]:
        w = slope = 0.0
        for share, smile in self._parts:
            part, part_slope = smile.total(k)
            w += share * part
            slope += share * part_slope
        return w, slope

    def _probability(self, x: float, variance: float) -> float:
        total, slope = self.total_variance(-x, variance)
        root = math.sqrt(total)
        distance = x / root - root / 2
        return min(1.0, max(0.0, normal_above(distance) - normal_density(distance) * slope / (2 * root)))


def fitted(quotes: Quotes) -> Smiles:
    """Return the smiles of quotes: an SVI for each expiry, or a common SSVI when those would allow arbitrage.

    ValueError when neither comes near the quotes.
    """
    points = [Points.of(chain.k, chain.w) for chain in quotes.chains]
    common = fit_ssvi(points)
    own = [fit_svi(each, ssvi) for each, ssvi in zip(points, common, strict=True)]
    ordered = all(nearer.below(later) for nearer, later in itertools.pairwise(own))
    sound = ordered and all(smile.sound() for smile in own)
    kind, chosen = ("svi", own) if sound else ("ssvi", common)
    slices = [
        Slice(chain.expiry_ns, chain.years, smile, kind, _miss(smile, each, chain.years))
        for chain, each, smile in zip(quotes.chains, points, chosen, strict=True)
    ]
    worst = max(each.error for each in slices)
    if worst > MISS_MAX:
        raise ValueError(f"result: no smile without arbitrage comes nearer than {worst:.3f} to these volatilities")
    return Smiles(quotes.as_of_ns, slices)


def _miss(smile: Svi, points: Points, years: float) -> float:
    squares = 0.0
    for k, w, weight in zip(points.k.tolist(), points.w.tolist(), points.weight.tolist(), strict=True):
        squares += weight * (math.sqrt(max(smile.total(k)[0], 0.0) / years) - math.sqrt(w / years)) ** 2
    return math.sqrt(squares)
