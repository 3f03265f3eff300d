"""How the pricer is put together: its settings, its core, its lease."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

from common.errors import ConfigError
from common.running.service import Service
from common.settings import ServiceSettings
from common.venues import is_quoted

from pricer.library import Library
from pricer.service import Pricer

MODEL_BYTES_MAX = 4 * 1024 * 1024


class Settings(ServiceSettings):
    """What the pricer needs to know beyond every service's settings."""

    models_dir: Path | None = None
    """Where the files lie that bots name in `pricing`; `models` in the configuration's directory when not given."""


def wire(settings: Settings) -> Service:
    """Return the pricer of bots' quotes, one at a time."""
    directory = settings.models_dir or settings.config_dir / "models"
    elsewhere, quoted = venues_of(settings.config_dir)
    core = Pricer(elsewhere, Library(partial(read_model, directory)), quoted_venues=quoted)
    return Service(core=core, leases=[("pricer", "quotes-0")])


def read_model(directory: Path, name: str) -> bytes:
    """Return the bytes of a file in a directory; OSError when it is not there, is too large or lies elsewhere."""
    path = (directory / name).resolve()
    if path.parent != directory.resolve():
        raise PermissionError(f"{name}: not in the directory of models")
    if path.stat().st_size > MODEL_BYTES_MAX:
        raise OSError(f"{name}: more than {MODEL_BYTES_MAX} bytes")
    return path.read_bytes()


def venues_of(config_dir: Path) -> tuple[list[str], list[str]]:
    """Return the venues of venues.toml that prices of underlyings come from, and those where bots quote.

    Without the file there are none of either, which means all.
    """
    path = config_dir / "venues.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from None
    venues = document.get("venues", {})
    if not isinstance(venues, dict) or not all(isinstance(venue, dict) for venue in venues.values()):
        raise ConfigError([f"{path}: venues must be tables [venues.NAME]"])
    try:
        quoted = [name for name, venue in venues.items() if is_quoted(name, venue)]
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    # Where we quote nobody prices an underlying from its own quotes.
    return [name for name in venues if name not in quoted], quoted
