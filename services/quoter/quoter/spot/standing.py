"""Which resting quotes stay, which go, and which new ones wait: small changes, minimum times and the least spread.

A quote is replaced when its price or its size is beyond its change from what is wanted, or nothing is wanted there. One
younger than its side's minimum time stays all the same, in the place of a new one. What is not safe goes at any age:
beyond a bound, beyond the headroom, on a side or in a market where nothing is wanted. A new quote that would stand
nearer than the least spread to one that stays waits until that one may go.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from common.instruments import BUY, SELL, Side
from common.orders import CANCELLING

from quoter.orders.diff import Changes, Headroom, TargetOrder
from quoter.orders.own_orders import Order
from quoter.spot.rules import HIGHEST_TICKS, Rules, SideRules

NO_CHANGE_ALLOWED = 0


class Matched(NamedTuple):
    """One side: what stays, what goes, and what is to be placed."""

    kept: list[Order]
    held: list[Order]
    """Stay for their minimum time, or until the venue answers, alone."""
    cancel: list[Order]
    place: list[TargetOrder]
    moved: bool
    """Some that are kept are not where they are wanted."""


def changes(
    wanted: Sequence[TargetOrder],
    working: Sequence[Order],
    rules: Rules,
    headroom: Headroom,
    least_ticks: int,
    now_ns: int,
) -> Changes[Order]:
    """Return the cancels and places that make working orders what is wanted, as far as they may be by now."""
    bids = _side(BUY, wanted, working, rules, headroom.buy_lots, now_ns)
    asks = _side(SELL, wanted, working, rules, headroom.sell_lots, now_ns)
    if (bids.moved or asks.moved) and _too_tight(bids, asks, least_ticks):
        exact = rules._replace(price_change=rules.price_change._replace(numerator=NO_CHANGE_ALLOWED))
        bids = _side(BUY, wanted, working, exact, headroom.buy_lots, now_ns)
        asks = _side(SELL, wanted, working, exact, headroom.sell_lots, now_ns)
    places = [want for pair in _by_level(bids.place, asks.place) for want in pair]
    best_bid = max((order.price_ticks for order in (*bids.kept, *bids.held)), default=0)
    best_ask = min((order.price_ticks for order in (*asks.kept, *asks.held)), default=0)
    free = [want for want in places if _stands_off(want, best_bid, best_ask, least_ticks)]
    waits = bool(bids.held or asks.held) or len(free) < len(places)
    return Changes([*bids.cancel, *asks.cancel], free, waits)


def _side(
    side: Side,
    all_wanted: Sequence[TargetOrder],
    all_working: Sequence[Order],
    rules: Rules,
    headroom_lots: int,
    now_ns: int,
) -> Matched:
    wanted = [want for want in all_wanted if want.side is side]
    working = [order for order in all_working if order.side is side and order.state is not CANCELLING]
    if not wanted or not working:
        return Matched([], [], working, wanted, False)
    kept, place, moved, left = [], [], False, headroom_lots
    levels = {want.price_ticks for want in wanted}
    for want in wanted:
        found = _nearest(want, working, levels, rules, left)
        if found is None:
            place.append(want)
        else:
            working.remove(found)
            kept.append(found)
            left -= found.leaves_lots
            moved = moved or found.price_ticks != want.price_ticks
    if not working or not place:
        return Matched(kept, [], working, place, moved)
    held = _held(working, place, rules.buys if side is BUY else rules.sells, _bound(side, rules), left, now_ns)
    for order in held:
        working.remove(order)
        place.remove(min(place, key=lambda want: abs(want.price_ticks - order.price_ticks)))
    return Matched(kept, held, working, place, moved)


def _nearest(
    want: TargetOrder, working: Sequence[Order], levels: Container[int], rules: Rules, left: int
) -> Order | None:
    """Return the order nearest to what is wanted that may stay in its place; one at another level is left to that."""
    best, best_distance = None, 0
    ticks, lots = want.price_ticks, want.quantity_lots
    price_change, size_change = rules.price_change, rules.size_change
    bound = _bound(want.side, rules)
    for order in working:
        distance = abs(order.price_ticks - ticks)
        if best is not None and distance >= best_distance:
            continue
        if distance and (order.price_ticks in levels or not price_change.allows(order.price_ticks, ticks)):
            continue
        leaves = order.leaves_lots
        if leaves != lots and not size_change.allows(leaves, lots):
            continue
        if leaves <= left and not _is_beyond(order, bound):
            best, best_distance = order, distance
    return best


def _held(
    working: Sequence[Order], place: Sequence[TargetOrder], side: SideRules, bound: int, left: int, now_ns: int
) -> list[Order]:
    """Return the orders that may not go yet, the best first, no more than there are new ones and headroom.

    Too young, or not yet where an amendment on its way puts it: the next one follows the venue's answer.
    """
    young = [
        order
        for order in working
        if (now_ns - order.sent_ns < side.active_ns or order.before is not None) and not _is_beyond(order, bound)
    ]
    young.sort(key=lambda order: -order.price_ticks if order.side is BUY else order.price_ticks)
    held: list[Order] = []
    for order in young:
        if len(held) < len(place) and order.leaves_lots <= left:
            left -= order.leaves_lots
            held.append(order)
    return held


def _bound(side: Side, rules: Rules) -> int:
    return rules.max_bid_ticks if side is BUY else rules.min_ask_ticks


def _is_beyond(order: Order, bound: int) -> bool:
    return order.price_ticks > bound if order.side is BUY else order.price_ticks < bound


def _too_tight(bids: Matched, asks: Matched, least_ticks: int) -> bool:
    """Say whether what is kept or placed of one side is nearer than the least spread to what is of the other."""
    of_bids = [order.price_ticks for order in bids.kept] + [want.price_ticks for want in bids.place]
    of_asks = [order.price_ticks for order in asks.kept] + [want.price_ticks for want in asks.place]
    return bool(of_bids and of_asks) and min(of_asks) - max(of_bids) < least_ticks


def _stands_off(want: TargetOrder, best_bid: int, best_ask: int, least_ticks: int) -> bool:
    if want.side is BUY:
        return not best_ask or best_ask - want.price_ticks >= least_ticks
    return not best_bid or want.price_ticks - best_bid >= least_ticks


def _by_level(bids: Sequence[TargetOrder], asks: Sequence[TargetOrder]) -> list[list[TargetOrder]]:
    """Return what is to be placed level by level, so that both sides stand early."""
    count = max(len(bids), len(asks))
    return [[*bids[place : place + 1], *asks[place : place + 1]] for place in range(count)]


class Stay(NamedTuple):
    """Between which ticks the price of each size may be wanted while all that rests stays as it is, best first."""

    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]

    def holds(self, bids: Sequence[int], asks: Sequence[int], rules: Rules) -> bool:
        """Say whether nothing is to be done for these prices of all sizes."""
        if (bids and bids[0] > rules.max_bid_ticks) or (asks and asks[0] < rules.min_ask_ticks):
            return False
        before = HIGHEST_TICKS
        for ticks, (low, high) in zip(bids, self.bids, strict=True):
            if not low <= ticks <= high or ticks >= before:
                return False
            before = ticks
        before = 0
        for ticks, (low, high) in zip(asks, self.asks, strict=True):
            if not low <= ticks <= high or ticks <= before:
                return False
            before = ticks
        return True


def stay_of(wanted: Sequence[TargetOrder], working: Sequence[Order], rules: Rules) -> Stay | None:
    """Return where prices may move while the working orders stay; None where that is not each of them for one size.

    Looked at when there is nothing to be done, so that the next ticks that change no order need not look at orders.
    """
    bids = _stays(BUY, wanted, working, rules)
    asks = _stays(SELL, wanted, working, rules)
    return None if bids is None or asks is None else Stay(bids, asks)


def _stays(
    side: Side, wanted: Sequence[TargetOrder], working: Sequence[Order], rules: Rules
) -> list[tuple[int, int]] | None:
    wants = [want for want in wanted if want.side is side]
    orders = [order for order in working if order.side is side]
    if len(wants) != len(orders):
        return None
    orders.sort(key=lambda order: -order.price_ticks if side is BUY else order.price_ticks)
    numerator, denominator = rules.price_change
    found = []
    for want, order in zip(wants, orders, strict=True):
        ticks, leaves = order.price_ticks, order.leaves_lots
        most = ticks * numerator // denominator
        if abs(ticks - want.price_ticks) > most or (
            leaves != want.quantity_lots and not rules.size_change.allows(leaves, want.quantity_lots)
        ):
            return None
        found.append((ticks - most, ticks + most))
    return found
