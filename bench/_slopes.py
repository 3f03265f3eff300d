"""How fast something grows, and how sure that is: a straight line through samples that are not independent."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

CORRELATION_MAX = 0.98


class Slope(NamedTuple):
    """Growth per unit of time, its standard error, and the upper end of the one-sided 95 % interval."""

    value: float
    error: float
    upper: float


def slope_of(times: Sequence[float], values: Sequence[float]) -> Slope:
    """Return the least-squares slope of values over times.

    Neighbouring samples of a process's memory resemble each other, so they tell less than their number says: the
    error is that of n (1 - r) / (1 + r) independent samples, r being the correlation of neighbouring residuals
    (an autoregressive process of order one; Bartlett 1946). Below 5 samples nothing is known: the error is infinite.
    """
    count = len(times)
    if count < 5:
        return Slope(0.0, inf, inf)
    t, y = np.asarray(times, dtype=float), np.asarray(values, dtype=float)
    t = t - t.mean()
    spread = float(t @ t)
    value = float(t @ y) / spread
    residuals = y - y.mean() - value * t
    squares = float(residuals @ residuals)
    if squares <= 1e-24 * max(1.0, float(y @ y)):
        return Slope(value, 0.0, value)
    r = min(CORRELATION_MAX, max(0.0, float(residuals[1:] @ residuals[:-1]) / squares))
    effective = max(3.0, count * (1 - r) / (1 + r))
    error = sqrt(squares / (count - 2) / spread * count / effective)
    return Slope(value, error, value + float(stdtrit(effective - 2, 0.95)) * error)
