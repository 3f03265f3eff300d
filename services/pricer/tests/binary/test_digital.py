"""The diffusion, and so the default level of all models: its formula, its shape and its edges."""

import math

import pytest
from common.clock import SECONDS_PER_YEAR
from hypothesis import assume, given
from hypothesis import strategies as st
from pricer.binary.models import Diffusion
from scipy.stats import norm


def probability_above(spot: float, strike: float, volatility: float, life_s: float) -> float:
    years = life_s / SECONDS_PER_YEAR
    return Diffusion().value(math.log(spot / strike), volatility**2 * years, years).probability


def delta_above(spot: float, strike: float, volatility: float, life_s: float) -> float:
    years = life_s / SECONDS_PER_YEAR
    return Diffusion().value(math.log(spot / strike), volatility**2 * years, years).slope / spot


prices = st.floats(min_value=0.01, max_value=1e6)
volatilities = st.floats(min_value=0.05, max_value=5.0)
lives_s = st.floats(min_value=0.01, max_value=7 * 86_400)
moves = st.floats(min_value=-0.2, max_value=0.2)


def test_s1_3_the_worked_number_of_the_docstring() -> None:
    assert probability_above(95_100, 95_000, 0.5, 300) == pytest.approx(0.752448, abs=5e-7)
    assert delta_above(95_100, 95_000, 0.5, 300) == pytest.approx(0.00215545, abs=5e-9)


@given(prices, moves, volatilities, lives_s)
def test_it_is_the_normal_distribution_to_twelve_digits(
    strike: float, move: float, volatility: float, life_s: float
) -> None:
    spot = strike * math.exp(move)
    d = math.log(spot / strike) / (volatility * math.sqrt(life_s / SECONDS_PER_YEAR))
    assert probability_above(spot, strike, volatility, life_s) == pytest.approx(float(norm.cdf(d)), abs=1e-12)


@given(prices, moves, moves, volatilities, lives_s)
def test_a3_a_higher_price_is_never_worth_less(
    strike: float, one: float, other: float, volatility: float, life_s: float
) -> None:
    low, high = sorted((strike * math.exp(one), strike * math.exp(other)))
    assert probability_above(low, strike, volatility, life_s) <= probability_above(high, strike, volatility, life_s)


@given(prices, moves, moves, volatilities, lives_s)
def test_a_higher_strike_is_never_worth_more(
    spot: float, one: float, other: float, volatility: float, life_s: float
) -> None:
    low, high = sorted((spot * math.exp(one), spot * math.exp(other)))
    assert probability_above(spot, low, volatility, life_s) >= probability_above(spot, high, volatility, life_s)


@given(prices, st.floats(min_value=0, max_value=0.2), volatilities, lives_s)
def test_as_far_below_the_strike_is_the_opposite_of_as_far_above(
    strike: float, move: float, volatility: float, life_s: float
) -> None:
    above = probability_above(strike * math.exp(move), strike, volatility, life_s)
    below = probability_above(strike * math.exp(-move), strike, volatility, life_s)
    # Rounding of the price itself moves d by 1e-16 over the deviation.
    slack = 1e-15 / (volatility * math.sqrt(life_s / SECONDS_PER_YEAR)) + 1e-12
    assert above + below == pytest.approx(1.0, abs=slack)


@given(prices, st.floats(min_value=-4, max_value=4), volatilities, st.floats(min_value=1.0, max_value=86_400))
def test_the_delta_is_the_slope_of_the_value(strike: float, d: float, volatility: float, life_s: float) -> None:
    deviation = volatility * math.sqrt(life_s / SECONDS_PER_YEAR)
    spot = strike * math.exp(d * deviation)
    step = spot * deviation * 1e-3
    assume(step > spot * 1e-10)
    up = probability_above(spot + step, strike, volatility, life_s)
    down = probability_above(spot - step, strike, volatility, life_s)
    steepest = 1 / (math.sqrt(2 * math.pi) * spot * deviation)
    slope = delta_above(spot, strike, volatility, life_s)
    assert slope == pytest.approx((up - down) / (2 * step), abs=2e-5 * steepest)


def test_the_last_nanosecond_goes_over_into_the_result() -> None:
    assert probability_above(100.01, 100.0, 0.5, 1e-9) == 1.0
    assert probability_above(99.99, 100.0, 0.5, 1e-9) == 0.0
    assert probability_above(100.0, 100.0, 0.5, 1e-9) == 0.5


def test_b3_the_losing_side_is_worth_nothing_not_a_cent() -> None:
    # 95,000 against a strike of 97,000 with 30 s left is 42 deviations away.
    assert probability_above(95_000, 97_000, 0.5, 30) < 1e-100
    assert probability_above(97_000, 95_000, 0.5, 30) == 1.0


@given(prices, moves, volatilities, lives_s)
def test_b32_the_drift_that_is_left_out_would_move_less_than_half_a_tick_within_an_hour(
    strike: float, move: float, volatility: float, life_s: float
) -> None:
    assume(life_s <= 3_600 and volatility <= 1.0)
    deviation = volatility * math.sqrt(life_s / SECONDS_PER_YEAR)
    d = move / deviation
    with_drift = float(norm.cdf(d - deviation / 2))
    assert abs(probability_above(strike * math.exp(move), strike, volatility, life_s) - with_drift) < 0.005
