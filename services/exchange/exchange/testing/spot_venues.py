"""Named spot venues in memory, for tests, simulations and the API page: two of them on one world of prices."""

from __future__ import annotations

from typing import Any, Final

from exchange.config import Source
from exchange.entry.keys import Key
from exchange.prices.binance import PublicStreams
from exchange.spot_venues.settings import ExchangeFile
from exchange.spot_venues.venue import SpotVenue, config_of_venue
from exchange.spot_venues.venues import SpotVenues
from exchange.world.world import World

CURRENCIES: Final = {
    "BTC": {"value": 60_000, "volatility": 0.6, "market": 0.9},
    "ETH": {"value": 2_600, "volatility": 0.75, "market": 0.9},
    "BNB": {"value": 600, "volatility": 0.6, "market": 0.8},
    "JPY": {"value": 0.0067, "volatility": 0.1},
}
SYMBOLS: Final = {
    "BTCUSD": {"base": "BTC", "quote": "USD", "tick": "0.1", "lot": "0.0001", "min_notional": "5"},
    "ETHUSD": {"base": "ETH", "quote": "USD", "tick": "0.01", "lot": "0.001", "min_notional": "5"},
    "ETHBTC": {"base": "ETH", "quote": "BTC", "tick": "0.00001", "lot": "0.001", "min_notional": "0.0001"},
    "USDJPY": {"base": "USD", "quote": "JPY", "tick": "0.001", "lot": "0.01", "min_notional": "500"},
}
DEPOSITS: Final = {"USD": "100000", "BTC": "2", "ETH": "20", "JPY": "10000000", "BNB": "1"}


def venue_keys(account: str = "mm1") -> tuple[Key, ...]:
    """Keys that `testing.venue.Client` logs in with."""
    scopes = {"trade": ("read", "trade", "cancel"), "transfer": ("read", "transfer"), "read": ("read",)}
    made = [
        Key.of(account, name, f"{account}-{name}", f"secret-of-{account}-{name}", each) for name, each in scopes.items()
    ]
    return (*made, Key.of("admin", "admin", "admin-admin", "secret-of-admin-admin", ("read", "admin")))


def file_of(**venues: dict[str, Any]) -> ExchangeFile:
    """A configuration with venues of these names; what one does not say is as above, without takers."""
    usual = {"deposits": DEPOSITS, "symbols": SYMBOLS, "takers": {"per_s": 0}, "transfer_delay_s": 2}
    named = venues or {"KRAKEN": {}, "BITTREX": {}}
    world = {"currencies": CURRENCIES}
    return ExchangeFile.model_validate({"world": world, "venues": {name: usual | own for name, own in named.items()}})


def spot_venues(
    file: ExchangeFile | None = None,
    *,
    seed: int = 1,
    driven: tuple[str, ...] = (),
    lead_ms: int = 1_000,
    streams: PublicStreams | None = None,
) -> SpotVenues:
    """The venues of a configuration, connected with each other and not yet started."""
    file = file or file_of()
    world = World(file.world.list_currencies(), seed, lead_ns=lead_ms * 1_000_000, driven=driven)
    made = []
    for name, settings in file.venues.items():
        config = config_of_venue(name, settings, venue_keys(), f"a secret of {name}".encode(), seed, Source())
        made.append(SpotVenue(config, settings, world))
    found = SpotVenues(world, made, streams or PublicStreams(()))
    found.connect()
    return found
