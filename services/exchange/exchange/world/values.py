"""Values of currencies in dollars: log-normal walks, correlated by what each has in common with one market factor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from exchange.market.money import DOLLAR

YEAR_S: Final = 365 * 86_400

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Currency:
    """How the value of one currency moves."""

    name: str
    value: float
    """Dollars of one unit at the start."""
    volatility: float
    """Annual."""
    market: float = 0.0
    """Correlation with the market factor, between -1 and 1; that of two currencies is the product of theirs."""


class Law(NamedTuple):
    """How the walks that are not observed follow those that are, in standard normal terms."""

    free: NDArray[np.intp]
    observed: NDArray[np.intp]
    pull: Vector
    """Mean of the free ones per unit of the observed."""
    spread: Vector
    """Lower triangle: what is left of their covariance."""


class Values:
    """The log values of all currencies, the dollar's first and always 0."""

    def __init__(self, currencies: Sequence[Currency], seed: int) -> None:
        self.names = (DOLLAR, *(each.name for each in currencies))
        self.place = {name: place for place, name in enumerate(self.names)}
        self.log = np.log(np.array([1.0, *(each.value for each in currencies)]))
        self._per_root_s = np.array([0.0, *(each.volatility for each in currencies)]) / math.sqrt(YEAR_S)
        common = np.array([each.market for each in currencies])
        self._correlation = np.outer(common, common)
        np.fill_diagonal(self._correlation, 1.0)
        self._random = np.random.default_rng((seed, 1))
        self._laws: dict[tuple[int, ...], Law] = {}

    def step(self, elapsed_s: float, moves: Mapping[str, float]) -> None:
        """Let time pass: those in `moves` have moved by so much of their log value, the others follow.

        With correlation C the free ones are normal around C_fo C_oo^-1 u, where u are the observed moves over their
        standard deviation, with covariance C_ff - C_fo C_oo^-1 C_of (the conditional normal law).
        """
        law = self._law(tuple(sorted(self.place[name] for name in moves)))
        deviation = self._per_root_s * math.sqrt(elapsed_s)
        seen = np.array([moves[self.names[place]] for place in law.observed])
        drawn = law.spread @ self._random.standard_normal(len(law.free))
        if len(seen):
            drawn += law.pull @ (seen / deviation[law.observed])
            self.log[law.observed] += seen
        self.log[law.free] += deviation[law.free] * drawn

    def _law(self, observed: tuple[int, ...]) -> Law:
        if (law := self._laws.get(observed)) is None:
            free = tuple(place for place in range(1, len(self.names)) if place not in observed)
            rows, columns = np.array(free, dtype=np.intp), np.array(observed, dtype=np.intp)
            # The dollar, at 0, is not part of the correlation.
            shared = self._correlation[np.ix_(rows - 1, columns - 1)]
            pull = np.linalg.solve(self._correlation[np.ix_(columns - 1, columns - 1)], shared.T).T
            left = self._correlation[np.ix_(rows - 1, rows - 1)] - pull @ shared.T
            law = self._laws[observed] = Law(rows, columns, pull, np.asarray(np.linalg.cholesky(left), np.float64))
        return law
