"""How much prices move at each time of the day, on weekdays and on weekends: a curve around 1.

An average of what was seen says how much prices moved in the hours behind; what is to come is another hour of the day.
The variance over the remaining life is the average's, times the curve's mean over that life, divided by the curve's
mean over what the average has seen, weighted as the average weighs it.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence

from common.clock import NS_PER_S

BUCKET_S = 300
BUCKETS = 86_400 // BUCKET_S
SMOOTHED = 7
"""Buckets that are averaged in a circle: 35 minutes."""
BAR_GAP_MAX_S = 120.0
RELATIVE_MIN, RELATIVE_MAX = 0.01, 100.0

_BUCKET_NS = BUCKET_S * NS_PER_S
_WEEK_BUCKETS = 7 * BUCKETS
_WEEK_NS = _WEEK_BUCKETS * _BUCKET_NS
# The epoch began on a Thursday; the week here begins on Monday, 00:00 UTC.
_MONDAY_NS = 4 * BUCKETS * _BUCKET_NS


class DayCurve:
    """Variance per time relative to its mean, by five minutes of the UTC day; weekdays and weekends apart."""

    def __init__(self, weekday: Sequence[float], weekend: Sequence[float]) -> None:
        """Take 288 relative variances each, each list scaled to a mean of 1; ValueError otherwise."""
        for name, values in (("weekday", weekday), ("weekend", weekend)):
            if len(values) != BUCKETS:
                raise ValueError(f"{name}: needs {BUCKETS} values, has {len(values)}")
            if not all(RELATIVE_MIN <= value <= RELATIVE_MAX for value in values):
                raise ValueError(f"{name}: values must lie between {RELATIVE_MIN} and {RELATIVE_MAX}")
        self.weekday, self.weekend = _scaled(weekday), _scaled(weekend)
        self._week = self.weekday * 5 + self.weekend * 2
        self._before = [0.0]
        for value in self._week:
            self._before.append(self._before[-1] + value)
        self._seen: dict[float, list[float]] = {}

    def at(self, now_ns: int) -> float:
        """Return the relative variance at a moment, in ns of UTC."""
        return self._week[(now_ns - _MONDAY_NS) % _WEEK_NS // _BUCKET_NS]

    def mean(self, from_ns: int, to_ns: int) -> float:
        """Return its mean from one moment to a later one."""
        if to_ns <= from_ns:
            return self.at(from_ns)
        return (self._up_to(to_ns) - self._up_to(from_ns)) * _BUCKET_NS / (to_ns - from_ns)

    def seen(self, now_ns: int, half_life_s: float) -> float:
        """Return its mean over the past, weighted by 2^(-age / half-life): what such an average has lived through.

        E(t) = integral of 2^(-u / H) c(t - u) du, times ln 2 / H. Within a bucket of value c that began with E0 it is
        c + (E0 - c) 2^(-elapsed / H); the values at the bucket's beginnings repeat every week.
        """
        begun = self._seen.get(half_life_s)
        if begun is None:
            begun = self._seen[half_life_s] = self._at_beginnings(half_life_s)
        into_ns = (now_ns - _MONDAY_NS) % _WEEK_NS
        bucket, elapsed_ns = divmod(into_ns, _BUCKET_NS)
        value = self._week[bucket]
        kept: float = 2.0 ** (-elapsed_ns / NS_PER_S / half_life_s)
        return value + (begun[bucket] - value) * kept

    def _up_to(self, now_ns: int) -> float:
        weeks, into_ns = divmod(now_ns - _MONDAY_NS, _WEEK_NS)
        bucket, elapsed_ns = divmod(into_ns, _BUCKET_NS)
        return weeks * self._before[-1] + self._before[bucket] + self._week[bucket] * (elapsed_ns / _BUCKET_NS)

    def _at_beginnings(self, half_life_s: float) -> list[float]:
        kept = 2.0 ** (-BUCKET_S / half_life_s)
        level = 0.0
        for value in self._week:
            level = value + (level - value) * kept
        # A week later it is back where it began: level0 = level + kept^n level0.
        level /= 1.0 - kept**_WEEK_BUCKETS
        begun = []
        for value in self._week:
            begun.append(level)
            level = value + (level - value) * kept
        return begun


def fitted(bars: Iterable[tuple[int, float]]) -> DayCurve:
    """Return the curve of bars (time in ns of UTC, close > 0), in order: median across days, smoothed in a circle.

    A return belongs to the bucket in which its bar begins; bars further apart than two minutes are not joined. Without
    a weekday, or without a day of the weekend, one kind of day stands for both. ValueError without a whole day.
    """
    days: dict[int, list[float]] = {}
    counts: dict[int, int] = {}
    before: tuple[int, float] | None = None
    for now_ns, close in bars:
        if before is not None and 0 < now_ns - before[0] <= BAR_GAP_MAX_S * NS_PER_S:
            day, into_ns = divmod(before[0], BUCKETS * _BUCKET_NS)
            move = close / before[1] - 1.0
            days.setdefault(day, [0.0] * BUCKETS)[into_ns // _BUCKET_NS] += move * move
            counts[day] = counts.get(day, 0) + now_ns - before[0]
        before = (now_ns, close)
    whole = {day: sums for day, sums in days.items() if counts[day] >= 0.9 * BUCKETS * _BUCKET_NS}
    # Day 0 of the epoch is a Thursday, so day 2 is a Saturday.
    weekend = [sums for day, sums in whole.items() if (day + 3) % 7 >= 5]
    weekday = [sums for day, sums in whole.items() if (day + 3) % 7 < 5]
    if not whole:
        raise ValueError("bars: not one whole day")
    return DayCurve(_smooth(weekday or weekend), _smooth(weekend or weekday))


def parse_curve(data: bytes) -> DayCurve:
    """Return the curve of a file as `curve_document` writes it; ValueError says what is wrong."""
    document = json.loads(data)
    if not isinstance(document, dict) or document.get("kind") != "time_of_day":
        raise ValueError('kind: must be "time_of_day"')
    lists = [document.get(name) for name in ("weekday", "weekend")]
    if not all(isinstance(each, list) and all(isinstance(value, int | float) for value in each) for each in lists):
        raise ValueError("weekday, weekend: must be lists of numbers")
    weekday, weekend = lists
    assert isinstance(weekday, list) and isinstance(weekend, list)
    return DayCurve(weekday, weekend)


def curve_document(curve: DayCurve, made_from: str) -> str:
    """Return the file of a curve: JSON with 288 relative variances for weekdays and for weekends."""
    return json.dumps(
        {
            "kind": "time_of_day",
            "made_from": made_from,
            "bucket_s": BUCKET_S,
            "weekday": [round(value, 5) for value in curve.weekday],
            "weekend": [round(value, 5) for value in curve.weekend],
        }
    )


def _smooth(days: Sequence[Sequence[float]]) -> list[float]:
    middle = [statistics.median(day[bucket] for day in days) for bucket in range(BUCKETS)]
    half = SMOOTHED // 2
    curve = [
        sum(middle[(bucket + shift) % BUCKETS] for shift in range(-half, half + 1)) / SMOOTHED
        for bucket in range(BUCKETS)
    ]
    mean = sum(curve) / BUCKETS
    if mean <= 0.0:
        raise ValueError("bars: the price never moves")
    return [min(max(value / mean, RELATIVE_MIN), RELATIVE_MAX) for value in curve]


def _scaled(values: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    return [value / mean for value in values]
