"""The distributions: each a probability with the right slope, with the variance it was told, and near its peers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricer.binary.models import Diffusion, Jumps, Model, Student, Surface
from scipy.integrate import quad
from scipy.stats import t as student_t

MODELS: dict[str, Callable[[], Model]] = {
    "diffusion": Diffusion,
    "student 3": lambda: Student(3.0),
    "student 8": lambda: Student(8.0),
    "jumps": lambda: Jumps(per_year=6 * 24 * 365, mean=0.0, deviation=0.0015),
    "skewed jumps": lambda: Jumps(per_year=2 * 24 * 365, mean=-0.001, deviation=0.002),
    "surface": lambda: Surface(rho=-0.3, eta=0.8),
}
YEAR_S = 365 * 24 * 3600
xs = st.floats(-0.05, 0.05)
lives_s = st.floats(1.0, 3_600.0)
volatilities = st.floats(0.2, 2.0)
each_model = pytest.mark.parametrize("name", MODELS)


def variance_of(volatility: float, seconds: float) -> float:
    return volatility**2 * seconds / YEAR_S


@each_model
@given(x=xs, volatility=volatilities, seconds=lives_s)
def test_a3_the_value_is_a_probability_that_grows_with_the_price(
    name: str, x: float, volatility: float, seconds: float
) -> None:
    model, variance, years = MODELS[name](), variance_of(volatility, seconds), seconds / YEAR_S
    low, high = model.value(x, variance, years), model.value(x + 1e-5, variance, years)
    assert 0.0 <= low.probability <= high.probability + 1e-12 <= 1.0 + 1e-12
    assert low.slope >= 0.0


@each_model
@given(distance=st.floats(-4, 4), volatility=volatilities, seconds=lives_s)
def test_the_slope_is_the_derivative(name: str, distance: float, volatility: float, seconds: float) -> None:
    model, variance, years = MODELS[name](), variance_of(volatility, seconds), seconds / YEAR_S
    deviation = math.sqrt(variance)
    x, step = distance * deviation, 1e-4 * deviation
    up, down = model.value(x + step, variance, years), model.value(x - step, variance, years)
    expected = (up.probability - down.probability) / (2 * step)
    assert model.value(x, variance, years).slope == pytest.approx(expected, rel=2e-3, abs=1e-6 / deviation)


@pytest.mark.parametrize("name", ["diffusion", "student 8", "jumps"])
def test_a3_as_far_below_the_strike_is_worth_what_as_far_above_it_is_not(name: str) -> None:
    model, variance = MODELS[name](), variance_of(0.5, 300)
    for x in (0.0, 0.0005, 0.002, 0.01):
        above, below = model.value(x, variance, 300 / YEAR_S), model.value(-x, variance, 300 / YEAR_S)
        assert above.probability + below.probability == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["student 8", "jumps", "skewed jumps"])
def test_the_distribution_has_the_variance_it_was_told(name: str) -> None:
    model, variance, years = MODELS[name](), variance_of(0.6, 900), 900 / YEAR_S
    deviation = math.sqrt(variance)

    def density(distance: float) -> float:
        # P(ln S_T/K > 0) as a function of x = -y is the distribution function of the move y, mirrored.
        return model.value(-distance * deviation, variance, years).slope * deviation

    total, _ = quad(density, -40, 40, limit=400, points=[0])
    second, _ = quad(lambda d: d * d * density(d), -40, 40, limit=400, points=[0])
    assert total == pytest.approx(1.0, abs=1e-3)
    assert second == pytest.approx(1.0, abs=0.03)


@given(distance=st.floats(-6, 6), df=st.floats(2.5, 50))
def test_student_is_the_scaled_distribution_of_scipy(distance: float, df: float) -> None:
    variance = variance_of(0.5, 300)
    expected = student_t.cdf(distance, df, scale=math.sqrt((df - 2) / df))
    assert Student(df).value(distance * math.sqrt(variance), variance, 0.0).probability == pytest.approx(
        expected, abs=1e-9
    )


def test_f1_jumps_agree_with_a_simulation_of_the_process() -> None:
    """A seeded simulation with known truth: Poisson jumps on top of a diffusion, a million paths."""
    random, paths, seconds, per_year, deviation = np.random.default_rng(5), 1_000_000, 300.0, 6 * 24 * 365, 0.0015
    years = seconds / YEAR_S
    diffusion = variance_of(0.5, seconds)
    jumps = random.poisson(per_year * years, paths)
    moves = random.normal(0, math.sqrt(diffusion), paths) + random.normal(0, 1, paths) * deviation * np.sqrt(jumps)
    model = Jumps(per_year, 0.0, deviation)
    total = diffusion + per_year * years * deviation**2
    for x in (-0.003, -0.001, 0.0, 0.0007, 0.004):
        share = float(np.mean(x + moves > 0))
        assert model.value(x, total, years).probability == pytest.approx(share, abs=4 * math.sqrt(0.25 / paths))


def test_without_jumps_and_with_many_degrees_of_freedom_all_are_the_diffusion() -> None:
    variance = variance_of(0.5, 300)
    for distance in (-3.0, -0.5, 0.0, 1.0, 2.5):
        x = distance * math.sqrt(variance)
        plain = Diffusion().value(x, variance, 300 / YEAR_S)
        assert Jumps(0.0, 0.0, 0.01).value(x, variance, 300 / YEAR_S) == pytest.approx(plain)
        assert Student(1e6).value(x, variance, 300 / YEAR_S) == pytest.approx(plain, rel=1e-4)
        flat = Surface(0.0, 1e-6).value(x, variance, 300 / YEAR_S).probability
        # The smile belongs to the measure with drift, half a deviation of which is all that is left.
        assert flat == pytest.approx(plain.probability, abs=math.sqrt(variance) / 2)


@pytest.mark.parametrize("rho", [-0.6, 0.0, 0.4])
def test_f1_the_digital_of_the_smile_is_the_slope_of_the_call(rho: float) -> None:
    """P(S_T > K) = -dC/dK, with the call from Black's formula at the smile's own volatility."""
    model, theta, spot = Surface(rho, 0.9), 0.02, 100.0

    def call(strike: float) -> float:
        total, _ = model.total_variance(math.log(strike / spot), theta)
        root = math.sqrt(total)
        d1 = math.log(spot / strike) / root + root / 2
        return spot * 0.5 * math.erfc(-d1 / math.sqrt(2)) - strike * 0.5 * math.erfc(-(d1 - root) / math.sqrt(2))

    for strike in (80.0, 95.0, 100.0, 104.0, 120.0):
        step = 1e-3
        slope = (call(strike + step) - call(strike - step)) / (2 * step)
        assert model.value(math.log(spot / strike), theta, 1.0).probability == pytest.approx(-slope, abs=1e-6)


@given(rho=st.floats(-0.95, 0.95), share=st.floats(0.05, 0.999), theta=st.floats(1e-6, 0.5))
def test_f1_an_admitted_smile_has_no_butterfly_arbitrage(rho: float, share: float, theta: float) -> None:
    """The density that the smile implies is nowhere negative: the probability never rises with the strike."""
    model = Surface(rho, share * math.sqrt(4 / (1 + abs(rho))))
    last = 1.0
    for place in range(-60, 61):
        k = place / 10 * math.sqrt(theta)
        probability = model.value(-k, theta, 1.0).probability
        assert probability <= last + 1e-9
        last = probability


@pytest.mark.parametrize(("rho", "eta"), [(1.0, 0.5), (-1.2, 0.5), (0.0, 0.0), (0.5, 2.0)])
def test_a_smile_that_allows_arbitrage_is_refused(rho: float, eta: float) -> None:
    with pytest.raises(ValueError, match=r"rho|eta"):
        Surface(rho, eta)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="df"):
        Student(2.0)
    with pytest.raises(ValueError, match="per_year"):
        Jumps(-1.0, 0.0, 0.1)
