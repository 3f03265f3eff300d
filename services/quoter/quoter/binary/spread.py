"""How far from fair value to quote on each side, and what that distance is made of.

distance = floor x volatility factor + staleness + uncertainty + toxicity - rebate, per side. The floor pays for the
business, staleness for what the fair value moves before our order follows it, uncertainty for what it may be wrong by,
toxicity for what those who trade with us have lately known better; a rebate is handed on.
"""

from __future__ import annotations

from typing import NamedTuple

from common.bots import Quoting

from quoter.signals.share import move_deviation
from quoter.signals.signals import Signals

MS_PER_S = 1_000.0


class Distances(NamedTuple):
    """Distances of the best quotes from the reservation prices, in price of a YES share."""

    bid: float
    ask: float
    parts: dict[str, float]
    """What they are made of, by name, for one side unless the name says which."""


def volatility_factor(volatility: float, quoting: Quoting) -> float:
    """Return by how much the floor is widened in wild markets and tightened in quiet ones; 1 without a reference."""
    if quoting.volatility_reference <= 0.0:
        return 1.0
    return min(quoting.widest_factor, max(quoting.tightest_factor, volatility / quoting.volatility_reference))


def distances(
    fair: float,
    seconds_left: float,
    volatility: float,
    uncertainty: float,
    min_spread: float,
    quoting: Quoting,
    signals: Signals,
) -> Distances:
    """Return how far from the reservation price to bid and to ask; together never less than `min_spread`."""
    factor = volatility_factor(volatility, quoting)
    floor = max(quoting.spread * factor, min_spread) / 2.0
    staleness = quoting.staleness_factor * move_deviation(fair, seconds_left, quoting.staleness_ms / MS_PER_S)
    doubt = quoting.uncertainty_factor * uncertainty
    rebate = quoting.maker_rebate * fair * (1.0 - fair)
    common = floor + staleness + doubt - rebate
    least = min_spread / 2.0
    bid = max(least, common + signals.bid_toxicity)
    ask = max(least, common + signals.ask_toxicity)
    parts = {
        "floor": floor,
        "volatility_factor": factor,
        "staleness": staleness,
        "uncertainty": doubt,
        "rebate": -rebate,
        "bid_toxicity": signals.bid_toxicity,
        "ask_toxicity": signals.ask_toxicity,
    }
    return Distances(bid, ask, parts)
