"""How the pricer is put together: its settings, its core, its lease."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common.errors import ConfigError
from common.running.service import Service
from common.settings import ServiceSettings
from common.venues import Exchanges, is_quoted

from pricer.library import Library
from pricer.service import Pricer
from pricer.sources.venues import Venues

MODEL_BYTES_MAX = 4 * 1024 * 1024


class Settings(ServiceSettings):
    """What the pricer needs to know beyond every service's settings."""

    models_dir: Path | None = None
    """Where the files lie that bots name in `pricing`; `models` in the configuration's directory when not given."""


def wire(settings: Settings) -> Service:
    """Return the pricer of bots' quotes, one at a time."""
    directory = settings.models_dir or settings.config_dir / "models"
    listed = read_venues(settings.config_dir)
    core = Pricer(
        listed.elsewhere,
        Library(partial(read_model, directory)),
        quoted_venues=listed.quoted,
        venues=listed.venues,
    )
    return Service(core=core, leases=[("pricer", "quotes-0")])


def read_model(directory: Path, name: str) -> bytes:
    """Return the bytes of a file in a directory; OSError when it is not there, is too large or lies elsewhere."""
    path = (directory / name).resolve()
    if path.parent != directory.resolve():
        raise PermissionError(f"{name}: not in the directory of models")
    if path.stat().st_size > MODEL_BYTES_MAX:
        raise OSError(f"{name}: more than {MODEL_BYTES_MAX} bytes")
    return path.read_bytes()


class Listed(NamedTuple):
    """What venues.toml says, as far as prices need it; no venue at all means all."""

    elsewhere: Sequence[str]
    """Where prices of underlyings come from."""
    quoted: Sequence[str]
    """Where bots quote."""
    venues: Venues


def read_venues(config_dir: Path) -> Listed:
    """Return what venues.toml says; without the file nothing."""
    path = config_dir / "venues.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Listed([], [], Venues())
    except (OSError, ValueError) as error:
        raise ConfigError([f"{path}: {error}"]) from None
    venues = document.get("venues", {})
    if not isinstance(venues, dict) or not all(isinstance(venue, dict) for venue in venues.values()):
        raise ConfigError([f"{path}: venues must be tables [venues.NAME]"])
    try:
        quoted = [name for name, venue in venues.items() if is_quoted(name, venue)]
        written = Venues(
            Exchanges.of(venues),
            {name: _texts(name, "symbols", venue.get("symbols", [])) for name, venue in venues.items()},
            {name: _named(name, venue.get("names", {})) for name, venue in venues.items()},
        )
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from None
    # Where we quote nobody prices an underlying from its own quotes.
    return Listed([name for name in venues if name not in quoted], quoted, written)


def _texts(venue: str, field: str, found: object) -> list[str]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"venues.{venue}.{field}: must be a list of texts, is {found!r}")
    return found


def _named(venue: str, found: object) -> dict[str, str]:
    called = found.items() if isinstance(found, dict) else [("", found)]
    texts = _texts(venue, "names", [text for _, text in called])
    return dict(zip([name for name, _ in called], texts, strict=True))
