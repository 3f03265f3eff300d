"""The venues the feed can follow, by the adapter names of config/venues.toml."""

from feed.venues.adapter import Adapter
from feed.venues.binance import Binance
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from feed.venues.kraken import Kraken
from feed.venues.polymarket.stream import Polymarket

ADAPTERS: dict[str, type[Adapter]] = {
    "binance": Binance,
    "coinbase": Coinbase,
    "kraken": Kraken,
    "degen": Degen,
    "polymarket": Polymarket,
}
