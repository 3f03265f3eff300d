"""All named spot venues of one exchange, and the world they share."""

from __future__ import annotations

from collections.abc import Sequence

from exchange.config import Source
from exchange.spot_venues.venue import SpotVenue
from exchange.world.world import World


class SpotVenues:
    """Hands on to the world what drives the exchange's prices, and to every venue what that is."""

    def __init__(self, world: World, venues: Sequence[SpotVenue]) -> None:
        self.world = world
        self.by_name = {venue.config.name: venue for venue in venues}

    def on_price(self, asset: str, bid_units: int, ask_units: int, now_ns: int) -> None:
        self.world.on_price(asset, bid_units, ask_units, now_ns)

    def on_fresh(self, asset: str) -> None:
        self.world.on_fresh(asset)

    def on_ahead(self, asset: str, units: int) -> None:
        self.world.on_ahead(asset, units)

    def on_source(self, source: Source) -> None:
        """Say at each venue what drives the currencies that are traded there."""
        for venue in self.by_name.values():
            assets = sorted({terms.base for terms in venue.config.symbols})
            driven = {each: source.assets.get(each, "model") for each in assets if each in self.world.anchored}
            venue.take_source(Source(source.mode, dict.fromkeys(assets, "model") | driven, source.fallback))
