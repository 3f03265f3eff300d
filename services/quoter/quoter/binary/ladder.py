"""Turn a fair value into a ladder of bids and asks on the tick grid, in YES terms, best first, and that into orders.

The orders buy: a YES ask at p is a NO bid at 1 - p, because a bot never sells what it does not own. Only where it is
told to may it sell, and only what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from common.bots import Quoting
from common.events import QuoteLevel
from common.instruments import NO, SELL, YES, ceil_ticks, floor_ticks, opposite_ticks

from quoter.binary.terms import Grid
from quoter.orders.diff import TargetOrder


class Prices(NamedTuple):
    """Prices of a ladder in ticks, best first."""

    bids: list[int]
    asks: list[int]


def not_beyond(fair: float, best_bid: float, best_ask: float) -> tuple[float, float]:
    """Return the best prices with a bid above fair value, or an ask below it, moved to fair value.

    At fair they may stand: only the lean of a held position moves a quote that far, and getting rid of it for nothing
    costs less than holding it.
    """
    return best_bid if best_bid < fair else fair, best_ask if best_ask > fair else fair


def prices(best_bid: float, best_ask: float, quoting: Quoting, min_spread: float, grid: Grid) -> Prices:
    """Return the ladder's prices: bids rounded down, asks up, after the skew; what is off the grid is dropped.

    bid_i = best_bid - i x spacing and ask_i = best_ask + i x spacing. With 0.48, 0.52 and spacing 0.01: bids 48, 47,
    46 and asks 52, 53, 54 ticks.
    """
    bids = _rungs([floor_ticks(best_bid - i * quoting.spacing, grid.tick_size) for i in range(quoting.levels)], grid)
    asks = _rungs([ceil_ticks(best_ask + i * quoting.spacing, grid.tick_size) for i in range(quoting.levels)], grid)
    return _apart(bids, asks, ceil_ticks(min_spread, grid.tick_size))


def _rungs(ticks: list[int], grid: Grid) -> list[int]:
    """Drop levels that are off the grid or fall on one that is there already, instead of piling them up."""
    return [tick for tick in dict.fromkeys(ticks) if 0 < tick < grid.ticks_per_unit]


def _apart(bids: list[int], asks: list[int], least_ticks: int) -> Prices:
    """Drop the inner levels that rounding has left closer together than the least spread."""
    while bids and asks and asks[0] - bids[0] < least_ticks:
        bids, asks = bids[1:], asks[1:]
    return Prices(bids, asks)


def levels(ticks: list[int], size_lots: int, room_lots: int, min_lots: int) -> list[QuoteLevel]:
    """Put sizes to prices, best first, until the headroom is used up."""
    ladder, least = [], max(1, min_lots)
    for tick in ticks:
        lots = size_lots if size_lots < room_lots else room_lots
        if lots < least:
            break
        ladder.append(QuoteLevel(tick, lots))
        room_lots -= lots
    return ladder


def as_buys(bids: Sequence[QuoteLevel], asks: Sequence[QuoteLevel], ticks_per_unit: int) -> list[TargetOrder]:
    """Express a ladder in YES terms as buying orders, best first and the two sides in turn."""
    wanted = [TargetOrder(YES, level.price_ticks, level.quantity_lots) for level in bids]
    wanted += [
        TargetOrder(NO, opposite_ticks(level.price_ticks, ticks_per_unit), level.quantity_lots) for level in asks
    ]
    return wanted


def selling_held(wanted: Sequence[TargetOrder], yes_lots: int, no_lots: int, ticks_per_unit: int) -> list[TargetOrder]:
    """Sell held shares at p where the other outcome would be bought at 1 - p, best first, as far as they last."""
    left = {YES: yes_lots, NO: no_lots}
    found = []
    for want in wanted:
        held = want.outcome.opposite
        if left[held] >= want.quantity_lots:
            left[held] -= want.quantity_lots
            ticks = opposite_ticks(want.price_ticks, ticks_per_unit)
            want = TargetOrder(held, ticks, want.quantity_lots, SELL)
        found.append(want)
    return found
