"""Guéant, Lehalle and Fernandez-Tapia's quotes for a share that settles, as a table of leans.

Source: "Dealing with the inventory risk", Mathematics and Financial Economics 7(4), 2013. Their equation is v' = -M v
for the inventories q from -Q to Q, with M tridiagonal: k gamma sigma^2 / 2 q^2 on the diagonal and
-A (1 + gamma/k)^-(1 + k/gamma) beside it; who holds q bids (1/k) ln(v_q / v_(q+1)) below the middle, beyond the
spread. Two changes are what a YES/NO share asks for. The variance of its price is not constant: sd(dp)^2 = s^2 dt / tau
with s = n(N^-1(p)) and tau the time to expiry, so M's diagonal is k gamma s^2 / (2 tau) q^2 and grows as the end comes
near. And what is left when quoting stops costs b(|q|) = penalty q^2 / (2 Q), with which v begins, v_q = exp(-k b(|q|)):
the last share of a full position is given up for `penalty`. Solved backwards in time, once per set of parameters and
outside the path of a tick, which only looks up.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist

from common.bots import Inventory

_NORMAL = NormalDist()
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
BOUND = 10
"""Inventory is counted in units of `max_position` / BOUND."""
COLUMNS = 5
"""Values of s, from 0 for what is certain to 1/sqrt(2 pi) at even odds."""
ROW_RATIO = 1.2
"""Between two rows the time to expiry grows by this."""
_LOG_ROW_RATIO = math.log(ROW_RATIO)
STEPS_PER_ROW = 3
LONGEST_S = 86_400.0
STOP_MIN_S = 0.5
"""Quoting is taken to stop no later than this before expiry: the variance per second has no bound there."""
TABLES_MAX = 64
LEAST = 1e-290
"""Values below it would lose their logarithm; what is so unlikely to be held matters to no quote."""


class Leans:
    """How much less than fair value to bid for a holding, beyond the spread, by price and time to expiry."""

    def __init__(
        self, gamma: float, k: float, intensity: float, penalty: float, max_position: float, stop_s: float
    ) -> None:
        """Solve for all prices and times.

        `gamma` per unit of money, `k` per unit of price, `intensity` in fills of a unit per second at no distance,
        `penalty` in price, `stop_s` the seconds before expiry at which quoting stops.
        """
        if min(gamma, k, intensity, max_position) <= 0 or penalty < 0 or stop_s < 0:
            raise ValueError("gamma, k, intensity and max_position must be above 0, penalty and stop_s not below")
        self.unit = max_position / BOUND
        self._k, self._stop_s = k, max(stop_s, STOP_MIN_S)
        # A unit of many shares is one share with the risk aversion of all of them.
        risk = gamma * self.unit
        self._beside = intensity * (1.0 + risk / k) ** -(1.0 + k / risk)
        self._quadratic = k * risk / 2.0
        self._penalty = penalty
        # By row, column and q + BOUND, for q from -BOUND to BOUND - 1.
        columns = [self._column(place / (COLUMNS - 1) / _SQRT_2_PI) for place in range(COLUMNS)]
        self._table: list[tuple[list[float], ...]] = list(zip(*columns, strict=True))

    def bid_lean(self, fair: float, seconds_left: float, net: float) -> float:
        """Return how far below fair value to bid, before the spread, who holds `net` shares; below 0 it is above."""
        units = net / self.unit
        low = min(BOUND - 1, max(-BOUND, math.floor(units)))
        share = min(1.0, max(0.0, units - low))
        high = min(BOUND - 1, low + 1)
        place = self._place(fair)
        column = min(COLUMNS - 2, int(place))
        to_next = place - column
        row = self._table[self._row(seconds_left)]
        left, right = row[column], row[column + 1]
        here = left[low + BOUND] + to_next * (right[low + BOUND] - left[low + BOUND])
        there = left[high + BOUND] + to_next * (right[high + BOUND] - left[high + BOUND])
        return here + share * (there - here)

    def ask_lean(self, fair: float, seconds_left: float, net: float) -> float:
        """Return how far above fair value to ask, before the spread; the model is the same for a debt."""
        return self.bid_lean(fair, seconds_left, -net)

    def _place(self, fair: float) -> float:
        if not 0.0 < fair < 1.0:
            return 0.0
        distance = _NORMAL.inv_cdf(fair)
        return math.exp(-0.5 * distance * distance) * (COLUMNS - 1)

    def _row(self, seconds_left: float) -> int:
        if seconds_left <= self._stop_s:
            return 0
        return min(len(self._table) - 1, round(math.log(seconds_left / self._stop_s) / _LOG_ROW_RATIO))

    def _column(self, s: float) -> list[list[float]]:
        """Return the leans for one s, a row per time to expiry, the shortest first."""
        states = range(-BOUND, BOUND + 1)
        costs = [self._penalty * q * q / (2.0 * BOUND) for q in states]
        # When quoting stops a lean is what a unit more costs, and needs no logarithm of what may be next to nothing.
        rows = [[above - here for here, above in pairwise(costs)]]
        values = [max(LEAST, math.exp(-self._k * cost)) for cost in costs]
        tau, ratio = self._stop_s, ROW_RATIO ** (1.0 / STEPS_PER_ROW)
        risk = self._quadratic * s * s * math.log(ratio)
        while tau < LONGEST_S:
            for _ in range(STEPS_PER_ROW):
                # The integral of the variance over the step is s^2 ln(ratio). Adding twice what stands beside the
                # diagonal to it only scales v, and keeps a long step from overshooting.
                beside = self._beside * tau * (ratio - 1.0)
                diagonal = [1.0 + 2.0 * beside + risk * q * q for q in states]
                values = solve_tridiagonal(diagonal, -beside, values)
                peak = max(values)
                values = [max(LEAST, value / peak) for value in values]
                tau *= ratio
            rows.append(self._leans(values))
        return rows

    def _leans(self, values: list[float]) -> list[float]:
        return [math.log(here / above) / self._k for here, above in pairwise(values)]


_solved = lru_cache(maxsize=TABLES_MAX)(Leans)


def leans_for(inventory: Inventory, lot_money: float) -> Leans:
    """Return the leans for a configuration, solved when they are first asked for: ask outside the path of a tick.

    `lot_money` is what a lot pays when it wins: risk aversion is per unit of money, positions are in lots.
    """
    return _solved(
        inventory.risk_aversion * lot_money,
        inventory.fill_decay,
        inventory.fill_intensity,
        inventory.terminal_penalty,
        inventory.max_position,
        inventory.close_threshold_s,
    )


def solve_tridiagonal(diagonal: list[float], beside: float, right: list[float]) -> list[float]:
    """Solve a symmetric tridiagonal system with one number beside the diagonal (Thomas algorithm)."""
    count = len(diagonal)
    upper, solved = [0.0] * count, [0.0] * count
    upper[0], solved[0] = beside / diagonal[0], right[0] / diagonal[0]
    for row in range(1, count):
        pivot = diagonal[row] - beside * upper[row - 1]
        upper[row] = beside / pivot
        solved[row] = (right[row] - beside * solved[row - 1]) / pivot
    for row in range(count - 2, -1, -1):
        solved[row] -= upper[row] * solved[row + 1]
    return solved
