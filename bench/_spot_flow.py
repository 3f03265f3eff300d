"""How often customers come and how far they go for it: the flow of market orders, fitted on recorded trades.

Trades of one aggressor arrive with one time stamp and are one order. It reaches as far from the middle of the book as
its last trade. Orders that go beyond the touch come at a rate that falls off with the distance d as

    rate(d) = per_s x exp(-d / reach),

whose maximum-likelihood fit over distances d_1 .. d_n beyond a least distance f is reach = mean(d_i) - f and
per_s = n / seconds x exp(f / reach). Sizes are lognormal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
from exchange.prices.recording import read_recordings

BPS = 10_000
TOUCH_BPS = 0.05
"""Nearer ones only meet the best price, where nearly everybody trades: they say nothing of who goes further."""
ORDERS_MIN = 50
"""With fewer nothing is fitted."""


class Flow(NamedTuple):
    """Of both sides together."""

    per_s: float
    """Orders that reach beyond the middle at all, if the law held down to there."""
    reach_bps: float
    size_median: float
    """In coins."""
    size_sigma: float
    """Of its logarithm."""

    def rate(self, distance_bps: float) -> float:
        """Return how many orders a second go at least so far."""
        return self.per_s * math.exp(-distance_bps / self.reach_bps)


RECORDED = Flow(0.6205, 0.6601, 0.01998, 3.0433)
"""BTC/USDT on Binance, five minutes and three quarters of 2024-08-08: what a fit of that recording says."""


class Arrival(NamedTuple):
    """One market order."""

    distance_bps: float
    """Of its last trade from the middle before it."""
    size: float


class _Message(msgspec.Struct):
    stream: str = ""
    """Empty of a snapshot of the book."""
    data: msgspec.Raw = msgspec.Raw(b"")


class _Top(msgspec.Struct):
    b: float
    a: float


class _Trade(msgspec.Struct):
    p: float
    q: float
    T: int
    m: bool


def arrivals(path: Path) -> tuple[list[Arrival], float]:
    """Return the market orders of a recording of Binance's streams, and the seconds from the first to the last."""
    found: list[Arrival] = []
    middle = before = 0.0
    last: tuple[int, bool] | None = None
    first_ms = last_ms = 0
    for _, raw in read_recordings([path]):
        message = msgspec.json.decode(raw, type=_Message)
        if message.stream.endswith("@bookTicker"):
            top = msgspec.json.decode(message.data, type=_Top, strict=False)
            middle = (top.b + top.a) / 2
        elif message.stream.endswith("@trade") and middle:
            trade = msgspec.json.decode(message.data, type=_Trade, strict=False)
            first_ms, last_ms = first_ms or trade.T, trade.T
            if last == (trade.T, trade.m):
                size = found.pop().size + trade.q
            else:
                last, before, size = (trade.T, trade.m), middle, trade.q
            away = (before - trade.p if trade.m else trade.p - before) / before
            found.append(Arrival(BPS * away, size))
    return found, (last_ms - first_ms) / 1_000


def fitted(orders: Iterable[Arrival], seconds: float, least_bps: float = TOUCH_BPS) -> Flow:
    """Return the law that fits those which go beyond the touch; ValueError with too few of them."""
    far = [order for order in orders if order.distance_bps >= least_bps]
    if len(far) < ORDERS_MIN or seconds <= 0:
        raise ValueError(f"{len(far)} orders beyond {least_bps:g} bps in {seconds:g} s: {ORDERS_MIN} are needed")
    reach = _mean([order.distance_bps for order in far]) - least_bps
    sizes = [math.log(order.size) for order in far]
    middle = _mean(sizes)
    sigma = math.sqrt(_mean([(size - middle) ** 2 for size in sizes]))
    return Flow(len(far) / seconds * math.exp(least_bps / reach), reach, math.exp(middle), sigma)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
