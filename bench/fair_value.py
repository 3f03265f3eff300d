"""How good the fair values are: log-loss and Brier score of markets made of minute bars, by model.

Everything is fitted on the first seven days and scored on the next seven. Markets open every 5, 15 and 60 minutes with
the strike at the close and are priced each minute (every third of the hour). The default is what fits the first days
best, but of two models that cannot be told apart there the simpler one is taken (the one-standard-error rule). Its
difference to a 15-minute EWMA is bootstrapped in blocks of whole markets of at least an hour.

The half-lives of volatility are chosen twice: walking forward day by day, and in the session benchmark's worlds on
samples of 5 s, where the regime changes at once and the truth is known.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from _fair_value_data import (
    MINUTE_NS,
    MINUTES_PER_DAY,
    YEAR_S,
    Row,
    annual_volatilities,
    read_bars,
    rows_of,
    seed_volatilities,
)
from _fair_value_pace import CANDIDATES, loss_beyond_truth, on_bars, params_of, walk_forward
from _fair_value_plot import calibration_svg
from numpy.typing import NDArray
from pricer.binary.models import Diffusion, Jumps, Model, Student, Surface
from pricer.time_of_day import DayCurve, curve_document, fitted
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import existing_file, whole_number

HORIZONS = {5: 1, 15: 1, 60: 3}
"""Minutes of life, and every how many of them a market is priced."""
FIT_DAYS, SCORE_DAYS = range(7), range(7, 14)
LOWEST, HIGHEST = 0.01, 0.99
"""Probabilities are clamped to these for scoring only."""
BLOCK_MINUTES_MIN = 60
RESAMPLES = 4_000
WORSE_BY_MAX = 0.002
FAST_S, SLOW_S, FAST_SHARES = (300.0, 600.0, 900.0, 1_800.0), (3_600.0, 7_200.0, 14_400.0), (0.3, 0.5, 0.7)
MARKETS = 60
"""Of each world."""
REGIME_LOSS_MAX, BASE_LOSS_MAX = 0.02, 0.001
"""Log-loss beyond the truth's: where volatility goes from 20 to 100 %, and where it stays at 50 %."""
DEGREES = (4.0, 5.0, 6.0, 8.0, 12.0, 20.0, 40.0)

Price = Callable[[Row], float]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scores:
    """One model on one set of rows."""

    losses: Vector
    briers: Vector


class Mix(NamedTuple):
    """Two averages as one estimate."""

    variances: list[float]
    """Annual, after each bar."""
    fast_s: float
    slow_s: float
    share: float
    """Of the variance, how much the first one makes."""


def by_model(model: Model, variances: Sequence[float]) -> Price:
    """Return prices from annual variances after each bar and a shape."""

    def price(row: Row) -> float:
        years = row.left * 60 / YEAR_S
        return model.value(row.x, max(variances[row.minute] * years, 1e-12), years).probability

    return price


def with_curve(mix: Mix, curve: DayCurve, times_ns: Sequence[int], model: Model) -> Price:
    """Return prices whose variance follows the day's curve from what was seen to what is to come."""

    def price(row: Row) -> float:
        now_ns = times_ns[row.minute]
        seen = mix.share * curve.seen(now_ns, mix.fast_s) + (1 - mix.share) * curve.seen(now_ns, mix.slow_s)
        coming = curve.mean(now_ns, now_ns + row.left * MINUTE_NS)
        years = row.left * 60 / YEAR_S
        variance = mix.variances[row.minute] * coming / seen * years
        return model.value(row.x, max(variance, 1e-12), years).probability

    return price


def score(price: Price, rows: Sequence[Row]) -> Scores:
    """Return the log-loss and the Brier score of each row."""
    probabilities = np.clip([price(row) for row in rows], LOWEST, HIGHEST)
    won = np.array([row.won for row in rows])
    losses = -np.log(np.where(won, probabilities, 1 - probabilities))
    return Scores(losses, (probabilities - won) ** 2)


