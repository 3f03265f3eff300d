"""Averages of different speeds: how far each is believed, and how soon a change of pace is followed."""

from __future__ import annotations

import math
import random

import pytest
from common.bots import Pricing
from common.clock import NS_PER_S, SECONDS_PER_YEAR
from pricer.binary.valuation import volatility_params
from pricer.surprise import Surprise
from pricer.volatility import Volatility, VolatilityParams

T0_NS = 1_795_222_805 * NS_PER_S
SHIPPED = volatility_params(Pricing())
CALM = SHIPPED._replace(quick_half_lives_s=(), quick_share=0.0)


def followed(params: VolatilityParams, paces: list[tuple[int, float]], seed: int) -> list[float]:
    """Return the estimate after each sample of 5 s while the volatility is so much for so many samples."""
    draw, price, at_ns = random.Random(seed), 60_000.0, T0_NS
    estimate, found = Volatility(params), []
    for samples, annual in paces:
        for _ in range(samples):
            estimate.observe(price, at_ns)
            found.append(estimate.annual)
            price *= math.exp(draw.gauss(0.0, annual * math.sqrt(5 / SECONDS_PER_YEAR)))
            at_ns += 5 * NS_PER_S
    return found


def test_weights_follow_bayes_rule_and_the_worked_example() -> None:
    surprise = Surprise([0.7, 0.3], 1e12)
    surprise.learn(5.0, 1.0, [1.0, 25.0])
    assert surprise.weights == pytest.approx((0.0242, 0.9758), abs=1e-4)


def test_what_was_learnt_fades_and_nothing_is_dismissed_for_good() -> None:
    surprise = Surprise([0.7, 0.3], 3_600.0)
    for _ in range(2_000):
        surprise.learn(5.0, 5.0, [1.0, 25.0])
    assert surprise.weights[0] > 1e-6
    before = surprise.weights
    surprise.fade(3_600.0)
    assert surprise.weights == pytest.approx([(0.7 + before[0]) / 2, (0.3 + before[1]) / 2])
    assert sum(surprise.weights) == pytest.approx(1.0)


@pytest.mark.parametrize("move", [0.0, 1e-300, 1e6, 1e150])
def test_no_move_breaks_the_weights(move: float) -> None:
    surprise = Surprise([0.5, 0.25, 0.25], 3_600.0)
    surprise.learn(move, 5.0, [1e-12, 1e-9, 1e-6])
    assert sum(surprise.weights) == pytest.approx(1.0)
    assert all(0.0 <= weight <= 1.0 for weight in surprise.weights)


def test_r65_five_times_the_volatility_is_seen_within_half_a_minute() -> None:
    errors: dict[str, list[float]] = {"shipped": [], "calm": []}
    for seed in range(40):
        for name, params in (("shipped", SHIPPED), ("calm", CALM)):
            after = followed(params, [(360, 0.2), (60, 1.0)], seed)[360:]
            errors[name].append(sum(after[6:24]) / 18)
    mean = {name: sum(found) / len(found) for name, found in errors.items()}
    assert 0.75 < mean["shipped"] < 1.1, "half a minute to two minutes after the change"
    assert mean["calm"] < 0.55, "as it was"


def test_r65_a_return_of_calm_is_followed_too() -> None:
    found = [followed(SHIPPED, [(360, 1.0), (60, 0.2)], seed)[-1] for seed in range(20)]
    assert sum(found) / len(found) < 0.30
    assert sum(followed(CALM, [(360, 1.0), (60, 0.2)], seed)[-1] for seed in range(20)) / 20 > 0.75


def test_r65_in_an_even_market_the_quick_averages_add_hardly_any_noise() -> None:
    def error(params: VolatilityParams) -> float:
        found = [math.log(annual / 0.5) for seed in range(20) for annual in followed(params, [(720, 0.5)], seed)[360:]]
        return math.sqrt(sum(each * each for each in found) / len(found))

    assert error(SHIPPED) < 1.25 * error(CALM)


def test_one_leap_alone_does_not_make_a_new_pace() -> None:
    draw, price, at_ns, estimate = random.Random(4), 60_000.0, T0_NS, Volatility(SHIPPED)
    for sample in range(460):
        estimate.observe(price, at_ns)
        leap = 0.0015 if sample == 359 else 0.0
        price *= math.exp(draw.gauss(0.0, 0.5 * math.sqrt(5 / SECONDS_PER_YEAR)) + leap)
        at_ns += 5 * NS_PER_S
        if sample == 420:
            after_5_min = estimate.annual
    assert after_5_min < 0.75
    assert estimate.annual < 0.75


def test_memory_says_what_the_estimate_is_made_of() -> None:
    memory = Volatility(SHIPPED).memory
    assert [half_life_s for half_life_s, _ in memory] == [600.0, 3_600.0, 30.0, 120.0]
    assert [weight for _, weight in memory] == pytest.approx([0.49, 0.21, 0.15, 0.15])
    assert Volatility(CALM._replace(slow_half_life_s=0.0)).memory == ((600.0, 1.0),)


def test_a_reconnection_does_not_put_the_prior_in_the_place_of_a_short_memory() -> None:
    estimate, at_ns = Volatility(SHIPPED._replace(prior=2.0)), T0_NS
    for sample in range(2_000):
        estimate.observe(60_000.0 * math.exp(0.2 * math.sqrt(5 / SECONDS_PER_YEAR) * (sample % 2)), at_ns)
        at_ns += 5 * NS_PER_S
    before = estimate.annual
    estimate.interrupt()
    estimate.observe(60_000.0, at_ns)
    assert estimate.annual == pytest.approx(before, rel=0.05)


def test_between_floor_and_cap_whatever_happens() -> None:
    estimate = Volatility(SHIPPED)
    for sample in range(100):
        estimate.observe(60_000.0 * (1.5 if sample % 2 else 1.0), T0_NS + sample * 5 * NS_PER_S)
    assert estimate.annual == pytest.approx(SHIPPED.cap)
    for sample in range(4_000):
        estimate.observe(60_000.0, T0_NS + (200 + sample) * 5 * NS_PER_S)
    assert SHIPPED.floor <= estimate.annual < 1.1 * SHIPPED.floor
