"""Which live streams must speak before live prices are of use: those that bots price from, and the exchange's own."""

import json
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

# The simulated exchange takes its live prices from here; without them its markets are the model's.
EXCHANGE_VENUE = "binance"
EXCHANGE_STREAM = "wss://stream.binance.com:9443/stream?streams=btcusdt@bookTicker"


class Stream(NamedTuple):
    """A public stream, with what must be sent before it speaks; empty where the address says it all."""

    venue: str
    address: str
    request: str = ""


class Need(NamedTuple):
    """Something that has to have live prices, and how many of its streams are enough."""

    what: str
    streams: tuple[Stream, ...]
    enough: int = 1

    def met_by(self, speaking: Collection[Stream]) -> bool:
        """Say whether enough of its streams speak."""
        return sum(stream in speaking for stream in self.streams) >= self.enough


def live_needs(config_dir: Path, profile: str) -> list[Need]:
    """Return what must have live prices for the bots of bots.toml that run in a profile, by underlying.

    Bots that a platform has kept since its first start are not asked: nobody can be before it is up.
    """
    needs = [Need("the exchange", (Stream(EXCHANGE_VENUE, EXCHANGE_STREAM),))]
    venues = table_of(config_dir / "venues.toml", "venues", dict)
    for bot in bots_in(config_dir, profile):
        try:
            needs += _needs_of(bot["sections"], venues)
        except (AttributeError, KeyError, TypeError, ValueError):
            # Who reads the file to make bots of it says what is wrong with it.
            continue
    return list(dict.fromkeys(needs))


def bots_in(config_dir: Path, profile: str) -> list[dict[str, Any]]:
    """Return the bots of bots.toml that run in a profile."""
    bots = (bot for bot in table_of(config_dir / "bots.toml", "bots", list) if isinstance(bot, dict))
    return [bot for bot in bots if bot.get("running") or profile in _list(bot.get("run_in"))]


def documents_in(config_dir: Path, profile: str) -> list[dict[str, Any]]:
    """Return the platform documents of bots.toml that are there in a profile."""
    documents = (each for each in table_of(config_dir / "bots.toml", "documents", list) if isinstance(each, dict))
    return [each for each in documents if profile in _list(each.get("run_in"))]


def profiles_in(config_dir: Path) -> list[str]:
    """Return the profiles in which some bot of bots.toml runs, sorted."""
    bots = (bot for bot in table_of(config_dir / "bots.toml", "bots", list) if isinstance(bot, dict))
    named = (name for bot in bots for name in _list(bot.get("run_in")) if isinstance(name, str))
    return sorted(set(named))


def _needs_of(sections: Mapping[str, Any], venues: Mapping[str, Any]) -> list[Need]:
    enough = int(sections.get("combination", {}).get("min_agreeing", 1))
    return [
        Need(underlying, tuple(stream for source in sources if (stream := _stream(source, venues)) is not None), enough)
        for underlying, sources in sections["instrument"].get("sources", {}).items()
    ]


def _stream(source: Mapping[str, Any], venues: Mapping[str, Any]) -> Stream | None:
    """Return the best prices of a source as a stream; None for one that is not priced from or cannot be asked."""
    venue = source.get("venue", "binance")
    place = venues.get(venue, {})
    make = _STREAMS.get(place.get("adapter", ""))
    if make is None or not source.get("weight", 1.0):
        return None
    return make(venue, place["websocket"], source["symbol"])


def _binance(venue: str, address: str, symbol: str) -> Stream:
    return Stream(venue, f"{address}?streams={symbol.lower()}@bookTicker")


def _coinbase(venue: str, address: str, symbol: str) -> Stream:
    return Stream(venue, address, json.dumps({"type": "subscribe", "product_ids": [symbol], "channels": ["ticker"]}))


def _kraken(venue: str, address: str, symbol: str) -> Stream:
    params = {"channel": "ticker", "symbol": [symbol]}
    return Stream(venue, address, json.dumps({"method": "subscribe", "params": params}))


_STREAMS: dict[str, Callable[[str, str, str], Stream]] = {"binance": _binance, "coinbase": _coinbase, "kraken": _kraken}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def table_of(path: Path, name: str, kind: type) -> Any:
    """Return a table of a configuration file; empty where it cannot be read, which its own reader tells better."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name)
    except (OSError, ValueError):
        table = None
    return table if isinstance(table, kind) else kind()
