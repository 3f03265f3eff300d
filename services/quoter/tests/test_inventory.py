"""Leaning against inventory: phases, the worked example, and that flat in is flat out."""

from __future__ import annotations

import pytest
from common.bots import Inventory
from hypothesis import given
from hypothesis import strategies as st
from quoter.holdings import Held
from quoter.inventory import Phase, Room, lean, phase_of, room

INVENTORY = Inventory()
shares = st.integers(0, 3_000)
working_phases = st.sampled_from([Phase.LEAN, Phase.RAMP, Phase.AGGRESSIVE, Phase.REDUCE_ONLY])


@pytest.mark.parametrize(
    ("elapsed", "seconds_left", "phase"),
    [
        (0.0, 300, Phase.LEAN),
        (0.25, 225, Phase.LEAN),
        (0.30, 210, Phase.RAMP),
        (0.35, 195, Phase.AGGRESSIVE),
        (0.84, 46, Phase.AGGRESSIVE),
        (0.85, 45, Phase.REDUCE_ONLY),
        (0.98, 5, Phase.CLOSED),
        (1.0, -1, Phase.CLOSED),
    ],
)
def test_a5_the_phases_of_a_five_minute_market(elapsed: float, seconds_left: float, phase: Phase) -> None:
    assert phase_of(elapsed, seconds_left, INVENTORY) is phase


def test_s1_5_the_worked_example_leans_eight_tenths_of_a_cent() -> None:
    assert lean(500, 100, 0.1, Phase.LEAN, INVENTORY).skew == pytest.approx(0.008)
    assert lean(100, 500, 0.1, Phase.LEAN, INVENTORY).skew == pytest.approx(-0.008)


def test_b8_the_lean_grows_over_the_ramp_to_the_late_factor() -> None:
    halfway = lean(500, 0, 0.30, Phase.RAMP, INVENTORY).skew
    assert halfway == pytest.approx(0.5 * (0.02 + 0.10) / 2)
    assert lean(500, 0, 0.5, Phase.AGGRESSIVE, INVENTORY).skew == pytest.approx(0.05)


def test_late_a_quarter_of_the_position_ends_the_adding_side() -> None:
    late = lean(250, 0, 0.5, Phase.AGGRESSIVE, INVENTORY)
    assert (late.bid_share, late.ask_share) == (0.0, 1.0)
    early = lean(250, 0, 0.1, Phase.LEAN, INVENTORY)
    assert (early.bid_share, early.ask_share) == (0.75, 1.0)


@given(shares, st.floats(0, 1), working_phases)
def test_flat_in_is_flat_out(held: int, elapsed: float, phase: Phase) -> None:
    found = lean(held, held, elapsed if phase is not Phase.RAMP else 0.3, phase, INVENTORY)
    assert found.skew == 0
    assert found.bid_share == found.ask_share == 1


@given(shares, shares, working_phases)
def test_the_skew_is_bounded_and_against_the_position(yes: int, no: int, phase: Phase) -> None:
    found = lean(yes, no, 0.3, phase, INVENTORY)
    assert abs(found.skew) <= INVENTORY.late_skew_factor
    assert found.skew * (yes - no) >= 0
    assert 0 <= found.bid_share <= 1
    assert 0 <= found.ask_share <= 1


@given(shares, shares, working_phases, st.integers(0, 2_000), st.integers(0, 2_000))
def test_no_room_leads_beyond_a_limit(yes: int, no: int, phase: Phase, max_position: int, max_net: int) -> None:
    found = room(Held(yes, no), phase, max_position, max_net)
    for bought, held, other in ((found.yes_lots, yes, no), (found.no_lots, no, yes)):
        assert bought >= 0
        if bought:
            assert held + bought <= max(max_position, other)
            assert held + bought - other <= max_net or phase is Phase.REDUCE_ONLY
            if phase is Phase.REDUCE_ONLY:
                assert held + bought <= other


@given(shares, shares, st.integers(0, 300), st.integers(0, 300), working_phases)
def test_room_holds_whichever_way_a_doubt_resolves(
    yes: int, no: int, doubt_yes: int, doubt_no: int, phase: Phase
) -> None:
    held = Held(yes, no, min(yes, doubt_yes), min(no, doubt_no))
    found = room(held, phase, 1_000, 500)
    for real_yes in (yes, yes - held.doubt_yes_lots):
        for real_no in (no, no - held.doubt_no_lots):
            sure = room(Held(real_yes, real_no), phase, 1_000, 500)
            assert found.yes_lots <= sure.yes_lots
            assert found.no_lots <= sure.no_lots


def test_b14_a_position_full_on_both_sides_is_not_stuck_and_one_beyond_a_lowered_limit_can_shrink() -> None:
    assert room(Held(1_000, 1_000), Phase.LEAN, 1_000, 1_000) == Room(0, 0)
    assert room(Held(1_000, 900), Phase.LEAN, 1_000, 1_000) == Room(0, 100)
    assert room(Held(1_500, 1_400), Phase.LEAN, 1_000, 1_000) == Room(0, 100)


def test_b25_close_to_expiry_only_what_flattens_may_rest_and_then_nothing() -> None:
    assert room(Held(300, 100), Phase.REDUCE_ONLY, 1_000, 1_000) == Room(0, 200)
    assert room(Held(300, 100), Phase.CLOSED, 1_000, 1_000) == Room(0, 0)


@given(st.integers(0, 5_000), st.integers(1, 5_000), st.floats(0, 1))
def test_b28_as_many_yes_as_no_is_neutral_whatever_the_time_and_anything_else_is_not(
    pairs: int, more: int, elapsed: float
) -> None:
    phase = phase_of(elapsed, 300 * (1 - elapsed), INVENTORY)
    neutral = lean(pairs, pairs, elapsed, phase, INVENTORY)
    assert (neutral.skew, neutral.bid_share, neutral.ask_share) == (0.0, 1.0, 1.0)
    long = lean(pairs + more, pairs, elapsed, phase, INVENTORY)
    assert long.skew > 0
    assert long.bid_share < 1 == long.ask_share
