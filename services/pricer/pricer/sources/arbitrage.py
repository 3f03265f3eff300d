"""One venue's bid above another's offer, when basis and fees are taken off: told and measured, never traded.

It says who leads: the venue whose price opened the gap is where the others will go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from common.core import Sample

from pricer.sources.aggregation import Source
from pricer.sources.basis import Offset
from pricer.sources.episodes import Episode, Turn

BASIS_POINT = 1e-4


class Book(Protocol):
    """What is looked at of a source; prices are logarithms, without its offset."""

    bid: float
    ask: float
    fees: float
    fresh: bool
    offset: Offset
    source: Source

    @property
    def tradable(self) -> bool:
        """Say whether something can be taken there."""
        ...


class Edge(NamedTuple):
    """The best that buying at one source and selling at another would bring."""

    profit: float
    """In log price, fees of both taken off; below 0 is no profit."""
    buy_at: int
    sell_at: int
    leader: int
    """Which of the two moved last: it opened the gap."""


def best_edge(books: Sequence[Book]) -> Edge | None:
    """Return the best pair of two different sources; None with less than two fresh ones.

    profit = max over pairs of (ln bid_s + offset_s - fee_s) - (ln ask_b + offset_b + fee_b).
    """
    best: Edge | None = None
    for sell_at, sold in enumerate(books):
        if not (sold.fresh and sold.tradable):
            continue
        received = sold.bid + sold.offset.mean - sold.fees
        for buy_at, bought in enumerate(books):
            if buy_at == sell_at or not (bought.fresh and bought.tradable):
                continue
            profit = received - bought.ask - bought.offset.mean - bought.fees
            if best is None or profit > best.profit:
                later = sold.source.arrived_at_ns >= bought.source.arrived_at_ns
                best = Edge(profit, buy_at, sell_at, sell_at if later else buy_at)
    return best


class ArbitrageWatch:
    """How often, how long and how far the venues of an underlying stand apart, and who begins it."""

    def __init__(self, sources: int, after_ns: int) -> None:
        self._episode = Episode(after_ns)
        self._edge: Edge | None = None
        self._open = False
        self._opened: Edge | None = None
        self._best = 0.0
        self.gaps = 0
        """How often a gap has opened, however short."""
        self.led = [0] * sources
        """How many of these each source has opened."""

    def lasting(self, after_ns: int) -> None:
        """Tell people of what lasts this long from now on."""
        self._episode.after_ns = after_ns

    def see(self, edge: Edge | None) -> None:
        """Take in the best pair now."""
        self._edge = edge
        opened = edge is not None and edge.profit > 0.0
        if edge is not None and opened:
            if not self._open:
                self.gaps += 1
                self.led[edge.leader] += 1
                self._opened, self._best = edge, 0.0
            self._best = max(self._best, edge.profit)
        self._open = opened

    def turn(self, now_ns: int) -> Turn | None:
        """Return what there is to tell people."""
        return self._episode.see(self._open, now_ns)

    def text(self, turn: Turn, sources: Sequence[Source]) -> str:
        edge = self._opened
        assert edge is not None, "only what has begun is told"
        buy, sell, leader = (_name(sources[place]) for place in (edge.buy_at, edge.sell_at, edge.leader))
        if turn is Turn.ENDED:
            return f"the gap between {buy} and {sell} has closed, at most {self._best / BASIS_POINT:.1f} bp after fees"
        return f"{sell} bids {self._best / BASIS_POINT:.1f} bp above what {buy} asks, after fees; {leader} moved first"

    def picture(self, sources: Sequence[Source]) -> dict[str, Any]:
        edge = self._edge
        if edge is None:
            return {"open": False, "gaps": self.gaps}
        return {
            "open": self._open,
            "edge_bps": edge.profit / BASIS_POINT,
            "buy_at": _name(sources[edge.buy_at]),
            "sell_at": _name(sources[edge.sell_at]),
            "leader": _name(sources[edge.leader]),
            "gaps": self.gaps,
            "led": {_name(source): count for source, count in zip(sources, self.led, strict=True)},
        }

    def samples(self, labels: dict[str, str], sources: Sequence[Source]) -> Iterator[Sample]:
        if self._edge is not None:
            edge_bps = self._edge.profit / BASIS_POINT
            yield Sample("mm_arbitrage_edge_bps", "gauge", "Best bid over another's ask, fees off", labels, edge_bps)
        for source, count in zip(sources, self.led, strict=True):
            named = labels | {"source": _name(source)}
            yield Sample("mm_arbitrages_total", "counter", "Gaps after fees that this source opened", named, count)


def _name(source: Source) -> str:
    return f"{source.feed.venue}:{source.symbol}"
