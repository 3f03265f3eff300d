"""All named spot venues of one exchange, and the world they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from exchange.config import Source
from exchange.core import Core
from exchange.prices.binance import PublicStreams
from exchange.prices.depth import DepthBook
from exchange.prices.player import asset_of
from exchange.spot_venues.venue import SpotVenue
from exchange.world.world import World

REAL: Final = ("live", "replay")
"""Words for what drives a price where the price source's book is a real venue's."""


class SpotVenues:
    """Hands on to the world what drives the exchange's prices, and to every venue what that is."""

    def __init__(self, world: World, venues: Sequence[SpotVenue], streams: PublicStreams) -> None:
        """`streams` have the price source's books."""
        self.world, self._streams = world, streams
        self.by_name = {venue.config.name: venue for venue in venues}
        self._real_assets: frozenset[str] = frozenset()
        for venue in venues:
            venue.mirror.depth_of = self._real_book

    def connect(self, *others: Core) -> None:
        """Let money be sent between all named venues and these other ones."""
        everywhere = {core.config.name: core.transfers for core in (*others, *self.by_name.values())}
        for name, transfers in everywhere.items():
            transfers.others = {other: each for other, each in everywhere.items() if other != name}

    def _real_book(self, symbol: str) -> DepthBook | None:
        return self._streams.books.get(symbol) if asset_of(symbol) in self._real_assets else None

    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> None:
        self.world.on_price(asset, bid_units, ask_units, now_ns)

    def on_fresh(self, asset: str) -> None:
        self.world.on_fresh(asset)

    def on_ahead(self, asset: str, units: int) -> None:
        self.world.on_ahead(asset, units)

    def on_source(self, source: Source) -> None:
        """Say at each venue what drives the currencies that are traded there; show real books where there are some."""
        self._real_assets = frozenset(asset for asset, word in source.assets.items() if word in REAL)
        for venue in self.by_name.values():
            assets = sorted({terms.base for terms in venue.config.symbols})
            driven = {each: source.assets.get(each, "model") for each in assets if each in self.world.driven}
            venue.take_source(Source(source.mode, dict.fromkeys(assets, "model") | driven, source.fallback))
