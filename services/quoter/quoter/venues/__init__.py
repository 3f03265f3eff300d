"""The venues that can be quoted at, by the names of the setting MM_VENUE: an entry and a base class for each."""

from quoter.venues.ccxt.venue import BinanceSettings, BinanceVenue, KrakenSettings, KrakenVenue
from quoter.venues.degen.venue import Degen, DegenSettings
from quoter.venues.polymarket.venue import Polymarket, PolymarketSettings
from quoter.venues.venue import Venue


class VenueSettings(BinanceSettings, DegenSettings, KrakenSettings, PolymarketSettings):
    """The settings of all venues; each reads its own."""


VENUES: dict[str, Venue[VenueSettings]] = {
    "binance": BinanceVenue(),
    "degen": Degen(),
    "kraken": KrakenVenue(),
    "polymarket": Polymarket(),
}
DEFAULT_VENUE = "degen"


def known_venue(name: str) -> str:
    """Return the name of a venue that can be quoted at; ValueError of another one names those there are."""
    if name not in VENUES:
        raise ValueError(f"must be one of {', '.join(VENUES)}, is {name!r}")
    return name
