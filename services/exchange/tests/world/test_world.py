"""What the world promises: triangles hold at every instant, others follow what is observed, one seed is one path."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from exchange.world.values import YEAR_S, Currency, Values
from exchange.world.world import KEPT_STEPS, PRICE_AGE_MAX_NS, World
from hypothesis import given, settings
from hypothesis import strategies as st

START_NS = 1_795_222_800_000_000_000
MS = 1_000_000
S = 1_000 * MS
UNITS = 10**8
CURRENCIES = (
    Currency("BTC", 60_000.0, 0.6, 0.9),
    Currency("ETH", 2_600.0, 0.75, 0.9),
    Currency("ADA", 0.45, 0.9, 0.5),
    Currency("JPY", 0.0067, 0.1, 0.0),
)


def world(seed: int = 1, lead_ms: int = 0, driven: tuple[str, ...] = ()) -> World:
    made = World(CURRENCIES, seed, lead_ns=lead_ms * MS, driven=driven)
    made.start(START_NS)
    return made


@given(
    seed=st.integers(0, 1_000), seconds=st.integers(0, 100), three=st.permutations(["USD", "BTC", "ETH", "ADA", "JPY"])
)
def test_a_triangle_of_pairs_is_closed_at_every_instant(seed: int, seconds: int, three: list[str]) -> None:
    made = world(seed)
    made.advance(START_NS + seconds * S)
    a, b, c = three[:3]
    now_ns = START_NS + seconds * S
    round_trip = made.price(a, b, now_ns) * made.price(b, c, now_ns) * made.price(c, a, now_ns)
    assert round_trip == pytest.approx(1, rel=1e-12)


@given(seed=st.integers(0, 1_000), calls_ms=st.lists(st.integers(1, 400), min_size=1, max_size=30))
@settings(max_examples=50)
def test_the_path_does_not_depend_on_when_it_is_asked_for(seed: int, calls_ms: list[int]) -> None:
    often, once = world(seed, lead_ms=500), world(seed, lead_ms=500)
    now_ns = START_NS
    for ms in calls_ms:
        now_ns += ms * MS
        often.advance(now_ns)
    once.advance(now_ns)
    assert np.array_equal(often.row(now_ns), once.row(now_ns))


def test_what_is_known_ahead_is_what_comes() -> None:
    made = world(lead_ms=500)
    made.advance(START_NS + 10 * S)
    ahead = made.row_ahead(START_NS + 10 * S, 500 * MS).copy()
    assert not np.array_equal(ahead, made.row(START_NS + 10 * S))
    made.advance(START_NS + 10 * S + 500 * MS)
    assert np.array_equal(ahead, made.row(START_NS + 10 * S + 500 * MS))


def test_moves_have_the_stated_volatility_and_correlation() -> None:
    values = Values(CURRENCIES, 3)
    before = values.log.copy()
    moves = []
    for _ in range(20_000):
        values.step(1.0, {})
        moves.append(values.log[1:] - before[1:])
        before = values.log.copy()
    observed = np.array(moves)
    annual = observed.std(axis=0) * math.sqrt(YEAR_S)
    assert annual == pytest.approx([0.6, 0.75, 0.9, 0.1], rel=0.03)
    correlation = np.corrcoef(observed.T)
    assert correlation[0, 1] == pytest.approx(0.81, abs=0.02)
    assert correlation[0, 2] == pytest.approx(0.45, abs=0.02)
    assert correlation[0, 3] == pytest.approx(0.0, abs=0.02)


def test_others_follow_an_observed_move_as_their_correlation_says() -> None:
    """Bitcoin up by one of its standard deviations: ether by 0.81 of its own in the mean, the yen not at all."""
    second = 1 / math.sqrt(YEAR_S)
    moved = []
    for seed in range(4_000):
        values = Values(CURRENCIES, seed)
        before = values.log.copy()
        values.step(1.0, {"BTC": 0.6 * second})
        moved.append((values.log - before) / (np.array([1.0, 0.6, 0.75, 0.9, 0.1]) * second))
    mean, spread = np.mean(moved, axis=0), np.std(moved, axis=0)
    assert mean[1] == pytest.approx(1.0)
    assert mean[2:] == pytest.approx([0.81, 0.45, 0.0], abs=0.05)
    assert spread[2:] == pytest.approx([math.sqrt(1 - 0.81**2), math.sqrt(1 - 0.45**2), 1.0], abs=0.04)


def test_a_driven_currency_is_worth_what_its_price_says_and_the_first_price_is_no_move() -> None:
    made = world(driven=("BTC",))
    eth = made.price("ETH", "USD", START_NS)
    made.on_price("BTC", 99_990 * UNITS, 100_010 * UNITS, START_NS)
    made.advance(START_NS + S)
    assert made.price("BTC", "USD", START_NS + S) == pytest.approx(100_000)
    # A jump by two thirds that ether followed would be seen; a second's own noise is a ten thousandth.
    assert made.price("ETH", "USD", START_NS + S) == pytest.approx(eth, rel=0.01)
    made.on_price("BTC", 100_990 * UNITS, 101_010 * UNITS, START_NS + S)
    made.advance(START_NS + 2 * S)
    followed = math.log(made.price("ETH", "USD", START_NS + 2 * S) / eth)
    assert followed == pytest.approx(0.81 * 0.75 / 0.6 * math.log(101_000 / 100_000), rel=0.2)


def test_prices_that_begin_again_elsewhere_are_followed_by_nobody() -> None:
    made = world(driven=("BTC",))
    made.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, START_NS)
    made.advance(START_NS + S)
    eth = made.price("ETH", "USD", START_NS + S)
    made.on_fresh("BTC")
    assert not made.knows("BTC", START_NS + S)
    made.on_price("BTC", 30_000 * UNITS, 30_000 * UNITS, START_NS + S)
    made.advance(START_NS + 2 * S)
    assert made.price("BTC", "USD", START_NS + 2 * S) == pytest.approx(30_000)
    assert made.price("ETH", "USD", START_NS + 2 * S) == pytest.approx(eth, rel=0.01)


def test_a_driven_value_is_as_good_as_its_last_price() -> None:
    made = world(driven=("BTC",))
    assert not made.knows("BTC", START_NS)
    assert made.knows("ETH", START_NS)
    made.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, START_NS)
    assert made.knows("BTC", START_NS + PRICE_AGE_MAX_NS)
    assert not made.knows("BTC", START_NS + PRICE_AGE_MAX_NS + 1)


def test_informed_takers_see_the_price_ahead_of_a_driven_currency() -> None:
    made = world(driven=("BTC",))
    made.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, START_NS)
    made.on_ahead("BTC", 60_300 * UNITS)
    made.advance(START_NS + S)
    row = made.row_ahead(START_NS + S, 500 * MS)
    assert math.exp(row[made.place["BTC"]]) == pytest.approx(60_300)
    assert row[made.place["ETH"]] == made.row(START_NS + S)[made.place["ETH"]]


def test_a_start_goes_on_from_the_values_of_the_run_before() -> None:
    made = World(CURRENCIES, 1)
    made.start(START_NS, {"BTC": 71_000.0, "gone": 3.0, "USD": 2.0})
    assert made.price("BTC", "USD", START_NS) == pytest.approx(71_000)
    assert made.price("ADA", "USD", START_NS) == pytest.approx(0.45)


def test_no_cost_grows_with_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    made, steps, step = world(lead_ms=1_000), [], Values.step

    def counted(values: Values, elapsed_s: float, moves: Mapping[str, float]) -> None:
        steps.append(elapsed_s)
        step(values, elapsed_s, moves)

    monkeypatch.setattr(Values, "step", counted)
    made.advance(START_NS + 24 * 3_600 * S)
    assert len(steps) <= KEPT_STEPS + 1
    assert sum(steps) == pytest.approx(24 * 3_600)
    day = 0.6 * math.sqrt(86_400 / YEAR_S)
    assert abs(math.log(made.price("BTC", "USD", START_NS + 24 * 3_600 * S) / 60_000)) < 5 * day
