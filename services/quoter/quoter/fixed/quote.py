"""The formula: bid = middle - h and ask = middle + h, each rounded away from the middle.

Source: "Minimum Viable MM" of the Degen Terminal market maker's design, section 11: h = 0.02 and 100 shares a side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.events import QuoteLevel
from common.instruments import Outcome, Side, ceil_ticks, floor_ticks

from quoter.orders.diff import Headroom, TargetOrder
from quoter.orders.terms import Terms

BPS = 1e-4


class Rules(NamedTuple):
    """What is shown in one market, in its lots; distances are so much price and such a part of the middle."""

    half_spread: float
    half_spread_of_price: float
    size_lots: int
    max_position_lots: int
    tolerance_ticks: int = 0
    tolerance_of_price: float = 0.0


class Quote(NamedTuple):
    """A level of either side on the market's axis, or none, and the orders that show them."""

    bids: list[QuoteLevel]
    asks: list[QuoteLevel]
    orders: list[TargetOrder]


def half_spread(middle: float, rules: Rules, least_spread: float) -> float:
    """Return the distance of either quote from the middle, in price; both are never closer than `least_spread`."""
    return max(rules.half_spread + rules.half_spread_of_price * middle, least_spread / 2.0)


def quote(middle: float, away: float, size_lots: int, headroom: Headroom, terms: Terms) -> Quote:
    """Return what is shown around a middle, with no more on a side than there is headroom for.

    Example: a middle of 0.52 with h = 0.02 and a tick of 0.01 bids 50 and asks 54 ticks. A side that would be smaller
    than the market's smallest order, or off its prices, is left out.
    """
    tick = terms.tick
    sides = (
        (True, floor_ticks(middle - away, tick), min(size_lots, headroom.buy_lots)),
        (False, ceil_ticks(middle + away, tick), min(size_lots, headroom.sell_lots)),
    )
    levels: Mapping[bool, list[QuoteLevel]] = {True: [], False: []}
    orders = []
    for bids, ticks, lots in sides:
        order = _order(terms, bids, ticks, lots)
        if order is not None:
            levels[bids].append(QuoteLevel(ticks, lots))
            orders.append(order)
    return Quote(levels[True], levels[False], orders)


def _order(terms: Terms, bids: bool, ticks: int, lots: int) -> TargetOrder | None:
    """Return the order that shows a level: asking for YES is bidding for NO at the rest of 1, a coin is sold."""
    instrument = terms.instrument
    if not instrument.in_bounds(ticks):
        return None
    if bids:
        order = TargetOrder(instrument.outcome, ticks, lots)
    elif terms.opposite is not None:
        order = TargetOrder(terms.opposite.outcome, instrument.max_ticks - ticks, lots)
    else:
        order = TargetOrder(Outcome.NONE, ticks, lots, Side.SELL)
    least = instrument.min_notional
    small = lots < instrument.min_lots or (least and instrument.notional(order.price_ticks, lots) < least)
    return None if small else order


def headroom(net_bounds: Sequence[int], sellable_lots: int | None, most_lots: int) -> Headroom:
    """Return how much may rest on each side so that no execution leads beyond `most_lots`, long or short.

    `net_bounds` are the least and the most that may be held; `sellable_lots` bounds what is sold where nothing can be
    short, None where selling is buying the opposite. Example: 30 to 40 of at most 100 held: 60 and 130, or 60 and 30.
    """
    least, most = net_bounds
    sell_lots = max(0, most_lots + least)
    return Headroom(max(0, most_lots - most), sell_lots if sellable_lots is None else min(sell_lots, sellable_lots))
