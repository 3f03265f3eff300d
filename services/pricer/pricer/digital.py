"""What a share that pays 1 when the price ends above the strike is worth, and how it moves with the price.

The log price is taken as a driftless Brownian motion. The exact risk-neutral drift of -sigma^2/2 is left out: at 50 %
volatility it moves an at-the-money probability by 0.0003 at 5 minutes and 0.0011 at 1 hour, and without it a price as
far below the strike as another is above it has exactly the opposite probability.
"""

from __future__ import annotations

import math

from common.clock import SECONDS_PER_YEAR
from common.events import TieRule

_SQRT_2 = math.sqrt(2.0)
_SQRT_2_PI = math.sqrt(2.0 * math.pi)


def probability_above(
    spot: float, strike: float, volatility: float, seconds_left: float, tie_rule: TieRule = TieRule.STRICTLY_ABOVE
) -> float:
    """Return the probability, 0 to 1, that the price ends above the strike.

    P = N(d),  d = ln(S/K) / s,  s = volatility * sqrt(seconds_left / seconds per year)

    Example: S 95,100, K 95,000, 50 % a year, 300 s left: s = 0.00154215, d = 0.682214, P = 0.752448.

    Nothing is clamped: far from the strike the value of the losing side is 0, not a cent. At expiry, or without
    volatility, the price stays where it is: 1 above the strike, 0 below, and on it what the tie rule says.
    """
    deviation = _deviation(volatility, seconds_left)
    if deviation <= 0.0:
        won = spot > strike or (spot == strike and tie_rule is TieRule.AT_OR_ABOVE)
        return 1.0 if won else 0.0
    return 0.5 * math.erfc(-math.log(spot / strike) / deviation / _SQRT_2)


def delta_above(spot: float, strike: float, volatility: float, seconds_left: float) -> float:
    """Return dP/dS: the change of the probability per unit of the price.

    dP/dS = n(d) / (S s), with d and s as in `probability_above` and n the normal density.

    Example: the one of `probability_above` gives 0.00215545 per dollar.

    Grows without bound at the strike as time runs out; at expiry the value is a step and the answer is 0.
    """
    deviation = _deviation(volatility, seconds_left)
    if deviation <= 0.0:
        return 0.0
    d = math.log(spot / strike) / deviation
    return math.exp(-0.5 * d * d) / (_SQRT_2_PI * spot * deviation)


def _deviation(volatility: float, seconds_left: float) -> float:
    """Standard deviation of the log price over the time left; 0 when nothing can move any more."""
    return volatility * math.sqrt(seconds_left / SECONDS_PER_YEAR) if seconds_left > 0.0 else 0.0