def bootstrapped(differences: Vector, rows: Sequence[Row], minutes: int, seed: int) -> Vector:
    """Return resampled means of paired differences, in whole blocks of markets of at least an hour."""
    length = max(minutes, BLOCK_MINUTES_MIN)
    blocks = np.array([row.market // length for row in rows])
    _, places = np.unique(blocks, return_inverse=True)
    sums = np.bincount(places, weights=differences)
    counts = np.bincount(places)
    drawn = np.random.default_rng(seed).integers(0, len(sums), (RESAMPLES, len(sums)))
    means: Vector = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means


def chosen_mix(closes: Sequence[float], rows: dict[int, list[Row]]) -> Mix:
    """Return the two half-lives that fit best, and say which they are."""
    by_half_life = {
        half_life_s: [volatility**2 for volatility in annual_volatilities(list(closes), half_life_s)]
        for half_life_s in (*FAST_S, *SLOW_S)
    }
    best, best_loss = Mix([], 0.0, 0.0, 0.0), float("inf")
    for fast_s, slow_s, share in itertools.product(FAST_S, SLOW_S, FAST_SHARES):
        pairs = zip(by_half_life[fast_s], by_half_life[slow_s], strict=True)
        mixed = [share * fast + (1 - share) * slow for fast, slow in pairs]
        loss = sum(float(score(by_model(Diffusion(), mixed), each).losses.mean()) for each in rows.values())
        if loss < best_loss:
            best, best_loss = Mix(mixed, fast_s, slow_s, share), loss
    said = f"{best.share:g} of {best.fast_s:g} s and the rest of {best.slow_s:g} s"
    print(f"fitted, half-lives: {said}, log-loss {best_loss:.4f} in all")
    return best


def chosen_degrees(variances: Sequence[float], rows: dict[int, list[Row]], seed: int) -> float:
    """Return the degrees of freedom for the default: the most, that fit within one standard error of the best."""
    losses = {
        df: {minutes: score(by_model(Student(df), variances), each).losses for minutes, each in rows.items()}
        for df in DEGREES
    }
    totals = {df: sum(float(each.mean()) for each in by_horizon.values()) for df, by_horizon in losses.items()}
    best = min(totals, key=lambda df: totals[df])
    for df in sorted(DEGREES, reverse=True):
        resampled = sum(
            bootstrapped(losses[df][minutes] - losses[best][minutes], each, minutes, seed)
            for minutes, each in rows.items()
        )
        error = float(np.std(resampled))
        print(f"fitted, t with {df:g}: log-loss {totals[df]:.4f} in all, error of the difference {error:.4f}")
        if totals[df] - totals[best] <= error:
            return df
    return best


def paces(closes: Sequence[float], degrees: float, seed: int) -> list[Figure]:
    """Return how each way of following volatility does, walking forward over the bars and in two worlds."""
    estimates = {name: on_bars(closes, params_of(changes)) for name, changes in CANDIDATES.items()}
    figures = []
    for minutes, every in HORIZONS.items():
        rows = rows_of(list(closes), minutes, every, range(SCORE_DAYS.stop))
        losses = {name: score(by_model(Student(degrees), each), rows).losses for name, each in estimates.items()}
        walked = walk_forward(losses, rows)
        figures.append(Figure(f"{minutes} min, walking forward: log-loss", round(walked.loss, 5), "nats"))
        most = max(set(walked.chosen), key=walked.chosen.count)
        figures.append(Figure(f"{minutes} min, walking forward: chosen most often", most, ""))
        for name, loss in walked.losses.items():
            figures.append(Figure(f"{minutes} min, {name}: log-loss of those days", round(loss, 5), "nats"))
        beyond = walked.losses["as shipped"] - walked.loss
        figures.append(
            at_most(f"{minutes} min, as shipped beyond walking forward", round(beyond, 5), "nats", WORSE_BY_MAX)
        )
    for kind, limit in (("regime", REGIME_LOSS_MAX), ("base", BASE_LOSS_MAX)):
        for name, changes in CANDIDATES.items():
            loss = loss_beyond_truth(params_of(changes), kind, MARKETS, seed, degrees)
            what = f"{kind} world, {name}: log-loss beyond the truth's"
            shown = at_most(what, round(loss, 5), "nats", limit) if name == "as shipped" else None
            figures.append(shown or Figure(what, round(loss, 5), "nats"))
    return figures


def main(options: list[str]) -> list[Figure]:
    """Fit, score, compare, and draw how the default is calibrated."""
    parser = argparse.ArgumentParser(prog="bench fair-value", description=__doc__)
    parser.add_argument(
        "--data", type=existing_file, required=True, help="one-minute bars: timestamp,open,high,low,close,..."
    )
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--curve", type=Path, help="write the day's curve of all bars here, for `pricing.time_of_day`")
    parser.add_argument("--plot", type=Path, default=Path("fair-value-calibration.svg"))
    arguments = parser.parse_args(options)
    bars = read_bars(arguments.data)
    closes = [close for _, close in bars]
    if len(closes) < SCORE_DAYS.stop * MINUTES_PER_DAY:
        parser.error(f"--data: needs {SCORE_DAYS.stop} days of minutes, has {len(closes)} bars")
    fit, held_out = (
        {minutes: rows_of(closes, minutes, every, days) for minutes, every in HORIZONS.items()}
        for days in (FIT_DAYS, SCORE_DAYS)
    )
    ewma = [volatility**2 for volatility in annual_volatilities(closes, 900.0)]
    mix = chosen_mix(closes, fit)
    mixed, shipped = mix.variances, on_bars(closes, params_of({}))
    curve = fitted(bars[: FIT_DAYS.stop * MINUTES_PER_DAY])
    degrees = chosen_degrees(shipped, fit, arguments.seed)
    seed_variances = [volatility**2 for volatility in seed_volatilities(closes)]
    prices: dict[str, Price] = {
        "default": by_model(Student(degrees), shipped),
        "EWMA 15 min": by_model(Diffusion(), ewma),
        "two half-lives": by_model(Diffusion(), mixed),
        "two half-lives, t 5": by_model(Student(5.0), mixed),
        "two half-lives, jumps": by_model(Jumps(48 * 365, 0.0, 0.001), mixed),
        "two half-lives, smile": by_model(Surface(-0.3, 0.6), mixed),
        "two half-lives, time of day": with_curve(mix, curve, [at_ns for at_ns, _ in bars], Diffusion()),
        "flat 50 %": by_model(Diffusion(), [0.25] * len(closes)),
        "the source's formula": by_model(Diffusion(), seed_variances),
    }
    figures = [Figure("degrees of freedom of the default", degrees, "")]
    for minutes, rows in held_out.items():
        scores = {name: score(price, rows) for name, price in prices.items()}
        for name, each in scores.items():
            figures.append(Figure(f"{minutes} min, {name}: log-loss", round(float(each.losses.mean()), 4), "nats"))
            figures.append(Figure(f"{minutes} min, {name}: Brier", round(float(each.briers.mean()), 4), ""))
        differences = scores["default"].losses - scores["EWMA 15 min"].losses
        lower, upper = np.quantile(bootstrapped(differences, rows, minutes, arguments.seed), [0.025, 0.975])
        figures.append(Figure(f"{minutes} min, default less EWMA", round(float(differences.mean()), 5), "nats"))
        figures.append(Figure(f"{minutes} min, lower 95 % bound", round(float(lower), 5), "nats"))
        figures.append(at_most(f"{minutes} min, upper 95 % bound", round(float(upper), 5), "nats", WORSE_BY_MAX))
    figures += paces(closes, degrees, arguments.seed)
    everything = [(prices["default"](row), row.won) for rows in held_out.values() for row in rows]
    arguments.plot.write_text(calibration_svg(everything))
    print(f"calibration of the default drawn to {arguments.plot}")
    if arguments.curve is not None:
        arguments.curve.write_text(curve_document(fitted(bars), f"{len(bars)} bars of {arguments.data.name}"))
        print(f"curve of the day, of all bars, written to {arguments.curve}")
    return figures
