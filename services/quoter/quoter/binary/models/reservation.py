"""What a further share is worth to somebody who already holds some: the published models, as plain formulas.

Source: Avellaneda and Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8(3), 2008. `gamma`
is the risk aversion per unit of money, `k` how fast the chance of a fill falls with the distance from the middle. Time
has any unit, the same everywhere; so has the price.
"""

from __future__ import annotations

import math


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
