"""Settlement rules: an average decides differently from a last price, and its past part is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from common.clock import NS_PER_S
from common.events import FairValue, MarketStatus, SettlementRule, TieRule
from hypothesis import given
from hypothesis import strategies as st
from pricer.binary.contracts import threshold
from pricer.binary.models import Diffusion
from pricer.binary.settlement import Terms, WindowAverage, on_average, on_last
from pricer.testing.harness import Harness
from scipy.stats import norm

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


T0_S = 1_795_222_800
EXPIRY = (T0_S + 300) * NS_PER_S


def at(seconds_left: float) -> int:
    return EXPIRY - round(seconds_left * NS_PER_S)


def test_the_known_part_of_an_average_weighs_each_price_by_how_long_it_held() -> None:
    window = WindowAverage(60.0, EXPIRY)
    for seconds_left, price in ((70.0, 90.0), (66.0, 100.0), (62.0, 102.0), (58.0, 104.0), (54.0, 104.0)):
        window.observe(price, at(seconds_left))
    # 102 held from 60 to 58 s before expiry, 104 from 58 to 54.
    assert window.average() == pytest.approx((2 * 102 + 4 * 104) / 6)
    assert window.reliable(at(54.0))


def test_an_average_with_too_much_missing_is_not_relied_on() -> None:
    window = WindowAverage(60.0, EXPIRY)
    window.observe(100.0, at(50.0))
    assert window.average() == 100.0
    assert not window.reliable(at(50.0))
    late = WindowAverage(60.0, EXPIRY)
    for second in range(30):
        late.observe(100.0, at(61.0 - second))
    late.observe(100.0, at(20.0))
    assert not late.reliable(at(20.0)), "from 32 s to 20 s before expiry nothing was seen"


@given(st.lists(st.tuples(st.floats(0.01, 4.0), st.floats(90.0, 110.0)), min_size=1, max_size=60))
def test_an_average_lies_among_its_prices(steps: list[tuple[float, float]]) -> None:
    window, left = WindowAverage(60.0, EXPIRY), 80.0
    for elapsed, price in steps:
        left -= elapsed
        window.observe(price, at(left))
    prices = [price for _, price in steps]
    assert min(prices) - 1e-9 <= window.average() <= max(prices) + 1e-9


def value_of(harness: Harness) -> FairValue:
    [value] = [effect for effect in harness.top(60_010.0) if isinstance(effect, FairValue)]
    return value


def lived(seconds: float, **market: Any) -> tuple[Harness, FairValue]:
    """Return the value of a market after so many seconds of its life at one price."""
    harness = Harness()
    harness.bot(pricing={"distribution": "diffusion", "volatility_prior_s": 86_400})
    harness.market(**market)
    for _ in range(round(seconds)):
        harness.statuses()
        harness.status("degen")
        value = value_of(harness)
        harness.wait(1)
    return harness, value


def test_s1_3_a_market_on_an_average_is_priced_as_one_from_its_event_on() -> None:
    _, last = lived(100)
    _, average = lived(100, settlement=SettlementRule.AVERAGE, settlement_window_s=60.0)
    years = (average.seconds_left - 40.0) / YEAR_S
    expected = Diffusion().value(math.log(60_010 / 60_000), average.volatility**2 * years, years)
    assert average.fair == pytest.approx(expected.probability, rel=1e-9)
    assert average.fair > last.fair


def test_s1_3_within_the_window_the_past_part_counts_as_known() -> None:
    harness, _ = lived(271, settlement=SettlementRule.AVERAGE, settlement_window_s=60.0)
    harness.statuses()
    harness.status("degen")
    [value] = [effect for effect in harness.top(59_995.0) if isinstance(effect, FairValue)]
    # 31 of 60 seconds were 10 dollars above the strike: the rest needs to average 10.69 dollars below it to lose.
    needed = 60_000 - 10 * 31 / 29
    expected = Diffusion().value(math.log(59_995 / needed), value.volatility**2 * 29 / 3 / YEAR_S, 1.0)
    assert value.fair == pytest.approx(expected.probability, rel=0.01)
    assert value.fair > 0.6, "though the price is below the strike"
    assert value.delta == pytest.approx(expected.slope / 59_995.0, rel=0.05)
    assert value.ready


def test_r2_a_polymarket_average_that_is_won_already_is_not_priced_like_a_last_price() -> None:
    def eleven_seconds_before_the_end(**market: Any) -> float:
        """Return the value where the price was 40 dollars above from 55 to 12 s before the end, and 3 below since."""
        harness = Harness()
        harness.bot(pricing={"distribution": "diffusion", "volatility_prior_s": 86_400})
        harness.market(settlement_source="chainlink", **market)
        values: list[FairValue] = []
        for second in range(290):
            harness.statuses()
            harness.status("degen")
            left_s = 300 - second - 0.25
            price = 60_040.0 if 12 < left_s <= 55 else 59_997.0
            values += [effect for effect in harness.top(price) if isinstance(effect, FairValue)]
            harness.wait(1)
        return next(value.fair for value in values if round(value.seconds_left) == 11)

    average = eleven_seconds_before_the_end(settlement=SettlementRule.AVERAGE, settlement_window_s=60.0)
    assert average > 0.999
    assert eleven_seconds_before_the_end(settlement=SettlementRule.ORACLE) < 0.5


def test_r2_a_tie_that_pays_half_is_worth_half_on_a_grid() -> None:
    assert threshold(100.0, 0.5, TieRule.SPLIT) == 100.0


def test_a_window_that_was_not_seen_is_shown_and_not_quoted() -> None:
    harness = Harness()
    harness.wait(270)
    harness.statuses()
    harness.bot()
    harness.market(settlement=SettlementRule.AVERAGE, settlement_window_s=60.0)
    assert not value_of(harness).ready


@pytest.mark.parametrize(
    "unclear",
    [
        {"settlement": SettlementRule.UNKNOWN},
        {"settlement": SettlementRule.AVERAGE},
    ],
)
def test_a_market_whose_rule_is_not_understood_is_not_priced(unclear: dict[str, Any]) -> None:
    harness = Harness()
    harness.statuses()
    harness.bot()
    harness.market(**unclear)
    assert harness.top() == []
    assert harness.pricer.state(harness.now_ns)["dropped"]["unusable_market"] == 1


def test_s1_3_on_a_grid_a_tie_has_a_probability_and_the_rule_says_whose_it_is() -> None:
    def fair(tie_rule: TieRule, step: float) -> float:
        harness = Harness()
        harness.statuses()
        harness.bot()
        harness.market(tie_rule=tie_rule, settlement_step=step)
        [value] = harness.top(60_000.0)
        assert isinstance(value, FairValue)
        return value.fair

    above, level = fair(TieRule.STRICTLY_ABOVE, 50.0), fair(TieRule.AT_OR_ABOVE, 50.0)
    assert above < 0.5 < level
    assert level - 0.5 == pytest.approx(0.5 - above, rel=1e-2)
    assert fair(TieRule.STRICTLY_ABOVE, 0.0) == fair(TieRule.AT_OR_ABOVE, 0.0) == pytest.approx(0.5)


@given(st.sampled_from([0.5, 1.0, 2.0]), st.floats(0.3, 3.0))
def test_the_threshold_on_a_grid_agrees_with_the_sum_over_the_grid(step: float, deviation: float) -> None:
    """A price rounded to the grid: P(rounded > K) and P(rounded >= K) against the threshold's normal tail."""
    strike, spot = 100.0, 100.4
    grid = strike + np.arange(-80, 81) * step
    mass = norm.cdf((grid + step / 2 - spot) / deviation) - norm.cdf((grid - step / 2 - spot) / deviation)
    above = norm.sf((threshold(strike, step, TieRule.STRICTLY_ABOVE) - spot) / deviation)
    level = norm.sf((threshold(strike, step, TieRule.AT_OR_ABOVE) - spot) / deviation)
    assert above == pytest.approx(mass[grid > strike + 1e-9].sum(), abs=1e-9)
    assert level == pytest.approx(mass[grid > strike - 1e-9].sum(), abs=1e-9)


def test_b17_a_market_that_is_voided_is_priced_no_longer() -> None:
    harness = Harness()
    harness.statuses()
    harness.bot()
    harness.market()
    assert len(harness.top()) == 1
    harness.market(status=MarketStatus.VOIDED, result="void")
    assert harness.top() == []
