"""Order ids that never repeat, and the legal steps in an order's life."""

from __future__ import annotations

from itertools import pairwise

import pytest
from common.orders import (
    CHILDREN_MAX,
    COUNTER_BITS,
    EPOCH_MAX,
    LEGAL_STEPS,
    ORDER_ID_MAX,
    ORDER_TIME_ORIGIN_S,
    OrderIds,
    OrderState,
    child_of,
    epoch_of,
    first_id_of,
    hedge_child_id,
    may_step,
)
from hypothesis import given
from hypothesis import strategies as st

NS = 1_000_000_000
BEGIN_NS = (ORDER_TIME_ORIGIN_S + 60 * 24 * 3600) * NS
PER_SECOND = 1 << COUNTER_BITS

epochs = st.integers(1, EPOCH_MAX)
# Up to 2042, and also before the origin: a machine whose clock is wrong still gets unique ids.
clock_readings = st.lists(st.integers(0, (ORDER_TIME_ORIGIN_S + 17 * 365 * 24 * 3600) * NS), min_size=1, max_size=50)


@given(epochs, clock_readings)
def test_ids_rise_fit_63_bits_and_name_their_epoch_whatever_the_clock_does(epoch: int, readings: list[int]) -> None:
    ids = OrderIds(epoch)
    made = [ids.next(now_ns) for now_ns in readings]
    assert made == sorted(set(made))
    assert all(0 < order_id <= ORDER_ID_MAX < 2**63 for order_id in made)
    assert {epoch_of(order_id) for order_id in made} == {epoch}


@given(st.integers(1, EPOCH_MAX - 1), clock_readings, clock_readings)
def test_every_id_of_a_later_epoch_is_larger_even_when_its_clock_is_behind(
    epoch: int, before: list[int], after: list[int]
) -> None:
    earlier, later = OrderIds(epoch), OrderIds(epoch + 1)
    old, new = [earlier.next(now_ns) for now_ns in before], [later.next(now_ns) for now_ns in after]
    assert max(old) < first_id_of(epoch + 1) <= min(new)


def test_a_burst_beyond_a_seconds_counter_stays_unique_and_rising() -> None:
    ids = OrderIds(7)
    made = [ids.next(BEGIN_NS) for _ in range(PER_SECOND * 2 + 100)]
    made += [ids.next(BEGIN_NS + NS) for _ in range(10)]
    made += [ids.next(BEGIN_NS + 10 * NS) for _ in range(10)]
    assert all(one < following for one, following in pairwise(made))
    assert {epoch_of(order_id) for order_id in made} == {7}


def test_ids_say_that_they_are_used_up_rather_than_run_into_the_next_epoch() -> None:
    with pytest.raises(OverflowError, match="order ids"):
        OrderIds(1).next((ORDER_TIME_ORIGIN_S + (1 << 29)) * NS)


@given(epochs, clock_readings, st.text(max_size=80), st.integers(1, CHILDREN_MAX), st.integers(0, 9))
def test_the_children_of_hedges_have_ids_that_no_other_order_has(
    epoch: int, readings: list[int], parent_id: str, child: int, salt: int
) -> None:
    ids = OrderIds(epoch)
    others = [ids.next(now_ns) for now_ns in readings]
    order_id = hedge_child_id(epoch, parent_id, child, salt)
    assert order_id == hedge_child_id(epoch, parent_id, child, salt)
    assert (epoch_of(order_id), child_of(order_id)) == (epoch, child)
    assert first_id_of(epoch) < order_id <= ORDER_ID_MAX
    assert order_id not in others
    assert {child_of(other) for other in others} == {0}


def test_the_id_of_a_hedges_child_is_this_one_for_good() -> None:
    # What a predecessor has sent is found again by it.
    assert hedge_child_id(3, "bot-3:mm1:10452:1", 2) == 3 << 43 | 1 << 42 | 825208029 << 12 | 2
    assert hedge_child_id(3, "bot-3:mm1:10452:1", 2, salt=1) != hedge_child_id(3, "bot-3:mm1:10452:1", 2)


@pytest.mark.parametrize("child", [0, CHILDREN_MAX + 1])
def test_a_child_out_of_range_is_refused(child: int) -> None:
    with pytest.raises(ValueError, match="child: must be 1 to 4095"):
        hedge_child_id(1, "bot-3:mm1:1:1", child)


@pytest.mark.parametrize("epoch", [0, -1, EPOCH_MAX + 1])
def test_an_epoch_out_of_range_is_refused(epoch: int) -> None:
    with pytest.raises(ValueError, match=f"epoch: must be 1 to {EPOCH_MAX}"):
        OrderIds(epoch)


STEPS = """
              submitting live cancelling unknown filled cancelled rejected
submitting    +          +    +          +       +      +         +
live          -          +    +          +       +      +         -
cancelling    -          +    +          +       +      +         +
unknown       -          +    +          +       +      +         +
filled        -          -    -          -       +      -         -
cancelled     -          -    -          -       +      +         -
rejected      -          -    -          -       -      -         +
"""


def test_the_table_of_legal_steps_is_this_one() -> None:
    header, *rows = [line.split() for line in STEPS.strip().splitlines()]
    assert {OrderState(name) for name in header} == set(OrderState)
    assert len(rows) == len(OrderState)
    for name, *marks in rows:
        for following, mark in zip(header, marks, strict=True):
            assert may_step(OrderState(name), OrderState(following)) == (mark == "+"), (name, following)


def test_every_state_has_its_steps_and_only_ends_are_terminal() -> None:
    assert set(LEGAL_STEPS) == set(OrderState)
    assert {state for state in OrderState if state.terminal} == {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
    }
    # News that arrives late may show that a cancelled order was filled; nothing else comes back to life.
    assert all(step is OrderState.FILLED for state in OrderState if state.terminal for step in LEGAL_STEPS[state])


def test_every_state_that_is_no_end_can_reach_each_end_it_should() -> None:
    for state in (OrderState.SUBMITTING, OrderState.LIVE, OrderState.CANCELLING, OrderState.UNKNOWN):
        assert {OrderState.FILLED, OrderState.CANCELLED} <= LEGAL_STEPS[state]
