"""The curve of the day: fitted, written, read, and what it does to the variance ahead."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from common.clock import NS_PER_S
from common.events import Alert, FairValue
from hypothesis import given
from hypothesis import strategies as st
from pricer.library import Library
from pricer.testing.harness import T0_NS, Harness
from pricer.time_of_day import BUCKETS, DayCurve, curve_document, fitted, parse_curve
from scipy.integrate import quad

MONDAY_NS = int(datetime(2026, 11, 16, tzinfo=UTC).timestamp()) * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
WAVE = [1.0 + 0.8 * math.sin(2 * math.pi * bucket / BUCKETS) for bucket in range(BUCKETS)]
CURVE = DayCurve(WAVE, [1.0] * BUCKETS)


def bars(days: int, shape: list[float], seed: int = 2) -> list[tuple[int, float]]:
    """Return minute bars whose variance follows a shape over each day, from a Monday on."""
    dice, price, made = random.Random(seed), 60_000.0, []
    for minute in range(days * 1_440 + 1):
        made.append((MONDAY_NS + minute * 60 * NS_PER_S, price))
        price *= math.exp(dice.gauss(0.0, 5e-4 * math.sqrt(shape[minute % 1_440 // 5])))
    return made


def test_s1_3_a_fit_finds_how_much_moves_at_each_time_of_the_day() -> None:
    found = fitted(bars(20, WAVE))
    errors = [abs(mine - true) for mine, true in zip(found.weekday, WAVE, strict=True)]
    assert sum(errors) / BUCKETS < 0.12
    assert sum(found.weekday) / BUCKETS == pytest.approx(1.0)


def test_weekdays_and_weekends_have_curves_of_their_own() -> None:
    made = bars(5, WAVE) + [(at + 5 * DAY_NS, price) for at, price in bars(2, WAVE[::-1], seed=9)]
    found = fitted(made)
    morning, evening = slice(40, 104), slice(184, 248)
    assert sum(found.weekday[morning]) > 2 * sum(found.weekday[evening])
    assert sum(found.weekend[evening]) > 2 * sum(found.weekend[morning])
    assert found.at(MONDAY_NS + 4 * DAY_NS) == found.weekday[0]
    assert found.at(MONDAY_NS + 5 * DAY_NS) == found.weekend[0]
    assert found.at(MONDAY_NS + 7 * DAY_NS) == found.weekday[0]


def test_one_kind_of_day_stands_for_both_where_the_other_is_missing() -> None:
    found = fitted(bars(3, WAVE))
    assert found.weekend == found.weekday


@pytest.mark.parametrize("made", [[], bars(1, WAVE)[:600], [(at, 1.0) for at, _ in bars(2, WAVE)]])
def test_bars_that_say_nothing_are_refused(made: list[tuple[int, float]]) -> None:
    with pytest.raises(ValueError, match="bars"):
        fitted(made)


@given(st.integers(0, 14 * 86_400), st.integers(1, 3 * 86_400))
def test_the_mean_over_a_life_is_the_integral_of_the_curve(start_s: int, life_s: int) -> None:
    start_ns = MONDAY_NS + start_s * NS_PER_S
    steps = 400
    sampled = sum(CURVE.at(start_ns + round((step + 0.5) * life_s / steps * NS_PER_S)) for step in range(steps))
    assert CURVE.mean(start_ns, start_ns + life_s * NS_PER_S) == pytest.approx(sampled / steps, abs=0.02)


@pytest.mark.parametrize("half_life_s", [300.0, 3_600.0, 86_400.0])
def test_what_an_average_has_seen_is_the_weighted_integral_over_the_past(half_life_s: float) -> None:
    now_ns = MONDAY_NS + round((5.4 * 86_400 + 137) * NS_PER_S)

    def weighed(age_s: float) -> float:
        weight: float = math.log(2) / half_life_s * 2.0 ** (-age_s / half_life_s)
        return weight * CURVE.at(now_ns - round(age_s * NS_PER_S))

    edges = [step * 300.0 for step in range(1, round(12 * half_life_s / 300.0))]
    total = sum(quad(weighed, before, after, limit=20)[0] for before, after in zip([0.0, *edges], edges, strict=False))
    assert CURVE.seen(now_ns, half_life_s) == pytest.approx(total, rel=2e-3)


def test_a_curve_is_read_as_it_was_written() -> None:
    found = parse_curve(curve_document(CURVE, "a wave").encode())
    assert found.weekday == pytest.approx(CURVE.weekday, abs=1e-4)
    assert found.at(MONDAY_NS) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"kind": "smile"},
        {"kind": "time_of_day", "weekday": [1.0] * 287, "weekend": [1.0] * 288},
        {"kind": "time_of_day", "weekday": [0.0] * 288, "weekend": [1.0] * 288},
        {"kind": "time_of_day", "weekday": ["1"] * 288, "weekend": [1.0] * 288},
        {"kind": "time_of_day"},
    ],
)
def test_a_file_that_is_no_curve_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"kind|weekday|value"):
        parse_curve(json.dumps(document).encode())


def volatility(curve: DayCurve | None, now_ns: int, life_s: float) -> float:
    """Return the volatility that a market's remaining life is priced with, after a price at one moment."""
    files = {} if curve is None else {"day.json": curve_document(curve, "test").encode()}
    harness = Harness(Library(files.__getitem__))
    harness.now_ns = now_ns
    pricing = {} if curve is None else {"time_of_day": {"BTC": "day.json"}}
    assert harness.bot(pricing=pricing) == []
    harness.market(expiry_ns=now_ns + round(life_s * NS_PER_S))
    harness.status("binance")
    harness.status("degen")
    [value] = harness.top(60_000.0)
    assert isinstance(value, FairValue)
    return value.volatility


def test_s1_3_the_variance_ahead_is_what_was_seen_moved_to_the_hours_to_come() -> None:
    now_ns = MONDAY_NS + 3 * 3_600 * NS_PER_S
    calm = 0.7 * CURVE.seen(now_ns, 600.0) + 0.3 * CURVE.seen(now_ns, 3_600.0)
    seen = 0.7 * calm + 0.15 * (CURVE.seen(now_ns, 30.0) + CURVE.seen(now_ns, 120.0))
    for life_s in (300.0, 3_600.0, 43_200.0):
        ahead = CURVE.mean(now_ns, now_ns + round(life_s * NS_PER_S))
        assert volatility(CURVE, now_ns, life_s) == pytest.approx(0.5 * math.sqrt(ahead / seen), rel=1e-3)
    assert volatility(CURVE, now_ns, 3_600.0) > 0.5 > volatility(CURVE, now_ns + DAY_NS // 2, 43_200.0 / 24) > 0.3
    assert volatility(None, now_ns, 300.0) == 0.5


def test_a_flat_curve_changes_nothing() -> None:
    flat = DayCurve([1.0] * BUCKETS, [1.0] * BUCKETS)
    assert volatility(flat, T0_NS, 300.0) == pytest.approx(volatility(None, T0_NS, 300.0), rel=1e-9)


def test_a_curve_that_is_not_there_is_named_and_the_bot_is_not_priced() -> None:
    def read(name: str) -> bytes:
        raise FileNotFoundError(name)

    harness = Harness(Library(read))
    [alert] = harness.bot(pricing={"time_of_day": {"BTC": "day.json"}})
    assert isinstance(alert, Alert)
    assert "day.json" in alert.text
