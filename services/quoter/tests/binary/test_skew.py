"""Leaning against inventory: phases, the worked example, and that flat in is flat out."""

from __future__ import annotations

import pytest
from common.bots import Inventory
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.skew import (
    Lean,
    Phase,
    concession,
    headroom,
    lean,
    phase_of,
    within,
    without_loss_beyond,
    yielding,
)
from quoter.orders.diff import Headroom
from quoter.signals.reach import UNBOUNDED, Reach
from quoter.testing.binary import terms_of
from quoter.testing.script import market

INVENTORY = Inventory()
PAIR = terms_of(market()).pair
REDUCE_FROM = 1 - INVENTORY.reduce_only_s / 300
shares = st.integers(0, 3_000)
reaches = st.builds(Reach, st.integers(0, 500), st.integers(0, 500), st.booleans(), st.booleans())
working_phases = st.sampled_from([Phase.LEAN, Phase.RAMP, Phase.AGGRESSIVE, Phase.REDUCE_ONLY])


@pytest.mark.parametrize(
    ("elapsed", "seconds_left", "phase"),
    [
        (0.0, 300, Phase.LEAN),
        (0.25, 225, Phase.LEAN),
        (0.30, 210, Phase.RAMP),
        (0.35, 195, Phase.AGGRESSIVE),
        (0.89, 31, Phase.AGGRESSIVE),
        (0.90, 30, Phase.REDUCE_ONLY),
        (0.98, 5, Phase.CLOSED),
        (1.0, -1, Phase.CLOSED),
    ],
)
def test_a5_the_phases_of_a_five_minute_market(elapsed: float, seconds_left: float, phase: Phase) -> None:
    assert phase_of(elapsed, seconds_left, INVENTORY) is phase


def test_s1_5_the_worked_example_leans_eight_tenths_of_a_cent() -> None:
    assert lean(500, 100, 0.1, REDUCE_FROM, Phase.LEAN, INVENTORY).skew == pytest.approx(0.008)
    assert lean(100, 500, 0.1, REDUCE_FROM, Phase.LEAN, INVENTORY).skew == pytest.approx(-0.008)


def test_b8_the_lean_grows_over_the_ramp_to_the_late_factor() -> None:
    halfway = lean(500, 0, 0.30, REDUCE_FROM, Phase.RAMP, INVENTORY).skew
    assert halfway == pytest.approx(0.5 * (0.02 + 0.10) / 2)
    assert lean(500, 0, 0.5, REDUCE_FROM, Phase.AGGRESSIVE, INVENTORY).skew == pytest.approx(0.05)


def test_b8_the_adding_side_shrinks_with_what_is_held_and_faster_late() -> None:
    early = lean(150, 0, 0.1, REDUCE_FROM, Phase.LEAN, INVENTORY)
    assert (early.bound, early.bid_share, early.ask_share) == (300, 0.5, 1.0)
    halfway = lean(0, 90, 0.30, REDUCE_FROM, Phase.RAMP, INVENTORY)
    assert (halfway.bound, halfway.bid_share, halfway.ask_share) == pytest.approx((225, 1.0, 0.6))
    late = lean(150, 0, INVENTORY.aggressive_from, REDUCE_FROM, Phase.AGGRESSIVE, INVENTORY)
    assert (late.bound, late.bid_share, late.ask_share) == (150, 0.0, 1.0)
    last = lean(20, 0, REDUCE_FROM, REDUCE_FROM, Phase.AGGRESSIVE, INVENTORY)
    assert (last.bound, last.bid_share) == pytest.approx((40, 0.5))


@given(st.floats(0, 1), st.floats(0, 1))
def test_b8_what_may_be_held_never_grows_with_age(one: float, other: float) -> None:
    bounds = []
    for elapsed in sorted((one, other)):
        phase = phase_of(elapsed, 300 * (1 - elapsed), INVENTORY)
        if phase is Phase.CLOSED:
            return
        bounds.append(lean(0, 0, elapsed, REDUCE_FROM, phase, INVENTORY).bound)
    assert bounds[0] + 1e-9 >= bounds[1] >= INVENTORY.final_net - 1e-9


