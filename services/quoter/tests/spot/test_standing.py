"""Which quotes stay and which go: changes by hand, minimum times, and that nothing of ours is ever too near."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.instruments import BUY, NONE, SELL, Side
from common.orders import CANCELLING, LIVE, OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.orders.diff import Changes, Headroom, TargetOrder
from quoter.orders.own_orders import Order
from quoter.spot.rules import HIGHEST_TICKS, Change, Exposure, LeastSpread, Rules, SideRules
from quoter.spot.standing import changes

NOW_NS = 1_000_000_000
WIDE = Headroom(1_000, 1_000)


def rules(price_bps: str | None = None, size_bps: str | None = None, active_ms: int = 0) -> Rules:
    side = SideRules((1,), (1.0,), 1.0, (0.0,), (1.0,), active_ms * 1_000_000)
    return Rules(
        running=True,
        aggressive=False,
        copies=False,
        buys=side,
        sells=side,
        least=LeastSpread(),
        max_bid_ticks=HIGHEST_TICKS,
        min_ask_ticks=0,
        price_change=Change.of(None if price_bps is None else Decimal(price_bps)),
        size_change=Change.of(None if size_bps is None else Decimal(size_bps)),
        exposure=Exposure(None, None, None),
        take=None,
    )


def bid(ticks: int, lots: int = 10) -> TargetOrder:
    return TargetOrder(NONE, ticks, lots, BUY)


def ask(ticks: int, lots: int = 10) -> TargetOrder:
    return TargetOrder(NONE, ticks, lots, SELL)


def order(side: Side, ticks: int, lots: int = 10, *, age_ms: int = 10_000, state: OrderState = LIVE) -> Order:
    found = Order(1_000 * ticks + (side is SELL), "1", "BTCUSD", NONE, side, ticks, lots, state)
    found.sent_ns = NOW_NS - age_ms * 1_000_000
    return found


def done(
    wanted: list[TargetOrder], working: list[Order], of: Rules, headroom: Headroom = WIDE, least: int = 1
) -> Changes[Order]:
    return changes(wanted, working, of, headroom, least, NOW_NS)


@pytest.mark.parametrize(
    ("working", "wanted", "bps", "stays"),
    [
        # 5 bps of 10,000 are 5: strictly more is a change.
        (10_000, 10_005, "5", True),
        (10_000, 10_006, "5", False),
        (10_000, 9_995, "5", True),
        (10_000, 9_994, "5", False),
        # Of the working price, not of the new one: 5 bps of 10,010 are 5.005.
        (10_010, 10_005, "5", True),
        (1_999, 2_000, "5", False),
        (10_000, 10_001, None, False),
        (10_000, 10_001, "0", False),
        (10_000, 10_000, None, True),
    ],
)
def test_a_price_is_replaced_beyond_its_change_of_the_working_price(
    working: int, wanted: int, bps: str | None, stays: bool
) -> None:
    found = done([bid(wanted)], [order(BUY, working)], rules(bps))
    assert bool(found.cancel) is not stays
    assert bool(found.place) is not stays


@pytest.mark.parametrize(
    ("working", "wanted", "bps", "stays"),
    # 100 bps of 200 are 2.
    [(200, 202, "100", True), (200, 203, "100", False), (200, 201, None, False), (200, 200, None, True)],
)
def test_a_size_is_replaced_beyond_its_change(working: int, wanted: int, bps: str | None, stays: bool) -> None:
    found = done([bid(100, wanted)], [order(BUY, 100, working)], rules(size_bps=bps))
    assert bool(found.cancel) is not stays


def test_either_change_replaces() -> None:
    of = rules("100", "100")
    assert done([bid(10_000, 200)], [order(BUY, 10_050, 201)], of).cancel == []
    assert len(done([bid(10_000, 200)], [order(BUY, 10_200, 201)], of).cancel) == 1
    assert len(done([bid(10_000, 200)], [order(BUY, 10_050, 210)], of).cancel) == 1


def test_a_young_quote_stays_in_the_place_of_the_new_one() -> None:
    young = order(BUY, 100, age_ms=299)
    found = done([bid(105)], [young], rules(active_ms=300))
    assert (found.cancel, found.place, found.waits) == ([], [], True)
    young.sent_ns = NOW_NS - 300_000_000
    found = done([bid(105)], [young], rules(active_ms=300))
    assert (found.cancel, found.place, found.waits) == ([young], [bid(105)], False)


def test_what_is_not_safe_goes_at_any_age() -> None:
    young, of = order(BUY, 100, age_ms=1), rules(active_ms=300)
    assert done([], [young], of).cancel == [young], "nothing is wanted on its side"
    assert done([bid(90)], [young], of._replace(max_bid_ticks=99)).cancel == [young]
    assert done([bid(90, 4)], [young], of, Headroom(4, 4)).cancel == [young], "more than there is headroom for"
    asks = order(SELL, 100, age_ms=1)
    assert done([ask(110)], [asks], of._replace(min_ask_ticks=101)).cancel == [asks]


def test_a_quote_beyond_its_bound_goes_however_small_the_change() -> None:
    resting = order(BUY, 10_001)
    found = done([bid(10_000)], [resting], rules("100")._replace(max_bid_ticks=10_000))
    assert (found.cancel, found.place) == ([resting], [bid(10_000)])


def test_a_new_quote_waits_while_a_held_one_is_too_near() -> None:
    # The market fell: the bid at 100 is held, the new ask at 101 would stand one tick from it.
    held = order(BUY, 100, age_ms=10)
    found = done([bid(95), ask(101)], [held], rules(active_ms=300), least=3)
    assert (found.cancel, found.place, found.waits) == ([], [], True)
    found = done([bid(95), ask(103)], [held], rules(active_ms=300), least=3)
    assert found.place == [ask(103)]


def test_small_changes_do_not_bring_both_sides_nearer_than_the_least_spread() -> None:
    resting = order(BUY, 10_004)
    # The bid alone might stay, but the new ask is 10 ticks above what is wanted of it and 6 above where it is.
    found = done([bid(10_000), ask(10_010)], [resting], rules("5"), least=10)
    assert (found.cancel, found.place) == ([resting], [bid(10_000), ask(10_010)])


def test_what_is_being_cancelled_is_gone() -> None:
    going = order(BUY, 100, state=CANCELLING)
    assert done([bid(100)], [going], rules()) == ([], [bid(100)], False)


def test_the_nearest_order_stays() -> None:
    near, far = order(BUY, 10_003), order(BUY, 9_996)
    found = done([bid(10_002), bid(9_990)], [far, near], rules("10"))
    assert (found.cancel, found.place) == ([], [])


def test_an_order_at_another_level_is_left_to_that_level() -> None:
    resting = order(BUY, 100)
    found = done([bid(101), bid(100)], [resting], rules("400"))
    assert (found.cancel, found.place) == ([], [bid(101)])
    found = done([bid(101), bid(100, 30)], [resting], rules("400"))
    assert (found.cancel, found.place) == ([resting], [bid(101), bid(100, 30)])


prices = st.integers(90, 110)
ages = st.integers(0, 600)
resting = st.lists(st.tuples(prices, st.integers(1, 20), ages), max_size=4, unique_by=lambda each: each[0])
ladders = st.lists(st.tuples(prices, st.integers(1, 20)), max_size=4, unique_by=lambda each: each[0])


@settings(max_examples=200)
@given(
    bids=ladders,
    asks=ladders,
    working_bids=resting,
    working_asks=resting,
    price_bps=st.sampled_from((None, "100", "400")),
    size_bps=st.sampled_from((None, "2000")),
    active_ms=st.sampled_from((0, 300)),
    headroom=st.tuples(st.integers(0, 80), st.integers(0, 80)),
    least=st.integers(1, 8),
)
def test_nothing_is_too_near_doubled_or_beyond_its_headroom(
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    working_bids: list[tuple[int, int, int]],
    working_asks: list[tuple[int, int, int]],
    price_bps: str | None,
    size_bps: str | None,
    active_ms: int,
    headroom: tuple[int, int],
    least: int,
) -> None:
    """Working orders keep the least spread, as each was placed; so does what is wanted."""
    working_bids = [each for each in working_bids if all(other[0] - each[0] >= least for other in working_asks)]
    bids = [each for each in bids if all(other[0] - each[0] >= least for other in asks)]
    wanted = [bid(*each) for each in sorted(bids, reverse=True)] + [ask(*each) for each in sorted(asks)]
    working = [order(BUY, ticks, lots, age_ms=age) for ticks, lots, age in working_bids]
    working += [order(SELL, ticks, lots, age_ms=age) for ticks, lots, age in working_asks]
    found = done(wanted, working, rules(price_bps, size_bps, active_ms), Headroom(*headroom), least)
    gone = {each.order_id for each in found.cancel}
    left = [each for each in working if each.order_id not in gone]
    for side, lots in ((BUY, headroom[0]), (SELL, headroom[1])):
        own = [each for each in left if each.side is side]
        placed = [each for each in found.place if each.side is side]
        asked = [each for each in wanted if each.side is side]
        assert sum(each.leaves_lots for each in own) <= lots
        assert len(own) + len(placed) <= len(asked)
        prices = {each.price_ticks for each in own} | {want.price_ticks for want in placed}
        assert len(prices) == len(own) + len(placed)
        if not found.waits:
            assert len(own) + len(placed) == len(asked)
    standing = [(order.side, order.price_ticks) for order in left]
    standing += [(want.side, want.price_ticks) for want in found.place]
    of_bids = [ticks for side, ticks in standing if side is BUY]
    of_asks = [ticks for side, ticks in standing if side is SELL]
    assert not of_bids or not of_asks or min(of_asks) - max(of_bids) >= least
    for each in found.cancel:
        young = NOW_NS - each.sent_ns < active_ms * 1_000_000
        of_side = [want for want in wanted if want.side is each.side]
        kept = [other for other in left if other.side is each.side]
        room = headroom[0 if each.side is BUY else 1] - sum(other.leaves_lots for other in kept)
        assert not (young and len(kept) < len(of_side) and each.leaves_lots <= room), "a young one went for a change"
