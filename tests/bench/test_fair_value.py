"""The fair-value benchmark: its rows, its scores and its bootstrap, on bars whose truth is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from _fair_value_data import MINUTE_NS, Row, annual_volatilities, read_bars, rows_of, seed_volatilities
from _fair_value_plot import calibration_svg
from fair_value import Mix, bootstrapped, by_model, main, score, with_curve
from pricer.binary.models import Diffusion
from pricer.time_of_day import DayCurve, parse_curve

YEAR_MINUTES = 365 * 24 * 60
VOLATILITY = 0.6


def bars(days: int, seed: int = 1) -> list[float]:
    random = np.random.default_rng(seed)
    moves = random.normal(0, VOLATILITY / math.sqrt(YEAR_MINUTES), days * 1_440)
    return list(40_000 * np.exp(np.cumsum(moves)))


@pytest.fixture(scope="module")
def closes() -> list[float]:
    return bars(14)


def test_a_market_is_priced_each_minute_between_its_open_and_its_end(closes: list[float]) -> None:
    rows = rows_of(closes, 5, 1, range(2, 4))
    assert len(rows) == 2 * 1_440 // 5 * 4
    row = rows[6]
    assert (row.market, row.minute, row.left) == (2_885, 2_888, 2)
    assert row.x == math.log(closes[2_888] / closes[2_885])
    assert row.won == (closes[2_890] > closes[2_885])


def test_b1_the_sources_formula_reads_minutes_as_seconds(closes: list[float]) -> None:
    assert np.median(annual_volatilities(closes, 900.0)) == pytest.approx(VOLATILITY, rel=0.1)
    assert np.median(seed_volatilities(closes)) == pytest.approx(VOLATILITY * math.sqrt(60), rel=0.1)


def test_the_true_variance_scores_best_of_its_multiples(closes: list[float]) -> None:
    rows = rows_of(closes, 15, 1, range(14))

    def loss(factor: float) -> float:
        return float(score(by_model(Diffusion(), [factor * VOLATILITY**2] * len(closes)), rows).losses.mean())

    assert loss(1.0) < loss(0.6)
    assert loss(1.0) < loss(1.8)


def test_a_curve_without_shape_changes_nothing(closes: list[float]) -> None:
    rows = rows_of(closes, 60, 3, range(1))
    mix = Mix([VOLATILITY**2] * len(closes), 600.0, 3_600.0, 0.7)
    flat, times_ns = DayCurve([1.0] * 288, [1.0] * 288), [minute * MINUTE_NS for minute in range(len(closes))]
    for row in rows[:50]:
        expected = by_model(Diffusion(), mix.variances)(row)
        assert with_curve(mix, flat, times_ns, Diffusion())(row) == pytest.approx(expected)


def test_a_busy_hour_ahead_makes_the_far_side_likelier(closes: list[float]) -> None:
    busy = DayCurve([3.0 if hour == 1 else 1.0 for hour in range(24) for _ in range(12)], [1.0] * 288)
    mix = Mix([VOLATILITY**2] * len(closes), 600.0, 3_600.0, 0.7)
    # The epoch began on a Thursday, a weekday.
    times_ns = [minute * MINUTE_NS for minute in range(len(closes))]
    before = Row(market=0, minute=59, x=-0.02, left=60, won=False)
    plain = by_model(Diffusion(), mix.variances)(before)
    assert with_curve(mix, busy, times_ns, Diffusion())(before) > 2 * plain


def test_the_bootstrap_of_equal_rows_has_the_error_of_a_mean(closes: list[float]) -> None:
    rows = rows_of(closes, 60, 60, range(14)) or rows_of(closes, 60, 30, range(14))
    differences = np.random.default_rng(9).normal(0.5, 2.0, len(rows))
    means = bootstrapped(differences, rows, 60, seed=4)
    assert means.mean() == pytest.approx(differences.mean(), abs=0.03)
    assert means.std() == pytest.approx(differences.std() / math.sqrt(len(rows)), rel=0.1)


def test_a_whole_run_reports_every_model_and_draws_its_plot(closes: list[float], tmp_path: Path) -> None:
    data, plot, curve = tmp_path / "bars.csv", tmp_path / "plot.svg", tmp_path / "day.json"
    lines = [
        f"2022-01-{1 + minute // 1_440:02d} {minute // 60 % 24:02d}:{minute % 60:02d}:00,{close}"
        for minute, close in enumerate(closes)
    ]
    data.write_text("timestamp,close\n" + "\n".join(lines))
    figures = {
        figure.name: figure for figure in main(["--data", str(data), "--plot", str(plot), "--curve", str(curve)])
    }
    for minutes in (5, 15, 60):
        assert float(figures[f"{minutes} min, the source's formula: log-loss"].value) > 0.55
        assert float(figures[f"{minutes} min, default: log-loss"].value) < 0.52
        assert figures[f"{minutes} min, upper 95 % bound"].aim == "≤ 0.002"
    assert plot.read_text().count("<circle") == 20
    assert len(parse_curve(curve.read_bytes()).weekend) == 288


def test_too_little_data_and_a_minute_twice_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "bars.csv"
    data.write_text("timestamp,close\n2022-01-01 00:00:00,1\n2022-01-01 00:00:00,2\n")
    with pytest.raises(ValueError, match="twice"):
        read_bars(data)
    data.write_text("timestamp,close\n2022-01-01 00:00:00,1\n")
    with pytest.raises(SystemExit):
        main(["--data", str(data)])


def test_what_came_true_as_often_as_it_was_said_lies_on_the_line() -> None:
    svg = calibration_svg([(0.25, True)] + [(0.25, False)] * 3)
    assert svg.count("<circle") == 1
    assert 'cx="145.0" cy="335.0"' in svg