@given(shares, shares, st.integers(0, 300), st.integers(0, 300), st.integers(1, 500), st.integers(0, 50))
def test_a5_buying_all_that_has_room_keeps_the_net_within_what_its_age_allows(
    yes: int, no: int, unconfirmed_yes: int, unconfirmed_no: int, bound: int, adding_min: int
) -> None:
    held = Held(yes, no, min(yes, unconfirmed_yes), min(no, unconfirmed_no))
    found = within(Headroom(10_000, 10_000), held, Lean(Phase.LEAN, 0.0, 1.0, 1.0, bound), adding_min)
    for bought, net in (
        (found.buy_lots, yes - no + held.unconfirmed_no_lots),
        (found.sell_lots, no - yes + held.unconfirmed_yes_lots),
    ):
        assert net + bought <= max(bound, net + adding_min if net < 2 * bound else net + min(1, adding_min))
        assert bought >= adding_min or net >= 2 * bound
        assert bought >= min(1, adding_min)
    assert within(Headroom(3, 4), held, Lean(Phase.LEAN, 0.0, 1.0, 1.0, bound), adding_min) <= Headroom(3, 4)


@given(shares, shares, st.integers(1, 500), reaches, st.integers(1, 10))
def test_r66_nothing_but_a_lot_is_added_beyond_what_takers_will_surely_take(
    yes: int, no: int, bound: int, reach: Reach, lot: int
) -> None:
    held, long, short = Held(yes, no), reach.long, reach.short
    found = within(Headroom(10_000, 10_000), held, Lean(Phase.LEAN, 0.0, 1.0, 1.0, bound, reach), 10, lot)
    for bought, net, surely, comes in (
        (found.buy_lots, yes - no, long, reach.long_comes),
        (found.sell_lots, no - yes, short, reach.short_comes),
    ):
        assert net + bought <= max(surely, net + lot)
        if comes:
            assert bought >= min(lot, 10), "the market stays two-sided"
        else:
            assert net + bought <= max(surely, net), "perhaps nobody comes for what is added now"


def test_r66_a_net_is_offered_as_a_bargain_the_more_the_less_sure_its_takers_are() -> None:
    assert yielding(0, Reach(0.0, 0.0)) == 0.0
    assert yielding(500, UNBOUNDED) == 0.0
    alone = Reach(100.0, 1_000.0)
    beside = alone._replace(others_ask=0.52)
    assert [yielding(net, alone) for net in (150, 200, 250, 400)] == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert [yielding(net, beside) for net in (80, 90, 100, 400)] == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert yielding(-100, beside) == 0.0
    short = Reach(1_000.0, 100.0, others_ask=0.52)
    assert yielding(-90, short) == 0.0, "others' asks do not compete for those who sell to us"
    assert yielding(-90, short._replace(others_bid=0.48)) == pytest.approx(0.5)
    assert yielding(1, Reach(0.0, 0.0)) == 1.0


def test_a5_beyond_twice_what_its_age_allows_only_a_lot_is_added() -> None:
    leaning = Lean(Phase.AGGRESSIVE, 0.0, 1.0, 1.0, 100)
    free = Headroom(1_000, 1_000)
    assert within(free, Held(30, 0), leaning, 10) == Headroom(70, 130)
    assert within(free, Held(150, 0), leaning, 10) == Headroom(10, 250)
    assert within(free, Held(200, 0), leaning, 10) == Headroom(1, 300)
    assert within(free, Held(0, 200), leaning, 10) == Headroom(300, 1)


@given(shares, shares, st.floats(0, 1), st.floats(0.01, 0.99), st.floats(1, 2_000))
def test_a5_the_worse_result_costs_no_more_than_its_limit(
    yes: int, no: int, average: float, fair: float, loss_max: float
) -> None:
    cost = average * (yes + no)
    free = without_loss_beyond(Headroom(10_000, 10_000), Held(yes, no), cost, fair, loss_max, PAIR)
    before = cost - min(yes, no)
    for bought_yes, bought_no, price in ((free.buy_lots, 0, fair), (0, free.sell_lots, 1 - fair)):
        bought = bought_yes + bought_no
        after = cost + bought * price - min(yes + bought_yes, no + bought_no)
        # What pairs off a share that is held may cost its price, as long as the worse result gets no worse by it.
        assert after <= max(loss_max, before) + 1e-6 or (no - yes >= bought_yes > 0 or yes - no >= bought_no > 0)
    assert free.buy_lots >= min(10_000, no - yes)
    assert free.sell_lots >= min(10_000, yes - no)


def test_a5_a_loss_at_its_limit_ends_the_adding_side_only() -> None:
    # 600 YES for 300: the worse result loses 300, and 400 more shares at 0.50 would lose 500.
    assert without_loss_beyond(Headroom(1_000, 1_000), Held(600, 0), 300.0, 0.50, 500.0, PAIR) == Headroom(400, 1_000)
    assert without_loss_beyond(Headroom(1_000, 1_000), Held(600, 0), 300.0, 0.50, 300.0, PAIR) == Headroom(0, 1_000)


