"""How fast volatility should follow: candidates on minute bars day after day, and where the pace changes at once.

The bars say what real prices do; a minute is the shortest return they know, while the platform samples every 5 s. So
the same candidates also price the markets of the session benchmark's worlds, sample by sample as live, where the truth
is known: there a candidate's cost is its log-loss beyond that of the truth, which has hardly any noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from _fair_value_data import MINUTE_NS, MINUTES_PER_DAY, Row
from _session_world import KINDS, LIFE_S, NS_PER_S, STEP_MS, WARM_S, YEAR_S, make_world
from common.bots import Pricing
from numpy.typing import NDArray
from pricer.binary.models import Student
from pricer.binary.valuation import volatility_params
from pricer.volatility import Volatility, VolatilityParams

BAR_GAP_S = 120.0
SAMPLE_S = 5
PRIOR = 0.5
TRUTH_MIN = 1e-6

CANDIDATES: dict[str, dict[str, object]] = {
    "as shipped": {},
    "the calm two alone": {"volatility_quick_half_lives_s": []},
    "120 s for .9": {
        "volatility_quick_half_lives_s": [],
        "volatility_half_life_s": 120.0,
        "volatility_fast_share": 0.9,
    },
    "quick 15 and 60 s": {"volatility_quick_half_lives_s": [15.0, 60.0]},
    "quick 60 s": {"volatility_quick_half_lives_s": [60.0]},
    "quick 120 and 300 s": {"volatility_quick_half_lives_s": [120.0, 300.0]},
}

Vector = NDArray[np.float64]


def params_of(changes: Mapping[str, object]) -> VolatilityParams:
    """Return how a bot with these pricing settings measures volatility."""
    return volatility_params(Pricing.model_validate(dict(changes)))


def on_bars(closes: Sequence[float], params: VolatilityParams) -> list[float]:
    """Return the annual variance after each bar."""
    estimate = Volatility(params._replace(sample_s=1.0, gap_s=BAR_GAP_S))
    found = []
    for minute, close in enumerate(closes):
        estimate.observe(close, minute * MINUTE_NS)
        found.append(estimate.annual**2)
    return found


@dataclass(frozen=True, slots=True)
class WalkForward:
    """What was chosen each day by all days before it, and how that did."""

    chosen: list[str]
    """From the second day on."""
    loss: float
    """Mean log-loss of the choices."""
    losses: dict[str, float]
    """Of each candidate, over the same days."""


def walk_forward(losses: Mapping[str, Vector], rows: Sequence[Row]) -> WalkForward:
    """Choose for each day from the second on what has lost least on the days before it; `losses` are by row."""
    days = np.array([row.market // MINUTES_PER_DAY for row in rows])
    chosen, found = [], []
    for day in range(int(days.min()) + 1, int(days.max()) + 1):
        name = min(losses, key=lambda each: float(losses[each][days < day].mean()))
        chosen.append(name)
        found.append(losses[name][days == day])
    later = days > days.min()
    return WalkForward(
        chosen, float(np.concatenate(found).mean()), {name: float(each[later].mean()) for name, each in losses.items()}
    )


def loss_beyond_truth(params: VolatilityParams, kind: str, markets: int, seed: int, degrees: float) -> float:
    """Return the mean log-loss beyond the truth's, in nats, over the lives of some markets of a world.

    Sum over both results of p ln(p / q), with the true p and the q that is priced from prices each 5 s.
    """
    model, found = Student(degrees), []
    for market in range(markets):
        world, estimate = make_world(seed, market, KINDS[kind]), Volatility(params)
        for second in range(0, WARM_S, SAMPLE_S):
            estimate.observe(float(world.warm[second]), second * NS_PER_S)
        for second in range(0, LIFE_S, SAMPLE_S):
            step = second * 1_000 // STEP_MS
            estimate.observe(float(world.spots[step]), (WARM_S + second) * NS_PER_S)
            years = (LIFE_S - second) / YEAR_S
            moved = math.log(world.spots[step] / world.spots[0])
            said = model.value(moved, estimate.annual**2 * years, years).probability
            true = min(1.0 - TRUTH_MIN, max(TRUTH_MIN, float(world.truths[step])))
            said = min(1.0 - TRUTH_MIN, max(TRUTH_MIN, said))
            found.append(true * math.log(true / said) + (1.0 - true) * math.log((1.0 - true) / (1.0 - said)))
    return float(np.mean(found))
