"""How a feed is put together from its settings."""

from __future__ import annotations

from pathlib import Path
from random import Random

from common.errors import ConfigError
from common.running.service import Service
from common.settings import ServiceSettings
from pydantic import Field

from feed.config import Place, Source, parse_venues, places
from feed.recorder import RecordedFeed, Recorder
from feed.service import Feed
from feed.venue import VenueFeed
from feed.venues import ADAPTERS


class Settings(ServiceSettings):
    """Where the feed finds its venues."""

    source: Source = Source.LIVE
    exchange_url: str = "http://127.0.0.1:9000"
    venues: str = ""
    """Names of venues.toml, comma separated; empty for all that the source serves."""
    spot_venues: str = ""
    """Which named spot venues the simulated exchange hosts, comma separated; the others are not followed."""
    record_dir: Path | None = None
    """Set to write every raw frame there."""
    record_max_mb: int = Field(default=20_000, ge=1, le=10_000_000)
    """Raw size at which recording ends."""


def wire(settings: Settings) -> Service:
    """Return the feed's core and its leases, one per venue."""
    path = settings.config_dir / "venues.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    venues = parse_venues(text)
    found = places(venues, settings.source, settings.venues, settings.exchange_url, settings.spot_venues)
    feeds = [venue_feed(place, settings.instance) for place in found]
    leases = [("feed", place.venue) for place in found]
    if settings.record_dir is None:
        return Service(core=Feed(feeds), leases=leases)
    try:
        recorder = Recorder(settings.record_dir, settings.record_max_mb * 1_000_000)
    except OSError as error:
        raise ConfigError([f"MM_RECORD_DIR: {settings.record_dir}: {error.strerror}"]) from None
    return Service(core=RecordedFeed(feeds, recorder), leases=leases)


def venue_feed(place: Place, seed: str) -> VenueFeed:
    """Return one venue, not yet connected; `seed` spreads the reconnects of several processes."""
    adapter = ADAPTERS[place.adapter](place.symbols, place.websocket, place.rest)
    return VenueFeed(place.venue, adapter, Random(f"{seed}:{place.venue}"), place.live_within_ms, place.depth)
