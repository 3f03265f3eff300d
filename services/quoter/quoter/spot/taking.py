"""What others offer more cheaply, or bid more for, than the source pays: how much of it is taken, and at which price.

An offer is taken at `away` below the base bid or lower, a bid at `away` above the base ask or higher. Example: a base
bid of 60,000 and `8 bps [0.2]`: offers up to 59,952 are taken, 0.2 at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.events import Level
from common.instruments import Instrument, ceil_ticks, floor_ticks

from quoter.spot.rules import TakeRule


class Taking(NamedTuple):
    """An order that takes at once or never."""

    price_ticks: int
    quantity_lots: int


def highest_to_buy(base_bid: float, rule: TakeRule, tick: float, max_bid_ticks: int) -> int:
    """Return the ticks up to which offers are taken."""
    return min(floor_ticks(rule.away.below(base_bid), tick), max_bid_ticks)


def lowest_to_sell(base_ask: float, rule: TakeRule, tick: float, min_ask_ticks: int) -> int:
    """Return the ticks down to which bids are taken."""
    return max(ceil_ticks(rule.away.above(base_ask), tick), min_ask_ticks)


def within(
    levels: Sequence[Level],
    own: Mapping[int, int],
    instrument: Instrument,
    bound_ticks: int,
    most_lots: int,
    *,
    buys: bool,
) -> Taking | None:
    """Return what others show at a bound or better, at the worst price of what is taken; None where they show nothing.

    `levels` are the side to take from, best first; `own` is what of ours the book may still show, lots by ticks.
    """
    ticks, lots = 0, 0
    for level in levels:
        price = round(level.price / instrument.axis_price(1))
        if price > bound_ticks if buys else price < bound_ticks:
            break
        there = instrument.whole_lots(level.size) - own.get(price, 0)
        if there > 0:
            ticks, lots = price, lots + min(there, most_lots - lots)
            if lots >= most_lots:
                break
    return Taking(ticks, lots) if ticks else None
