"""Who trades, and whether they know something: signed flow, VPIN, and how far quotes should stand back because of it.

A signal counts only as far as it exceeds what chance would give: takers who toss a coin also buy ten times in a row.
Sources: Easley, Lopez de Prado and O'Hara, "Flow toxicity and liquidity in a high-frequency world", Review of Financial
Studies 25(5), 2012, for VPIN; Glosten and Milgrom, Journal of Financial Economics 14, 1985, for what it costs to trade
with somebody informed.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from common.bots import Flow
from common.clock import NS_PER_S

from quoter.signals.markouts import Markouts, QuoteSide
from quoter.signals.share import move_deviation

BUCKETS_MIN = 4
"""With fewer full buckets there is no VPIN yet."""
_MEAN_ABS = math.sqrt(2.0 / math.pi)
"""Mean of |x| for a standard normal x; its variance is 1 - 2/pi."""


@dataclass(slots=True)
class SignedFlow:
    """Shares bought less shares sold by takers, in YES terms, fading with age."""

    signed: float = 0.0
    volume: float = 0.0
    squares: float = 0.0
    """Of the sizes of single trades: how large an imbalance chance makes of them."""
    at_ns: int = 0

    def on_trade(self, signed: float, now_ns: int, half_life_s: float) -> None:
        self._fade(now_ns, half_life_s)
        self.signed += signed
        self.volume += abs(signed)
        self.squares += signed * signed

    def imbalance(self, now_ns: int, half_life_s: float, prior: float) -> float:
        """Return (bought - sold) / (volume + prior), -1 to 1; towards 0 when it is quiet."""
        self._fade(now_ns, half_life_s)
        return self.signed / (self.volume + prior) if self.volume > 0.0 else 0.0

    def excess(self, now_ns: int, half_life_s: float, prior: float, confidence: float) -> float:
        """Return the imbalance beyond `confidence` deviations of what balanced flow of these sizes would show."""
        found = self.imbalance(now_ns, half_life_s, prior)
        if found == 0.0:
            return 0.0
        chance = confidence * math.sqrt(self.squares) / (self.volume + prior)
        return math.copysign(max(0.0, abs(found) - chance), found)

    def _fade(self, now_ns: int, half_life_s: float) -> None:
        if now_ns > self.at_ns:
            kept = 0.5 ** ((now_ns - self.at_ns) / NS_PER_S / half_life_s)
            self.signed *= kept
            self.volume *= kept
            self.squares *= kept * kept
            self.at_ns = now_ns


class Bucket(NamedTuple):
    """One bucket of volume."""

    imbalance: float
    """|bought - sold| / volume."""
    noise: float
    """Standard deviation of (bought - sold) / volume, had every trade in it been a toss of a coin."""


@dataclass(slots=True)
class Vpin:
    """Volume-synchronised probability of informed trading: the mean |bought - sold| / volume of buckets of volume."""

    _buckets: deque[Bucket] = field(default_factory=deque)
    _filled: float = 0.0
    _signed: float = 0.0
    _squares: float = 0.0

    def on_trade(self, signed: float, bucket: float, keep: int) -> None:
        """Take in a taker's trade, positive when YES was bought; what overflows a bucket goes into the next."""
        left = abs(signed)
        # Whole buckets of one trade push each other out: more than are kept need not be filled.
        left -= bucket * max(0, int(left / bucket) - keep - 1)
        direction = math.copysign(1.0, signed)
        while left > 0.0:
            part = max(0.0, min(left, bucket - self._filled))
            self._filled += part
            self._signed += direction * part
            self._squares += part * part
            left -= part
            if self._filled >= bucket:
                self._buckets.append(Bucket(abs(self._signed) / self._filled, math.sqrt(self._squares) / self._filled))
                self._filled = self._signed = self._squares = 0.0
        while len(self._buckets) > keep:
            self._buckets.popleft()

    def value(self) -> float | None:
        """Return VPIN, 0 to 1; None before there are enough full buckets."""
        if len(self._buckets) < BUCKETS_MIN:
            return None
        return sum(each.imbalance for each in self._buckets) / len(self._buckets)

    def excess(self, confidence: float) -> float:
        """Return VPIN less what balanced flow of the same trades would show and `confidence` errors of that."""
        found = self.value()
        if found is None:
            return 0.0
        count = len(self._buckets)
        expected = _MEAN_ABS * sum(each.noise for each in self._buckets) / count
        error = math.sqrt((1.0 - 2.0 / math.pi) * sum(each.noise**2 for each in self._buckets)) / count
        return max(0.0, found - expected - confidence * error)


