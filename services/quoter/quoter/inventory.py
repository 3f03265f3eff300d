"""Lean quotes and sizes against what a bot holds, harder as a market's life runs out, until it is flat at expiry.

The life of a market has phases by fraction elapsed: `lean` tolerates a position, `ramp` turns up the pressure,
`aggressive` applies it in full; by seconds left, `reduce_only` lets only orders rest that pair off what is held, and
`closed` lets nothing rest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from common.bots import Inventory

from quoter.holdings import Held

LATE_CUT = 4.0
"""In the aggressive phase the adding side is gone once |net| is a quarter of `max_position`; in the lean phase at all
of it."""


class Phase(StrEnum):
    """What a market's age allows."""

    LEAN = "lean"
    RAMP = "ramp"
    AGGRESSIVE = "aggressive"
    REDUCE_ONLY = "reduce_only"
    CLOSED = "closed"


class Lean(NamedTuple):
    """How quotes answer to what is held."""

    phase: Phase
    skew: float
    """To subtract from both sides, in price: positive when long YES."""
    bid_share: float
    """Fraction of the configured size to bid for YES, 0 to 1."""
    ask_share: float


class Room(NamedTuple):
    """Shares of each outcome that may rest in buying orders without a worst case beyond a limit."""

    yes_lots: int
    no_lots: int


def phase_of(elapsed: float, seconds_left: float, inventory: Inventory) -> Phase:
    """Return the phase at a fraction of the life elapsed and so many seconds before expiry."""
    if seconds_left <= inventory.close_threshold_s:
        return Phase.CLOSED
    if seconds_left <= inventory.reduce_only_s:
        return Phase.REDUCE_ONLY
    if elapsed >= inventory.aggressive_from:
        return Phase.AGGRESSIVE
    return Phase.LEAN if elapsed <= inventory.lean_until else Phase.RAMP


def lean(yes_lots: int, no_lots: int, elapsed: float, phase: Phase, inventory: Inventory) -> Lean:
    """Return skew and sizes for a holding.

    skew = clamp((yes - no) / max_position, -1, 1) x factor, where the factor grows from `skew_factor` at `lean_until`
    to `late_skew_factor` at `aggressive_from`. With 500 YES, 100 NO, max_position 1,000 and skew_factor 0.02 the skew
    is 0.008: an ask of 0.52 becomes 0.512 and a bid of 0.48 becomes 0.472, before they are rounded to the grid.
    """
    imbalance = max(-1.0, min(1.0, (yes_lots - no_lots) / inventory.max_position))
    pressure = _pressure(elapsed, phase, inventory)
    factor = inventory.skew_factor + (inventory.late_skew_factor - inventory.skew_factor) * pressure
    adding = max(0.0, 1.0 - abs(imbalance) * (1.0 + (LATE_CUT - 1.0) * pressure))
    return Lean(
        phase,
        imbalance * factor,
        adding if imbalance > 0 else 1.0,
        adding if imbalance < 0 else 1.0,
    )


def _pressure(elapsed: float, phase: Phase, inventory: Inventory) -> float:
    """Return 0 in the lean phase, 1 from the aggressive phase on, and the way between them on the ramp."""
    if phase is Phase.LEAN:
        return 0.0
    if phase is Phase.RAMP:
        return (elapsed - inventory.lean_until) / (inventory.aggressive_from - inventory.lean_until)
    return 1.0


def room(held: Held, phase: Phase, max_position_lots: int, max_net_lots: int) -> Room:
    """Return how many shares of each outcome may be bid for in all.

    Held shares of the other outcome may always be paired off, so a position at its limit on both sides is not stuck
    and one beyond a lowered limit can shrink. What is in doubt counts against an order, never for it.
    """
    if phase is Phase.CLOSED:
        return Room(0, 0)
    to_pair_yes = held.no_lots - held.doubt_no_lots
    to_pair_no = held.yes_lots - held.doubt_yes_lots
    if phase is Phase.REDUCE_ONLY:
        return Room(max(0, to_pair_yes - held.yes_lots), max(0, to_pair_no - held.no_lots))
    return Room(
        max(0, min(max(max_position_lots, to_pair_yes) - held.yes_lots, max_net_lots - held.yes_lots + to_pair_yes)),
        max(0, min(max(max_position_lots, to_pair_no) - held.no_lots, max_net_lots - held.no_lots + to_pair_no)),
    )
