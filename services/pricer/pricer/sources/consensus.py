"""Several opinions of one price become one: a median finds the middle, and who is near it counts by how sure he is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Consensus(NamedTuple):
    """What several prices come to."""

    price: float
    """Log price."""
    weights: list[float]
    """Of each, in the order given; they add up to 1, and who is far from the middle has 0."""
    outside: list[bool]
    """Who is further from the middle than its deviation explains."""


def weighted_median(values: Sequence[float], weights: Sequence[float]) -> int:
    """Return the place of the value that half of the weight lies on either side of; weights >= 0, not all 0.

    Between two values that halve the weight exactly, the one that comes first in the sequence: of two sources that
    differ the better one is believed.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    half, passed = 0.5 * math.fsum(weights), 0.0
    for rank, place in enumerate(order):
        passed += weights[place]
        if passed > half:
            return place
        if passed == half:
            rest = [other for other in order[rank + 1 :] if weights[other] > 0.0]
            return min(place, rest[0]) if rest and weights[place] > 0.0 else place
    return max(range(len(weights)), key=weights.__getitem__)


def combine(
    prices: Sequence[float],
    variances: Sequence[float],
    shares: Sequence[float],
    deviations: float,
    tolerance: float,
) -> Consensus:
    """Return the precision-weighted mean of the log prices that are near their weighted median.

    `variances` (> 0) are of the prices around the true one, `shares` (>= 0, not all 0) how much a source may count for
    apart from that. A price is outside when it is further from the middle than `tolerance` and than `deviations`
    standard deviations of the difference; from there its weight falls to 0 over the same distance again, so that the
    consensus moves without a jump. One price is returned as it came.
    """
    if len(prices) == 1:
        return Consensus(prices[0], [1.0], [False])
    middle = weighted_median(prices, shares)
    centre, doubt = prices[middle], variances[middle]
    weights, outside, total, summed = [], [], 0.0, 0.0
    for place, price in enumerate(prices):
        weight, away = shares[place] / variances[place], abs(price - centre)
        allowed = max(tolerance, deviations * math.sqrt(variances[place] + doubt))
        outside.append(away > allowed)
        if away > allowed:
            weight *= max(0.0, 2.0 - away / allowed)
        weights.append(weight)
        total += weight
        summed += weight * (price - centre)
    return Consensus(centre + summed / total, [weight / total for weight in weights], outside)
