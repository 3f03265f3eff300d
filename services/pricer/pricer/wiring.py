"""How the pricer is put together: its settings, its core, its lease."""

from __future__ import annotations

import tomllib
from pathlib import Path

from common.errors import ConfigError
from common.service import Service
from common.settings import ServiceSettings

from pricer.service import Pricer

# Public data of these comes from where markets trade, and nobody prices a market from its own quotes.
MARKET_ADAPTERS = frozenset({"degen"})


class Settings(ServiceSettings):
    """The pricer needs no settings beyond those of every service."""


def wire(settings: Settings) -> Service:
    """Return the pricer of bots' quotes, one at a time."""
    return Service(core=Pricer(price_venues(settings.config_dir)), leases=[("pricer", "quotes-0")])


def price_venues(config_dir: Path) -> list[str]:
    """Return the venues of venues.toml that prices of underlyings come from; none, meaning all, without the file."""
    path = config_dir / "venues.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from None
    venues = document.get("venues", {})
    if not isinstance(venues, dict) or not all(isinstance(venue, dict) for venue in venues.values()):
        raise ConfigError([f"{path}: venues must be tables [venues.NAME]"])
    return [name for name, venue in venues.items() if venue.get("adapter") not in MARKET_ADAPTERS]
