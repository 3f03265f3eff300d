"""Volatility on irregular ticks: its definition, what a gap means, and the fault of pretending one tick a second."""

import math
import random
from itertools import pairwise
from statistics import stdev
from typing import Any

import pytest
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR
from hypothesis import given
from hypothesis import strategies as st
from pricer.volatility import TICK_GAP_MAX_S, Volatility, VolatilityParams

T0_NS = 1_795_222_805 * NS_PER_S


def params(**changes: Any) -> VolatilityParams:
    usual = VolatilityParams(half_life_s=900.0, sample_s=5.0, floor=0.01, cap=20.0, prior=0.5, prior_s=120.0)
    return usual._replace(**changes)


def seeded_gbm(annual: float, seconds: float, step_s: float, seed: int) -> list[tuple[int, float]]:
    """Return (time in ns, price) of a driftless random walk of the log price."""
    draw = random.Random(seed)
    deviation = annual * math.sqrt(step_s / SECONDS_PER_YEAR)
    log_price, path = math.log(60_000.0), []
    for number in range(int(seconds / step_s)):
        path.append((T0_NS + int(number * step_s * NS_PER_S), math.exp(log_price)))
        log_price += draw.gauss(0.0, deviation)
    return path


def by_definition(ticks: list[tuple[int, float, bool]], given_params: VolatilityParams) -> float:
    """Return the annualised estimate from the sums over all samples, each weighed by its age at the end.

    A tick is (time in ns, price, whether prices were missing before it).
    """
    entries: list[tuple[int, float, float]] = []  # end of sample, seconds, squared move

    def weighed(at_ns: int) -> tuple[float, float]:
        weights = [2 ** (-(at_ns - end_ns) / NS_PER_S / given_params.half_life_s) for end_ns, _, _ in entries]
        seconds = math.fsum(w * e[1] for w, e in zip(weights, entries, strict=True))
        return seconds, math.fsum(w * e[2] for w, e in zip(weights, entries, strict=True))

    sampled: tuple[int, float] | None = None
    ticked_ns = 0
    for at_ns, price, missing in ticks:
        if sampled is None or missing or at_ns - ticked_ns > TICK_GAP_MAX_S * NS_PER_S:
            lacking_s = given_params.prior_s - weighed(at_ns)[0]
            if lacking_s > 0:
                entries.append((at_ns, lacking_s, lacking_s * given_params.prior**2 / SECONDS_PER_YEAR))
            sampled = (at_ns, price)
        elif at_ns - sampled[0] >= given_params.sample_s * NS_PER_S and at_ns > sampled[0]:
            entries.append((at_ns, (at_ns - sampled[0]) / NS_PER_S, math.log(price / sampled[1]) ** 2))
            sampled = (at_ns, price)
        ticked_ns = at_ns
    seconds, squares = weighed(ticked_ns)
    annual = math.sqrt(squares / seconds * SECONDS_PER_YEAR) if seconds else given_params.prior
    return min(max(annual, given_params.floor), given_params.cap)


def test_the_worked_number_of_the_docstring() -> None:
    volatility = Volatility(params(prior_s=0.0))
    volatility.observe(100.0, T0_NS)
    volatility.observe(100.0 * math.exp(0.0003), T0_NS + 5 * NS_PER_S)
    volatility.observe(100.0 * math.exp(0.0002), T0_NS + 10 * NS_PER_S)
    assert volatility.annual == pytest.approx(0.5611, abs=5e-5)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 3_000), st.integers(10_000, 40_000), st.just(3_600_000)),
            st.floats(min_value=-0.01, max_value=0.01),
            st.sampled_from([False] * 9 + [True]),
        ),
        min_size=1,
        max_size=80,
    ),
    st.sampled_from([0.0, 0.5, 5.0]),
    st.sampled_from([0.0, 120.0, 5_000.0]),
)
def test_it_equals_the_sums_over_all_samples(
    steps: list[tuple[int, float, bool]], sample_s: float, prior_s: float
) -> None:
    given_params = params(sample_s=sample_s, prior_s=prior_s, half_life_s=60.0)
    volatility = Volatility(given_params)
    at_ns, log_price, ticks = T0_NS, math.log(100.0), []
    for wait_ms, move, missing in steps:
        at_ns += wait_ms * NS_PER_MS
        log_price += move
        ticks.append((at_ns, math.exp(log_price), missing))
        if missing:
            volatility.interrupt()
        volatility.observe(math.exp(log_price), at_ns)
    assert volatility.annual == pytest.approx(by_definition(ticks, given_params), rel=1e-6)


