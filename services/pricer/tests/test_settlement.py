"""Settlement rules: an average decides differently from a last price, and its past part is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pricer.models import Diffusion
from pricer.settlement import Terms, on_average, on_last

YEAR_S = 365 * 24 * 3600


def probability(terms: Terms, volatility: float) -> float:
    if math.isinf(terms.x):
        return 1.0
    return Diffusion().value(terms.x, volatility**2 * terms.seconds / YEAR_S, terms.seconds / YEAR_S).probability


@pytest.mark.parametrize(("seconds_left", "window_s"), [(300.0, 60.0), (60.0, 60.0), (45.0, 60.0), (10.0, 60.0)])
def test_the_value_on_an_average_agrees_with_a_simulation(seconds_left: float, window_s: float) -> None:
    random, paths, spot, strike, volatility, so_far = np.random.default_rng(3), 40_000, 100.02, 100.0, 0.8, 99.99
    step = 0.5
    steps = round(seconds_left / step)
    shocks = random.normal(0, volatility * math.sqrt(step / YEAR_S), (paths, steps))
    prices = spot * np.exp(np.cumsum(shocks, axis=1))
    averaged = prices[:, -round(min(window_s, seconds_left) / step) :].mean(axis=1)
    past_s = max(0.0, window_s - seconds_left)
    final = (past_s * so_far + (window_s - past_s) * averaged) / window_s
    share = float(np.mean(final > strike))
    terms = on_average(spot, strike, seconds_left, window_s, so_far)
    assert probability(terms, volatility) == pytest.approx(share, abs=0.012)


def test_before_the_window_less_can_move_than_on_a_last_price() -> None:
    assert on_average(100.0, 100.0, 300.0, 60.0, 0.0).seconds == 260.0
    assert on_last(100.0, 100.0, 300.0).seconds == 300.0
    assert on_average(101.0, 100.0, 300.0, 0.0, 0.0) == on_last(101.0, 100.0, 300.0)


def test_what_is_past_of_the_average_moves_the_strike_that_is_left() -> None:
    terms = on_average(100.0, 100.0, 30.0, 60.0, 101.0)
    assert terms.x == pytest.approx(math.log(100 / 99))
    assert terms.seconds == 10.0


def test_an_average_that_is_won_already_is_won() -> None:
    assert math.isinf(on_average(100.0, 100.0, 1.0, 60.0, 102.0).x)
