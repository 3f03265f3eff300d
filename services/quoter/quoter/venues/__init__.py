"""The contracts that are spoken with venues, by name: an entry and a base class for each.

Each is a venue of that name; a table of venues.toml says where other venues are that speak one (its `adapter`).
"""

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
