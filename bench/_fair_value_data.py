"""Minute bars turned into markets: what was known when each was priced, and how it ended."""

from __future__ import annotations

import csv
import math
import statistics
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from common.clock import NS_PER_S
from pricer.volatility import Volatility, VolatilityParams

MINUTES_PER_DAY = 1_440
MINUTE_NS = 60 * 10**9
YEAR_S = 365 * 24 * 3600
SEED_WINDOW = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One market priced at one minute."""

    market: int
    """Minute at which it opened."""
    minute: int
    x: float
    """ln(S/K)."""
    left: int
    """Minutes."""
    won: bool


def read_bars(path: Path) -> list[tuple[int, float]]:
    """Return time (ns of UTC) and close of one-minute bars; ValueError when a minute comes twice."""
    with path.open(newline="") as file:
        bars = list(csv.DictReader(file))
    times = [bar["timestamp"][:16] for bar in bars]
    if len(set(times)) != len(times):
        raise ValueError(f"{path}: a minute comes twice")
    return [
        (int(datetime.fromisoformat(time).replace(tzinfo=UTC).timestamp()) * NS_PER_S, float(bar["close"]))
        for time, bar in zip(times, bars, strict=True)
    ]


def rows_of(closes: list[float], minutes: int, every: int, days: range) -> list[Row]:
    """Return the markets that open every `minutes` with the strike at the close, priced every so many minutes."""
    found = []
    for opened in range(days.start * MINUTES_PER_DAY, days.stop * MINUTES_PER_DAY, minutes):
        if opened + minutes >= len(closes):
            break
        strike, won = closes[opened], closes[opened + minutes] > closes[opened]
        found += [
            Row(opened, opened + passed, math.log(closes[opened + passed] / strike), minutes - passed, won)
            for passed in range(every, minutes, every)
        ]
    return found


def annual_volatilities(closes: list[float], half_life_s: float) -> list[float]:
    """Return the pricer's own estimate after each bar."""
    params = VolatilityParams(half_life_s, 1.0, 0.05, 5.0, 0.5, 120.0, gap_s=120.0)
    estimate = Volatility(params)
    found = []
    for minute, close in enumerate(closes):
        estimate.observe(close, minute * MINUTE_NS)
        found.append(estimate.annual)
    return found


def seed_volatilities(closes: list[float]) -> list[float]:
    """Return the source document's formula: the deviation of 100 returns, taken for returns of one second."""
    returns: deque[float] = deque(maxlen=SEED_WINDOW)
    found = []
    for minute, close in enumerate(closes):
        if minute:
            returns.append(math.log(close / closes[minute - 1]))
        known = len(returns) > 1
        found.append((statistics.stdev(returns) if known else 0.0) * math.sqrt(YEAR_S))
    return found