@dataclass(slots=True)
class MarketFlow:
    """What has been traded in one market."""

    public: SignedFlow = field(default_factory=SignedFlow)
    """Everybody's trades, ours among them."""
    own: SignedFlow = field(default_factory=SignedFlow)
    """Those against our quotes; it speaks too when the public prints are away."""
    vpin: Vpin = field(default_factory=Vpin)
    traded_at_ns: int = 0

    def on_trade(self, signed: float, now_ns: int, flow: Flow) -> None:
        """Take in a public trade: shares of YES, positive when the taker bought."""
        self.public.on_trade(signed, now_ns, flow.half_life_s)
        self.vpin.on_trade(signed, flow.vpin_bucket, flow.vpin_buckets)
        self.traded_at_ns = now_ns

    def on_own(self, signed: float, now_ns: int, flow: Flow) -> None:
        """Take in a taker's trade against one of our quotes, with the taker's sign."""
        self.own.on_trade(signed, now_ns, flow.half_life_s)


class Toxicity(NamedTuple):
    """How far to move each side away, in price of a YES share, and what said so."""

    bid: float = 0.0
    ask: float = 0.0
    bid_by: str = ""
    ask_by: str = ""


UNTOUCHED = Toxicity()


def informed_cost(informed: float, fair: float, seconds_left: float, ahead_s: float) -> float:
    """Return what a trade loses on average when a share of the takers knows the fair value so long ahead.

    Glosten and Milgrom's E[V | a taker buys] - p = mu s, where V moves by plus or minus s with equal chance and s is
    the deviation of the move over `ahead_s`. When that reaches expiry the taker knows the result: at p = 0.5 it is
    mu / 2, which is their half-spread.
    """
    return informed * move_deviation(fair, seconds_left, ahead_s)


def toxicity(
    traded: MarketFlow,
    markouts: Markouts,
    series: str,
    fair: float,
    seconds_left: float,
    now_ns: int,
    flow: Flow,
) -> Toxicity:
    """Return how far to stand back on each side, 0 to `max_toxicity`.

    Three opinions of the same thing, of which the strongest counts: what fills of this side have lost lately, beyond
    the error of that; flow that is one-sided beyond chance, for the side it takes; VPIN beyond chance, for both.
    """
    quiet_s = (now_ns - traded.traded_at_ns) / NS_PER_S
    share = traded.vpin.excess(flow.confidence) * 0.5 ** (quiet_s / flow.half_life_s)
    both = flow.vpin_factor * informed_cost(share, fair, seconds_left, flow.informed_ahead_s)
    flows = [each.excess(now_ns, flow.half_life_s, flow.prior, flow.confidence) for each in (traded.public, traded.own)]
    found = []
    for side in QuoteSide:
        # Takers who sell come to our bid.
        one_sided = max(0.0, *(-side * each for each in flows))
        found.append(
            max(
                (_lost(markouts, series, side, now_ns, flow), "markouts"),
                (flow.imbalance_factor * informed_cost(one_sided, fair, seconds_left, flow.informed_ahead_s), "flow"),
                (both, "vpin"),
            )
        )
    (bid, bid_by), (ask, ask_by) = found
    most = flow.max_toxicity
    return Toxicity(min(bid, most), min(ask, most), bid_by if bid else "", ask_by if ask else "")


def _lost(markouts: Markouts, series: str, side: QuoteSide, now_ns: int, flow: Flow) -> float:
    """Return the adverse move per share that fills of a side have seen, as far as it is more than its error."""
    mark = markouts.mark(series, side, flow.markout_horizon_s, now_ns, flow.markout_half_life_s)
    if mark is None or math.isinf(mark.error):
        return 0.0
    # Shares that never moved weigh in: few or faded fills say little.
    trusted = mark.shares / (mark.shares + flow.markout_prior)
    return flow.markout_factor * trusted * max(0.0, mark.adverse - flow.confidence * mark.error)
