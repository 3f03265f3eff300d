"""A share by itself: how far its fair value moves in a time, and what taking it costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quoter.signals.share import move_deviation, taker_fee
from scipy.stats import norm

fairs = st.floats(0.001, 0.999)
lives_s = st.floats(0.5, 3_600)


@pytest.mark.parametrize(("left_s", "cents"), [(300, 0.73), (60, 1.63), (30, 2.30)])
def test_a_tenth_of_a_second_moves_an_even_market_by_what_the_theory_says(left_s: float, cents: float) -> None:
    assert 100 * move_deviation(0.5, left_s, 0.1) == pytest.approx(cents, abs=0.006)


def test_the_move_agrees_with_a_simulation_whatever_the_volatility() -> None:
    random, left_s, step_s = np.random.default_rng(2), 120.0, 0.5
    for fair in (0.5, 0.8, 0.05):
        # In units of the deviation that is left, a step of dt moves d by sqrt(dt / tau) and stretches what remains.
        moves = random.normal(0, math.sqrt(step_s / left_s), 400_000)
        later = norm.cdf((norm.ppf(fair) + moves) / math.sqrt(1 - step_s / left_s))
        assert move_deviation(fair, left_s, step_s) == pytest.approx(float(later.std()), rel=0.02)


@given(fairs, lives_s, st.floats(0, 5))
def test_a_move_never_exceeds_what_the_result_itself_can_do(fair: float, left_s: float, over_s: float) -> None:
    assert 0.0 <= move_deviation(fair, left_s, over_s) <= math.sqrt(fair * (1 - fair)) + 1e-12
    assert move_deviation(fair, left_s, over_s) == pytest.approx(move_deviation(1 - fair, left_s, over_s), rel=1e-6)


def test_what_is_certain_does_not_move() -> None:
    assert move_deviation(0.0, 10, 1) == move_deviation(1.0, 10, 1) == move_deviation(0.5, 10, 0) == 0.0


@given(fairs, st.floats(0, 0.5))
def test_the_fee_of_a_taker_is_the_same_for_both_outcomes_and_most_at_even(price: float, rate: float) -> None:
    assert taker_fee(price, rate) == pytest.approx(taker_fee(1 - price, rate))
    assert 0.0 <= taker_fee(price, rate) <= taker_fee(0.5, rate) == rate / 4