def test_a5_what_is_left_in_the_last_window_is_offered_ever_better_up_to_its_bound() -> None:
    window_s = INVENTORY.reduce_only_s - INVENTORY.close_threshold_s
    found = [concession(INVENTORY.close_threshold_s + share * window_s, 0.01, INVENTORY) for share in (1, 0.75, 0.5, 0)]
    assert found == pytest.approx([-0.01, 0.01, INVENTORY.reduce_cost, INVENTORY.reduce_cost])


@given(shares, st.floats(0, 1), working_phases)
def test_flat_in_is_flat_out(held: int, elapsed: float, phase: Phase) -> None:
    found = lean(held, held, elapsed if phase is not Phase.RAMP else 0.3, REDUCE_FROM, phase, INVENTORY)
    assert found.skew == 0
    assert found.bid_share == found.ask_share == 1


@given(shares, shares, working_phases)
def test_the_skew_is_bounded_and_against_the_position(yes: int, no: int, phase: Phase) -> None:
    found = lean(yes, no, 0.3, REDUCE_FROM, phase, INVENTORY)
    assert abs(found.skew) <= INVENTORY.late_skew_factor
    assert found.skew * (yes - no) >= 0
    assert 0 <= found.bid_share <= 1
    assert 0 <= found.ask_share <= 1


@given(shares, shares, working_phases, st.integers(0, 2_000), st.integers(0, 2_000))
def test_no_room_leads_beyond_a_limit(yes: int, no: int, phase: Phase, max_position: int, max_net: int) -> None:
    found = headroom(Held(yes, no), phase, max_position, max_net)
    for bought, held, other in ((found.buy_lots, yes, no), (found.sell_lots, no, yes)):
        assert bought >= 0
        if bought:
            assert held + bought <= max(max_position, other)
            assert held + bought - other <= max_net or phase is Phase.REDUCE_ONLY
            if phase is Phase.REDUCE_ONLY:
                assert held + bought <= other


@given(shares, shares, st.integers(0, 300), st.integers(0, 300), working_phases)
def test_room_holds_whichever_way_a_doubt_resolves(
    yes: int, no: int, unconfirmed_yes: int, unconfirmed_no: int, phase: Phase
) -> None:
    held = Held(yes, no, min(yes, unconfirmed_yes), min(no, unconfirmed_no))
    found = headroom(held, phase, 1_000, 500)
    for real_yes in (yes, yes - held.unconfirmed_yes_lots):
        for real_no in (no, no - held.unconfirmed_no_lots):
            sure = headroom(Held(real_yes, real_no), phase, 1_000, 500)
            assert found.buy_lots <= sure.buy_lots
            assert found.sell_lots <= sure.sell_lots


def test_b14_a_position_full_on_both_sides_is_not_stuck_and_one_beyond_a_lowered_limit_can_shrink() -> None:
    assert headroom(Held(1_000, 1_000), Phase.LEAN, 1_000, 1_000) == Headroom(0, 0)
    assert headroom(Held(1_000, 900), Phase.LEAN, 1_000, 1_000) == Headroom(0, 100)
    assert headroom(Held(1_500, 1_400), Phase.LEAN, 1_000, 1_000) == Headroom(0, 100)


def test_b25_close_to_expiry_only_what_flattens_may_rest_and_then_nothing() -> None:
    assert headroom(Held(300, 100), Phase.REDUCE_ONLY, 1_000, 1_000) == Headroom(0, 200)
    assert headroom(Held(300, 100), Phase.CLOSED, 1_000, 1_000) == Headroom(0, 0)


@given(st.integers(0, 5_000), st.integers(1, 5_000), st.floats(0, 1))
def test_b28_as_many_yes_as_no_is_neutral_whatever_the_time_and_anything_else_is_not(
    pairs: int, more: int, elapsed: float
) -> None:
    phase = phase_of(elapsed, 300 * (1 - elapsed), INVENTORY)
    neutral = lean(pairs, pairs, elapsed, REDUCE_FROM, phase, INVENTORY)
    assert (neutral.skew, neutral.bid_share, neutral.ask_share) == (0.0, 1.0, 1.0)
    long = lean(pairs + more, pairs, elapsed, REDUCE_FROM, phase, INVENTORY)
    assert long.skew > 0
    assert long.bid_share < 1 == long.ask_share
