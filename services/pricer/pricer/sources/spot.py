"""What an underlying costs now, in the price that markets settle on: the first source that is fresh."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from common.bots import PriceSource
from common.clock import NS_PER_MS
from common.core import Sample
from common.events import TopOfBook

from pricer.sources.aggregation import Followed, Source, SourceChoice, micro_price, mid_price
from pricer.volatility import Volatility, VolatilityParams

BASIS_POINT = 1e-4


class PriceEstimate(NamedTuple):
    """A price of the underlying, and how good it is."""

    spot: float
    basis: float
    """What was added to the sources' price; in the price's unit."""
    variance: float
    """Of the log price around the one that markets settle on, for reasons other than age."""
    age_ns: int
    ts_event_ns: int
    ts_received_ns: int
    sound: bool
    """False: show it, do not quote from it."""
    annual: float
    """Volatility, annualised."""
    observed_s: float
    memory: tuple[tuple[float, float], ...]
    """Half-lives of the averages that make the volatility, each with its weight."""


class News(NamedTuple):
    """Something about the sources that people should know."""

    kind: str
    text: str
    calm: bool
    """Nothing is wrong, or no longer."""


class Spot(Protocol):
    """A way to make one price out of the sources of an underlying."""

    sources: tuple[Source, ...]

    def estimate(self, now_ns: int) -> PriceEstimate | None:
        """Return the price; None without a fresh source."""
        ...

    def in_terms_of(self, place: int | None, estimate: PriceEstimate) -> tuple[float, float, float]:
        """Return spot, basis and variance for a market that settles on the source at this place; None: as believed."""
        ...

    def moved_by(self, source: Source) -> bool:
        """Say whether a new price of this source moves the belief."""
        ...

    def keep(self, params: VolatilityParams) -> None:
        """Measure volatility so from now on; what has been learnt with the same parameters stays."""
        ...

    def news(self, now_ns: int) -> Sequence[News]:
        """Return what there is to tell people since the last time."""
        ...

    def picture(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able view for people."""
        ...

    def samples(self, labels: dict[str, str]) -> Iterator[Sample]:
        """Yield figures for each source."""
        ...


def price_of(configured: PriceSource, top: TopOfBook) -> float:
    return micro_price(top) if configured.price == "micro" else mid_price(top)


def name_of(source: Followed) -> str:
    """Return how people name a source, e.g. 'binance:BTCUSDT'."""
    return f"{source.feed.venue}:{source.symbol}"


class FirstFresh:
    """The first source of the list that is fresh, at its own price and its own volatility."""

    def __init__(self, configured: Sequence[PriceSource], sources: Sequence[Source], max_age_ns: int) -> None:
        self.sources = tuple(sources)
        self._configured = tuple(configured)
        self._choice = SourceChoice(sources, max_age_ns)
        self._volatilities: tuple[Volatility, ...] = ()

    def keep(self, params: VolatilityParams) -> None:
        # One for each source, so that a change of source is not taken for a move of the price.
        self._volatilities = tuple(source.volatility(params) for source in self.sources)

    def moved_by(self, source: Source) -> bool:
        current = self._choice.current
        return current is None or self.sources[current] is source

    def estimate(self, now_ns: int) -> PriceEstimate | None:
        place = self._choice.pick(now_ns)
        if place is None:
            return None
        source, configured, volatility = self.sources[place], self._configured[place], self._volatilities[place]
        top, age_ns = source.top, source.age_ns(now_ns)
        assert top is not None and age_ns is not None, "a picked source has a price"
        raw = spot = price_of(configured, top)
        if configured.offset_bps:
            spot = raw * math.exp(configured.offset_bps * BASIS_POINT)
        return PriceEstimate(
            spot=spot,
            basis=spot - raw,
            variance=(configured.offset_deviation_bps * BASIS_POINT) ** 2,
            age_ns=age_ns,
            ts_event_ns=top.ts_event_ns,
            ts_received_ns=top.ts_received_ns,
            sound=self._choice.steady,
            annual=volatility.annual,
            observed_s=volatility.observed_s,
            memory=volatility.memory,
        )

    def in_terms_of(self, place: int | None, estimate: PriceEstimate) -> tuple[float, float, float]:
        return estimate.spot, estimate.basis, estimate.variance

    def news(self, now_ns: int) -> Sequence[News]:
        return ()

    def picture(self, now_ns: int) -> dict[str, Any]:
        current = self._choice.current
        source = None if current is None else self.sources[current]
        age_ns = None if source is None else source.age_ns(now_ns)
        return {
            "source": None if source is None else name_of(source),
            "age_ms": None if age_ns is None else round(age_ns / NS_PER_MS, 3),
            "volatility": None if current is None else self._volatilities[current].annual,
            "observed_s": 0.0 if current is None else self._volatilities[current].observed_s,
        }

    def samples(self, labels: dict[str, str]) -> Iterator[Sample]:
        for place, source in enumerate(self.sources):
            named = labels | {"source": name_of(source)}
            yield Sample("mm_source_up", "gauge", "1 while a source has a price", named, source.top is not None)
            yield Sample("mm_source_weight", "gauge", "Share in the price", named, place == self._choice.current)
