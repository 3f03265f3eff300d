"""The difference between the quotes a bot wants and the orders it has: what to cancel, what to place, what to leave.

Orders that are being cancelled count for nothing here; orders of unknown outcome count as resting, so that no second
one is sent to their place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec
from common.instruments import BUY, Outcome, Side, bids_on_axis
from common.orders import CANCELLING, OrderState

from quoter.orders.terms import Traded


class Headroom(NamedTuple):
    """Lots that may rest in orders of a direction on the market's price axis without a worst case beyond a limit."""

    buy_lots: int
    sell_lots: int


class TargetOrder(msgspec.Struct, frozen=True):
    """An order that should be there."""

    outcome: Outcome
    price_ticks: int
    quantity_lots: int
    side: Side = BUY


class Working(Protocol):
    """An own order as `diff` needs to see it."""

    @property
    def order_id(self) -> int: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def side(self) -> Side: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def leaves_lots(self) -> int: ...
    @property
    def state(self) -> OrderState: ...


W = TypeVar("W", bound=Working)


class Tolerance(NamedTuple):
    """How far a resting order may be from what is wanted and still keep its place in the queue."""

    price_ticks: int
    size: float
    """Fraction of the wanted size."""
    least_spread_ticks: int
    """Kept orders never leave own bid and own ask closer together than this."""


class Changes(NamedTuple, Generic[W]):
    """What makes the target true: cancels first, then places, in this order."""

    cancel: list[W]
    place: list[TargetOrder]
    waits: bool = False
    """Something is left to be done as soon as time has passed."""


def diff(
    wanted: Sequence[TargetOrder],
    working: Sequence[W],
    tolerance: Tolerance,
    headroom: Headroom,
    traded: Traded,
) -> Changes[W]:
    """Return the cancels and places that turn the working orders into the wanted ones."""
    found = _matched(wanted, working, tolerance, headroom)
    if tolerance.price_ticks and _too_tight(found, working, tolerance.least_spread_ticks, traded):
        return _matched(wanted, working, tolerance._replace(price_ticks=0), headroom)
    return found


def _matched(
    wanted: Sequence[TargetOrder], working: Sequence[W], tolerance: Tolerance, headroom: Headroom
) -> Changes[W]:
    free = [order for order in working if order.state is not CANCELLING]
    left = _left(headroom)
    place: list[TargetOrder] = []
    for want in wanted:
        kept = _nearest(want, free, tolerance, left)
        if kept is None:
            place.append(want)
        else:
            free.remove(kept)
            left[bids_on_axis(want.outcome, want.side)] -= kept.leaves_lots
    return Changes(free, place)


def beside(cancel: Sequence[W], wanted: Sequence[TargetOrder]) -> list[W]:
    """Return those of the orders to cancel that stand where nothing is wanted: their direction is not to be added to.

    The others are only not where, or as large as, they should be.
    """
    directions = {bids_on_axis(want.outcome, want.side) for want in wanted}
    return [order for order in cancel if bids_on_axis(order.outcome, order.side) not in directions]


def within_headroom(place: Sequence[TargetOrder], working: Sequence[Working], headroom: Headroom) -> list[TargetOrder]:
    """Return the wanted orders that have headroom beside all that may still be executed, in order.

    An order that is being cancelled can be executed until the venue says that it is gone. What has none beside it
    waits for that word, instead of being refused at the door with each new price.
    """
    left = _left(headroom)
    for order in working:
        left[bids_on_axis(order.outcome, order.side)] -= order.leaves_lots
    found = []
    for want in place:
        bids, lots = bids_on_axis(want.outcome, want.side), want.quantity_lots
        if lots <= left[bids]:
            left[bids] -= lots
            found.append(want)
    return found


def _left(headroom: Headroom) -> dict[bool, int]:
    """Return the headroom by direction on the price axis: selling NO moves the position as buying YES does."""
    return {True: headroom.buy_lots, False: headroom.sell_lots}


def _nearest(want: TargetOrder, free: Sequence[W], tolerance: Tolerance, left: Mapping[bool, int]) -> W | None:
    """Return the free order closest in price to what is wanted, within tolerance and within what headroom is left."""
    best: W | None = None
    outcome, side, price_ticks, quantity_lots = want.outcome, want.side, want.price_ticks, want.quantity_lots
    lowest, highest = price_ticks - tolerance.price_ticks, price_ticks + tolerance.price_ticks
    best_distance = tolerance.price_ticks + 1
    for order in free:
        # The price first: when a market moves, no order is near, and nothing else is looked at.
        if not lowest <= order.price_ticks <= highest or order.outcome is not outcome or order.side is not side:
            continue
        distance, lots = abs(order.price_ticks - price_ticks), order.leaves_lots
        if (
            distance < best_distance
            and abs(lots - quantity_lots) <= quantity_lots * tolerance.size
            and lots <= left[bids_on_axis(outcome, side)]
        ):
            best, best_distance = order, distance
    return best


def _too_tight(found: Changes[W], working: Sequence[W], least_spread_ticks: int, traded: Traded) -> bool:
    gone = {order.order_id for order in found.cancel}
    best_bid = best_ask = 0
    rows = [(want.outcome, want.side, want.price_ticks) for want in found.place]
    rows += [
        (order.outcome, order.side, order.price_ticks)
        for order in working
        if order.order_id not in gone and order.state is not CANCELLING
    ]
    for outcome, side, price_ticks in rows:
        bids, ticks = traded.of(outcome).on_axis(side, price_ticks)
        if bids:
            best_bid = max(best_bid, ticks)
        elif not best_ask or ticks < best_ask:
            best_ask = ticks
    return bool(best_bid and best_ask) and best_ask - best_bid < least_spread_ticks
