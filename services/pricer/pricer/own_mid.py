"""What a market costs at the venue where it is quoted: the middle of its own book, as a source price.

The book contains our own quotes. A kind that is priced so follows others only as far as they quote beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from common.clock import NS_PER_MS
from common.core import Sample
from common.events import SourcePrice, TopOfBook

from pricer.kind import Output
from pricer.sources.aggregation import Source, mid_price
from pricer.sources.spot import name_of


class OwnMid(Output):
    """The source prices of one bot's markets, each from the top of its own book."""

    def __init__(self, algo_id: str, name: str, max_age_ns: int, interval_ns: int) -> None:
        """`interval_ns`: prices are renewed this often even when no book moves, so that they do not get old."""
        self.algo_id, self._name = algo_id, name
        self.silent = "no open market"
        self._sources: tuple[Source, ...] = ()
        self._max_age_ns, self._interval_ns = max_age_ns, interval_ns
        self._said: dict[Source, TopOfBook] = {}
        """The top that was stated last, of each that is fresh."""
        self._renewed_at_ns = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def sources(self) -> Sequence[Source]:
        return self._sources

    def hold(self, sources: Iterable[Source]) -> None:
        """State the prices of these books from now on and forget the others."""
        self._sources = tuple(sources)
        self._said = {source: top for source, top in self._said.items() if source in self._sources}

    def due(self, now_ns: int) -> bool:
        return now_ns - self._renewed_at_ns >= self._interval_ns

    def prices_from(self, source: Source) -> bool:
        return source in self._sources

    def values(self, now_ns: int, epoch: int) -> Sequence[SourcePrice]:
        """Return the prices of books that have moved since, or of all of them when it is time."""
        renewing = self.due(now_ns)
        if renewing:
            self._renewed_at_ns = now_ns
        values = []
        for source in self._sources:
            top, age_ns = source.top, source.age_ns(now_ns)
            if top is None or age_ns is None or age_ns > self._max_age_ns:
                self._said.pop(source, None)
            elif renewing or self._said.get(source) is not top:
                self._said[source] = top
                values.append(self._value(source, top, age_ns, epoch))
        self.silent = "" if self._said else "no fresh book" if self._sources else "no open market"
        return values

    def _value(self, source: Source, top: TopOfBook, age_ns: int, epoch: int) -> SourcePrice:
        return SourcePrice(
            algo_id=self.algo_id,
            venue=source.feed.venue,
            symbol=source.symbol,
            bid=top.bid,
            ask=top.ask,
            age_ns=age_ns,
            ts_event_ns=top.ts_event_ns,
            ts_received_ns=top.ts_received_ns,
            epoch=epoch,
        )

    def forget(self) -> None:
        self._said.clear()

    def picture(self, now_ns: int) -> dict[str, Any]:
        return {
            "silent": self.silent,
            "markets": {
                source.symbol: {"source": name_of(source), "mid": mid_price(top), "age_ms": _ms(source.age_ns(now_ns))}
                for source, top in self._said.items()
            },
        }

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        for source, top in self._said.items():
            market = {"algo_id": self.algo_id, "symbol": source.symbol}
            yield Sample("mm_source_price", "gauge", "Middle of the venue's own book", market, mid_price(top))


def _ms(age_ns: int | None) -> int | None:
    return None if age_ns is None else age_ns // NS_PER_MS
