"""The difference between wanted quotes and working orders."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from common.events import QuoteLevel
from common.instruments import Outcome, Side
from common.orders import OrderState
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.ladder import as_buys, selling_held
from quoter.orders.diff import Headroom, TargetOrder, Tolerance, beside, diff, within_headroom
from quoter.orders.own_orders import Order
from quoter.testing.binary import terms_of
from quoter.testing.script import market

PAIR = terms_of(market()).pair
EXACT = Tolerance(0, 0.0, 2)
PLENTY = Headroom(10_000, 10_000)


class Todo(NamedTuple):
    """What is to be done, with the ids of the orders to cancel."""

    cancel: list[int]
    place: list[TargetOrder]


def order(order_id: int, outcome: Outcome, price: int, lots: int, state: OrderState = OrderState.LIVE) -> Order:
    return Order(order_id, "1", "M", outcome, Side.BUY, price, lots, state)


def between(
    wanted: list[TargetOrder], working: list[Order], tolerance: Tolerance = EXACT, headroom: Headroom = PLENTY
) -> Todo:
    found = diff(wanted, working, tolerance, headroom, PAIR)
    return Todo([each.order_id for each in found.cancel], found.place)


def test_b10_a_yes_ask_is_buying_no_at_one_minus_its_price() -> None:
    # Users buy YES at 0.40 -> we buy NO at 0.60; users sell YES at 0.38 -> we buy YES at 0.38.
    assert as_buys([QuoteLevel(38, 100)], [QuoteLevel(40, 100)], 100) == [
        TargetOrder(Outcome.YES, 38, 100),
        TargetOrder(Outcome.NO, 60, 100),
    ]


def test_orders_where_they_should_be_are_left_alone() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 100), TargetOrder(Outcome.NO, 48, 100)]
    working = [order(1, Outcome.YES, 48, 100), order(2, Outcome.NO, 48, 100)]
    assert between(wanted, working) == Todo([], [])


def test_b20_only_the_level_that_moved_is_replaced() -> None:
    wanted = [TargetOrder(Outcome.YES, 49, 100), TargetOrder(Outcome.YES, 48, 100)]
    working = [order(1, Outcome.YES, 48, 100), order(2, Outcome.YES, 47, 100)]
    assert between(wanted, working) == Todo([2], [TargetOrder(Outcome.YES, 49, 100)])


def test_an_order_of_unknown_outcome_keeps_its_place_from_being_filled_twice() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 100)]
    assert between(wanted, [order(1, Outcome.YES, 48, 100, OrderState.UNKNOWN)]) == Todo([], [])


def test_an_order_being_cancelled_fills_no_place_and_is_not_cancelled_again() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 100)]
    leaving = order(1, Outcome.YES, 48, 100, OrderState.CANCELLING)
    assert between(wanted, [leaving]) == Todo([], wanted)


def test_within_the_tolerance_an_order_keeps_its_place_in_the_queue() -> None:
    wanted = [TargetOrder(Outcome.YES, 49, 100)]
    loose = Tolerance(1, 0.25, 2)
    assert between(wanted, [order(1, Outcome.YES, 48, 80)], loose) == Todo([], [])
    assert between(wanted, [order(1, Outcome.YES, 48, 74)], loose) == Todo([1], wanted)
    assert between(wanted, [order(1, Outcome.YES, 47, 100)], loose) == Todo([1], wanted)


def test_tolerance_never_leaves_own_sides_too_close() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 100), TargetOrder(Outcome.NO, 48, 100)]
    working = [order(1, Outcome.YES, 50, 100), order(2, Outcome.NO, 50, 100)]
    assert between(wanted, working, Tolerance(2, 0.0, 4)) == Todo([1, 2], wanted)


def test_an_order_larger_than_the_room_goes_although_it_is_within_the_tolerance() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 80)]
    assert between(wanted, [order(1, Outcome.YES, 48, 100)], Tolerance(0, 0.25, 2), Headroom(100, 0)) == Todo([], [])
    assert between(wanted, [order(1, Outcome.YES, 48, 100)], Tolerance(0, 0.25, 2), Headroom(99, 0)) == Todo(
        [1], wanted
    )


def test_what_has_no_room_beside_an_order_that_is_being_cancelled_waits_for_it() -> None:
    leaving = order(1, Outcome.YES, 48, 60, OrderState.CANCELLING)
    wanted = [TargetOrder(Outcome.YES, 49, 50), TargetOrder(Outcome.YES, 47, 40), TargetOrder(Outcome.NO, 49, 30)]
    assert within_headroom(wanted, [leaving], Headroom(100, 30)) == [
        TargetOrder(Outcome.YES, 47, 40),
        TargetOrder(Outcome.NO, 49, 30),
    ]
    assert within_headroom(wanted, [], Headroom(100, 30)) == wanted


def test_b10_held_shares_are_sold_instead_of_buying_the_other_outcome_as_far_as_they_last() -> None:
    wanted = [TargetOrder(Outcome.YES, 48, 100), TargetOrder(Outcome.NO, 47, 100), TargetOrder(Outcome.NO, 46, 100)]
    assert selling_held(wanted, 150, 99, 100) == [
        TargetOrder(Outcome.YES, 48, 100),
        TargetOrder(Outcome.YES, 53, 100, Side.SELL),
        TargetOrder(Outcome.NO, 46, 100),
    ]
    assert selling_held(wanted, 99, 99, 100) == wanted


def test_an_order_to_sell_is_never_taken_for_one_to_buy() -> None:
    selling = Order(1, "1", "M", Outcome.YES, Side.SELL, 53, 100, OrderState.LIVE)
    wanted = [TargetOrder(Outcome.YES, 53, 100)]
    assert between(wanted, [selling]) == Todo([1], wanted)
    offered = [TargetOrder(Outcome.YES, 53, 100, Side.SELL)]
    assert between(offered, [selling]) == Todo([], [])
    assert between(offered, [selling], headroom=Headroom(10_000, 99)) == Todo([1], offered)


def test_tolerance_keeps_a_sale_and_a_bid_apart_as_it_does_two_bids() -> None:
    selling = Order(1, "1", "M", Outcome.YES, Side.SELL, 51, 100, OrderState.LIVE)
    wanted = [TargetOrder(Outcome.YES, 50, 100), TargetOrder(Outcome.YES, 52, 100, Side.SELL)]
    assert between(wanted, [selling], Tolerance(1, 0.0, 2)) == Todo([1], wanted)


outcomes = st.sampled_from([Outcome.YES, Outcome.NO])
wants = st.lists(
    st.builds(TargetOrder, outcomes, st.integers(1, 49), st.integers(1, 200)),
    max_size=6,
    unique_by=lambda want: (want.outcome, want.price_ticks),
)
states = st.sampled_from([OrderState.LIVE, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.CANCELLING])
workings = st.lists(st.tuples(outcomes, st.integers(1, 49), st.integers(1, 200), states), max_size=10)


def applied(working: list[Order], todo: Todo) -> Counter[tuple[Outcome, int, int]]:
    gone = set(todo.cancel)
    kept = [each for each in working if each.order_id not in gone and each.state is not OrderState.CANCELLING]
    rows = [(each.outcome, each.price_ticks, each.leaves_lots) for each in kept]
    return Counter(rows + [(want.outcome, want.price_ticks, want.quantity_lots) for want in todo.place])


@given(wants, workings)
def test_changes_applied_to_the_working_orders_give_the_target(
    wanted: list[TargetOrder], rows: list[tuple[Outcome, int, int, OrderState]]
) -> None:
    working = [order(index, *row) for index, row in enumerate(rows, 1)]
    todo = between(wanted, working)
    assert applied(working, todo) == Counter((want.outcome, want.price_ticks, want.quantity_lots) for want in wanted)
    assert all(each.state is not OrderState.CANCELLING for each in working if each.order_id in todo.cancel)


@given(wants, workings, st.integers(0, 3), st.floats(0, 1), st.integers(0, 600))
def test_with_tolerance_every_wanted_level_has_one_order_near_it_and_no_more_rests_than_fits(
    wanted: list[TargetOrder], rows: list[tuple[Outcome, int, int, OrderState]], ticks: int, size: float, headroom: int
) -> None:
    working = [order(index, *row) for index, row in enumerate(rows, 1)]
    todo = between(wanted, working, Tolerance(ticks, size, 2), Headroom(headroom, headroom))
    after = applied(working, todo)
    assert sum(after.values()) == len(wanted)
    kept = {each.order_id for each in working} - set(todo.cancel)
    for outcome in (Outcome.YES, Outcome.NO):
        resting = [
            each.leaves_lots
            for each in working
            if each.order_id in kept and each.outcome is outcome and each.state is not OrderState.CANCELLING
        ]
        assert sum(resting) <= headroom


@given(wants, wants, st.integers(0, 500), st.integers(0, 500))
def test_what_fits_never_exceeds_the_room_with_all_that_may_still_be_executed(
    wanted: list[TargetOrder], others: list[TargetOrder], yes_lots: int, no_lots: int
) -> None:
    working = [order(place, each.outcome, each.price_ticks, each.quantity_lots) for place, each in enumerate(others)]
    found = within_headroom(wanted, working, Headroom(yes_lots, no_lots))
    for outcome, headroom in ((Outcome.YES, yes_lots), (Outcome.NO, no_lots)):
        adding = [each for each in wanted if (each.outcome is outcome) is (each.side is Side.BUY)]
        new = sum(each.quantity_lots for each in found if each in adding)
        resting = sum(each.leaves_lots for each in working if each.outcome is outcome)
        assert not new or new + resting <= headroom
        assert all(new + resting + each.quantity_lots > headroom for each in adding if each not in found)


def test_r13_of_what_is_to_be_cancelled_only_what_stands_where_nothing_is_wanted_is_beside() -> None:
    first, second = order(1, Outcome.YES, 48, 10), order(2, Outcome.NO, 47, 10)
    third = Order(3, "1", "M", Outcome.NO, Side.SELL, 46, 10, OrderState.LIVE)
    assert beside([first, second, third], [TargetOrder(Outcome.YES, 50, 10)]) == [second], "selling NO adds to YES"
    assert beside([first, third], [TargetOrder(Outcome.NO, 45, 10)]) == [first, third]
    assert beside([second], [TargetOrder(Outcome.YES, 50, 10), TargetOrder(Outcome.NO, 45, 10)]) == []


def test_a_sale_stands_against_a_bid_as_the_other_outcome_bought_would() -> None:
    loose, wanted = Tolerance(2, 0.0, 4), [TargetOrder(Outcome.YES, 48, 100)]
    selling = Order(2, "1", "M", Outcome.YES, Side.SELL, 52, 100, OrderState.LIVE)
    wanted.append(TargetOrder(Outcome.YES, 53, 100, Side.SELL))
    assert between(wanted, [order(1, Outcome.YES, 48, 100), selling], loose) == Todo([], [])
    # One tick nearer to each other they are too close: both go to where they should be.
    assert between(wanted, [order(1, Outcome.YES, 49, 100), selling], loose) == Todo([1, 2], wanted)


def test_what_is_neither_yes_nor_no_stands_nowhere_in_a_pair() -> None:
    neither = TargetOrder(Outcome.NONE, 48, 100)
    with pytest.raises(ValueError, match="is traded as yes or no, not as none"):
        between([neither], [], Tolerance(1, 0.0, 2))
