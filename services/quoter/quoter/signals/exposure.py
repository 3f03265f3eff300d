"""What a bot stands to win or lose over all markets of an underlying when its price moves.

Shares of different strikes and expiries do not cancel one for one: a YES share far from its strike hardly moves with
the price, one at its strike near expiry moves most. So positions are netted by dV/dS, the change of their value per
unit of the underlying, and by what a shock would do to each of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import NamedTuple

from common.bots import Exposure

_NORMAL = NormalDist()
_SQRT_2_PI = math.sqrt(2.0 * math.pi)
PERCENT = 0.01
RELEASED = 0.9
EVEN = 0.5
"""A driftless share is worth this where the price is at the strike."""


class Leg(NamedTuple):
    """What is held in one market, and how its value depends on the underlying."""

    symbol: str
    net: float
    """What the YES shares pay if they win, less what the NO shares do."""
    fair: float
    delta: float
    """dV/dS of a YES share."""
    spot: float


class Summary(NamedTuple):
    """All legs of one underlying."""

    per_percent: float
    """Money won when the underlying rises by one per cent, to first order; below 0 it is lost."""
    worst: float
    """The most that any of the shocks would lose, 0 or more."""
    worst_shock: float
    """Which one that is, as a fraction of the price; 0 when none loses."""
    settled: float = 0.0
    """Money won if every market settled now, at the price of now; below 0 it is lost."""


def shocked(leg: Leg, shock: float) -> float:
    """Return the fair value after the underlying has moved at once by a fraction of its price.

    N(N^-1(p) + ln(1 + shock) / s), where s, the deviation of the log price that is left, follows from fair value and
    delta: delta = n(N^-1(p)) / (S s). A share that is certain or does not depend on the price stays what it is.
    """
    if not 0.0 < leg.fair < 1.0 or leg.delta <= 0.0 or leg.spot <= 0.0:
        return leg.fair
    distance = _NORMAL.inv_cdf(leg.fair)
    deviation = math.exp(-0.5 * distance * distance) / (_SQRT_2_PI * leg.spot * leg.delta)
    return _NORMAL.cdf(distance + math.log1p(shock) / deviation)


def per_percent(legs: Iterable[Leg]) -> float:
    """Return the money won when the underlying rises by one per cent, to first order."""
    return sum(leg.net * leg.delta * leg.spot * PERCENT for leg in legs)


def summary(legs: Sequence[Leg], shocks: Sequence[float]) -> Summary:
    """Return first-order exposure and worst scenario of the legs of one underlying."""
    worst, worst_shock = 0.0, 0.0
    for shock in shocks:
        change = sum(leg.net * (shocked(leg, shock) - leg.fair) for leg in legs)
        if -change > worst:
            worst, worst_shock = -change, shock
    settled = sum(leg.net * (float(leg.fair >= EVEN) - leg.fair) for leg in legs)
    return Summary(per_percent(legs), worst, worst_shock, settled)


def closed_side(found: Summary, limits: Exposure, closed: str = "") -> str:
    """Return which side would add to an exposure beyond its limit, 'bid' or 'ask'; empty when none is.

    A YES share gains when the price rises, whatever its strike: who loses too much from a fall buys none, who loses
    too much from a rise sells none. A limit of 0 is none. A side that is `closed` opens again below RELEASED of it.
    """
    share = RELEASED if closed else 1.0
    if limits.max_scenario_loss and found.worst > share * limits.max_scenario_loss:
        return "bid" if found.worst_shock < 0.0 else "ask"
    if limits.limit_per_percent and abs(found.per_percent) > share * limits.limit_per_percent:
        return "bid" if found.per_percent > 0.0 else "ask"
    return ""


def net_skews(legs: Sequence[Leg], limits: Exposure) -> dict[str, float]:
    """Return how much to lower both quotes of each market because of what is held in the others.

    skew = limits.skew x clamp(exposure of the others / limits.max_per_percent, -1, 1): whoever is long the underlying
    elsewhere pays less for YES here. A market's own holding is its own lean's business.
    """
    total = per_percent(legs)
    found = {}
    for leg in legs:
        others = total - leg.net * leg.delta * leg.spot * PERCENT
        found[leg.symbol] = limits.skew * max(-1.0, min(1.0, others / limits.max_per_percent))
    return found
