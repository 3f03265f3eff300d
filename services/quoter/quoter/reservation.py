"""What a further share is worth to somebody who already holds some: the published models, as plain formulas.

Sources: Avellaneda and Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008;
Gueant, Lehalle and Fernandez-Tapia, "Dealing with the inventory risk", Mathematics and Financial Economics 7(4), 2013.
`gamma` is the risk aversion per unit of money, `k` how fast the chance of a fill falls with the distance from the
middle, `intensity` fills per unit of time at no distance. Time has any unit, the same everywhere; so has the price.
"""

from __future__ import annotations

import math
from typing import NamedTuple


def certainty_equivalent(fair: float, shares: float, gamma: float) -> float:
    """Return the sum that is worth as much as holding some shares that pay 1 with probability `fair` and else 0.

    CE(q) = -(1/gamma) ln(p e^(-gamma q) + 1 - p), for exponential utility; p q without risk aversion. Negative
    `shares` are a debt. Holding as many YES as NO has no risk, so `shares` is what is left over of one of them.

    Example: p 0.5, 100 shares, gamma 0.01: -100 ln(0.5 e^-1 + 0.5) = 37.989.
    """
    if gamma <= 0.0 or fair <= 0.0 or fair >= 1.0:
        return fair * shares
    # Written so that the larger of both terms is taken out of the logarithm: neither can overflow.
    exponent = -gamma * shares
    peak = max(exponent, 0.0)
    return -(peak + math.log(fair * math.exp(exponent - peak) + (1.0 - fair) * math.exp(-peak))) / gamma


def reservation_bid(fair: float, net: float, size: float, gamma: float) -> float:
    """Return the most that is worth paying, per share, for `size` > 0 more shares; always between 0 and 1.

    (CE(q + d) - CE(q)) / d; for small gamma q it is p - gamma (q + d/2) p (1 - p).
    """
    return (certainty_equivalent(fair, net + size, gamma) - certainty_equivalent(fair, net, gamma)) / size


def reservation_ask(fair: float, net: float, size: float, gamma: float) -> float:
    """Return the least that is worth taking, per share, for giving `size` > 0 shares; always between 0 and 1."""
    return reservation_bid(fair, net - size, size, gamma)


def avellaneda_stoikov_price(mid: float, inventory: float, gamma: float, variance_left: float) -> float:
    """Return the reservation price s - q gamma sigma^2 (T - t); `variance_left` is sigma^2 (T - t)."""
    return mid - inventory * gamma * variance_left


def avellaneda_stoikov_spread(gamma: float, k: float, variance_left: float) -> float:
    """Return the total spread around the reservation price: gamma sigma^2 (T - t) + (2/gamma) ln(1 + gamma/k)."""
    return gamma * variance_left + 2.0 / gamma * math.log1p(gamma / k)


class Asymptotic(NamedTuple):
    """Distances from the middle far from the end of trading, as functions of the inventory q.

    bid(q) = c1 + (2 q + 1)/2 c2,  ask(q) = c1 - (2 q - 1)/2 c2; spread 2 c1 + c2.
    """

    c1: float
    c2: float

    def bid_distance(self, inventory: float) -> float:
        return self.c1 + (2.0 * inventory + 1.0) / 2.0 * self.c2

    def ask_distance(self, inventory: float) -> float:
        return self.c1 - (2.0 * inventory - 1.0) / 2.0 * self.c2


def asymptotic(gamma: float, k: float, sigma: float, intensity: float) -> Asymptotic:
    """Return the closed approximation of Gueant, Lehalle and Fernandez-Tapia (their section 4).

    c1 = (1/gamma) ln(1 + gamma/k),  c2 = sqrt(sigma^2 gamma / (2 k A) (1 + gamma/k)^(1 + k/gamma)).
    """
    base = 1.0 + gamma / k
    c1 = math.log1p(gamma / k) / gamma
    return Asymptotic(c1, math.sqrt(sigma**2 * gamma / (2.0 * k * intensity) * base ** (1.0 + k / gamma)))


class Distances:
    """Distances from the middle for every inventory between -Q and Q, so long before the end.

    v(tau) = exp(-M tau) v(0) with M tridiagonal: k gamma sigma^2 / 2 q^2 on the diagonal, and
    -A (1 + gamma/k)^-(1 + k/gamma) beside it; v(0)_q = exp(-k b |q|), where b is what each unit left at the end costs
    (their footnote: a terminal penalty). With 0 the inventory may be kept. Then

    bid(q) = (1/k) ln(v_q / v_(q+1)) + (1/gamma) ln(1 + gamma/k),  no bid at Q,
    ask(q) = (1/k) ln(v_q / v_(q-1)) + (1/gamma) ln(1 + gamma/k),  no ask at -Q.

    The equation is stepped backwards with an implicit scheme, which stays positive and stable for any step; made
    outside the path of a tick.
    """

    def __init__(
        self,
        gamma: float,
        k: float,
        sigma: float,
        intensity: float,
        bound: int,
        time_left: float,
        terminal_penalty: float = 0.0,
        steps: int = 2_000,
    ) -> None:
        if gamma <= 0 or k <= 0 or intensity <= 0 or bound < 1 or time_left < 0 or terminal_penalty < 0 or steps < 1:
            raise ValueError("gamma, k, intensity, bound and steps must be above 0, time and penalty not below")
        self.bound = bound
        self._k, self._c1 = k, math.log1p(gamma / k) / gamma
        beside = intensity * (1.0 + gamma / k) ** -(1.0 + k / gamma)
        quadratic = k * gamma * sigma**2 / 2.0
        states = range(-bound, bound + 1)
        diagonal = [quadratic * q * q for q in states]
        values = [math.exp(-k * terminal_penalty * abs(q)) for q in states]
        self._logs = _stepped_back(values, diagonal, beside, time_left, steps)

    def bid_distance(self, inventory: int) -> float:
        """Return how far below the middle to bid; infinite where no more may be held."""
        if inventory >= self.bound:
            return math.inf
        place = inventory + self.bound
        return (self._logs[place] - self._logs[place + 1]) / self._k + self._c1

    def ask_distance(self, inventory: int) -> float:
        """Return how far above the middle to ask; infinite where no more may be owed."""
        return self.bid_distance(-inventory)


def _stepped_back(
    values: list[float], diagonal: list[float], beside: float, time_left: float, steps: int
) -> list[float]:
    """Return the logarithms of exp(-M tau) v, stepped with (1 + h M) v' = v and kept near 1 on the way."""
    logs_taken = 0.0
    step = time_left / steps
    if step > 0.0:
        for _ in range(steps):
            values = solve_tridiagonal([1.0 + step * entry for entry in diagonal], -step * beside, values)
            peak = max(values)
            logs_taken += math.log(peak)
            values = [value / peak for value in values]
    return [math.log(value) + logs_taken for value in values]


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