@pytest.mark.parametrize("true_annual", [0.2, 0.7, 1.5])
def test_the_rate_of_ticks_does_not_change_the_estimate(true_annual: float) -> None:
    path = seeded_gbm(true_annual, seconds=14_400, step_s=0.05, seed=7)
    draw = random.Random(8)
    thinned = {
        "20 a second": path,
        "4 a second": path[::5],
        "1 a second": path[::20],
        "irregular": [tick for tick in path if draw.random() < 0.1],
        "bursts": [tick for number, tick in enumerate(path) if number // 60 % 2],
    }
    for ticks in thinned.values():
        volatility = Volatility(params(half_life_s=3_600.0, sample_s=1.0))
        for at_ns, price in ticks:
            volatility.observe(price, at_ns)
        assert volatility.annual == pytest.approx(true_annual, rel=0.05)


def test_b1_counting_ticks_as_seconds_understates_it_tenfold_and_we_do_not() -> None:
    path = seeded_gbm(0.7, seconds=3_600, step_s=0.01, seed=3)
    returns = [math.log(after[1] / before[1]) for before, after in pairwise(path)]
    as_if_seconds = stdev(returns[-100:]) * math.sqrt(SECONDS_PER_YEAR)
    volatility = Volatility(params(half_life_s=3_600.0, sample_s=1.0))
    for at_ns, price in path:
        volatility.observe(price, at_ns)
    assert as_if_seconds < 0.1
    assert volatility.annual == pytest.approx(0.7, rel=0.05)


def test_bid_ask_bounce_hardly_counts() -> None:
    slow, fast = Volatility(params(prior_s=0.0)), Volatility(params(prior_s=0.0, sample_s=0.0))
    for number in range(60_000):
        price = 60_000.0 + (number % 2) * 5.0
        for volatility in (slow, fast):
            volatility.observe(price, T0_NS + number * 10 * NS_PER_MS)
    # Alternating by 0.8 basis points a hundred times a second.
    assert fast.annual > 4.0
    assert slow.annual < 0.25


def test_b2_a_price_that_never_moves_gives_the_floor() -> None:
    volatility = Volatility(params(floor=0.1))
    for number in range(20_000):
        volatility.observe(60_000.0, T0_NS + number * NS_PER_S)
    assert volatility.annual == 0.1


def test_a_crash_is_capped() -> None:
    volatility = Volatility(params(cap=5.0, prior_s=0.0))
    for number in range(10):
        volatility.observe(60_000.0 * 0.9**number, T0_NS + number * 5 * NS_PER_S)
    assert volatility.annual == 5.0


def test_before_the_first_sample_the_prior_speaks() -> None:
    volatility = Volatility(params())
    assert volatility.annual == 0.5
    volatility.observe(60_000.0, T0_NS)
    volatility.observe(66_000.0, T0_NS + 4 * NS_PER_S)
    assert volatility.annual == pytest.approx(0.5)
    assert volatility.observed_s == 0.0


def test_as_much_observation_as_prior_weighs_half() -> None:
    volatility = Volatility(params(half_life_s=1e9))
    for number in range(25):
        volatility.observe(60_000.0, T0_NS + number * 5 * NS_PER_S)
    assert volatility.observed_s == 120.0
    assert volatility.annual == pytest.approx(math.sqrt(0.5 * 0.5**2), rel=1e-6)


def settled_at_40_percent() -> Volatility:
    volatility = Volatility(params())
    step = 0.4 * math.sqrt(5 / SECONDS_PER_YEAR)
    for number in range(2_000):
        volatility.observe(60_000.0 * math.exp(step * (number % 2)), T0_NS + number * 5 * NS_PER_S)
    assert volatility.annual == pytest.approx(0.4, rel=1e-3)
    return volatility


END_NS = T0_NS + 1_999 * 5 * NS_PER_S


def test_a_jump_over_a_gap_is_nobodys_return() -> None:
    volatility = settled_at_40_percent()
    before = volatility.annual
    volatility.observe(50_000.0, END_NS + int((TICK_GAP_MAX_S + 1) * NS_PER_S))
    assert volatility.annual == pytest.approx(before)


def test_a_jump_right_after_missing_prices_is_nobodys_return() -> None:
    volatility = settled_at_40_percent()
    before = volatility.annual
    volatility.interrupt()
    volatility.observe(50_000.0, END_NS + 6 * NS_PER_S)
    assert volatility.annual == pytest.approx(before)


def test_a_gap_is_not_counted_as_a_time_without_movement() -> None:
    volatility = settled_at_40_percent()
    before = volatility.annual
    volatility.observe(60_000.0, END_NS + 300 * NS_PER_S)
    assert volatility.annual == pytest.approx(before)


def test_a_quiet_market_is_counted_as_a_time_without_movement() -> None:
    volatility = settled_at_40_percent()
    before = volatility.annual
    for number in range(1, 31):
        volatility.observe(60_000.0, END_NS + number * 10 * NS_PER_S)
    assert volatility.annual < 0.95 * before


def test_after_a_night_without_prices_the_prior_speaks_again() -> None:
    volatility = settled_at_40_percent()
    volatility.observe(60_000.0, END_NS + 8 * 3_600 * NS_PER_S)
    assert volatility.annual == pytest.approx(0.5, rel=1e-3)
    assert volatility.observed_s == 0.0


def test_a_short_gap_does_not_start_readiness_again() -> None:
    volatility = settled_at_40_percent()
    seen_s = volatility.observed_s
    volatility.observe(60_000.0, END_NS + 60 * NS_PER_S)
    assert volatility.observed_s == seen_s > 0


def test_a_tick_from_the_past_is_left_out() -> None:
    disturbed, undisturbed = settled_at_40_percent(), settled_at_40_percent()
    disturbed.observe(30_000.0, END_NS - NS_PER_S)
    for volatility in (disturbed, undisturbed):
        volatility.observe(61_000.0, END_NS + int((TICK_GAP_MAX_S - 0.5) * NS_PER_S))
    assert disturbed.annual == undisturbed.annual > 0.41
