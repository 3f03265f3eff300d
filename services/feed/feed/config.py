"""Which venues are followed, which symbols, and where: config/venues.toml, checked as a whole."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from common.bots import faults_of
from common.errors import ConfigError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from feed.followed import BOOK_EVERY_MS, EVERYTHING, Depth
from feed.venues import ADAPTERS

PLACE = "{exchange}"
"""Stands in an address for host and port of the simulated exchange."""
SPOT_VENUES = f"{PLACE}/venues/"
"""What follows it in an address is a named spot venue of the exchange, which runs where MM_SPOT_VENUES names it."""

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9._/:-]{1,40}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")]


class Source(StrEnum):
    """What drives prices: the real venues, or the simulated exchange's model or recording."""

    LIVE = "live"
    MODEL = "model"
    REPLAY = "replay"


class VenueConfig(BaseModel):
    """One venue."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    adapter: str
    symbols: list[Symbol] = Field(max_length=500)
    """For a venue that lists its markets: the series to follow, all when empty."""
    live_within_ms: int = Field(default=1_000, ge=500, le=60_000)
    """Nothing heard for longer: the venue is not known to live. At least two of its heartbeats."""
    exchange: str = Field(default="", pattern=r"^[A-Z0-9_]{0,40}$")
    """What documents of spot bots call it; the name of the table in capitals when empty."""
    depth: list[Symbol] | None = Field(default=None, max_length=500)
    """Symbols whose whole books go on the bus; all where it is not given. Their best prices always do."""
    depth_every_ms: int = Field(default=BOOK_EVERY_MS, ge=0, le=1_000)
    """A book goes on the bus at most this often."""
    names: dict[Symbol, Symbol] = Field(default={}, max_length=500)
    """What spot bots call some of its symbols, where the venue writes them otherwise; read by the pricer."""
    quoted: bool | None = None
    """Whether bots quote there; read by pricer and gateway (`common.venues`)."""
    websocket: str
    rest: str
    simulated_websocket: str = ""
    """Where the same streams come from when prices are not live; empty when the address above serves always."""
    simulated_rest: str = ""

    @field_validator("adapter")
    @classmethod
    def _known_adapter(cls, value: str) -> str:
        if value not in ADAPTERS:
            raise ValueError(f"must be one of {', '.join(ADAPTERS)}, is {value!r}")
        return value

    @field_validator("symbols")
    @classmethod
    def _different_symbols(cls, value: list[str]) -> list[str]:
        if len(set(value)) != len(value):
            raise ValueError("must not name a symbol twice")
        return value

    @model_validator(mode="after")
    def _known_symbols(self) -> VenueConfig:
        if ADAPTERS[self.adapter].discovers:
            return self
        for field, named in (("depth", self.depth or ()), ("names", self.names.values())):
            unknown = sorted(set(named) - set(self.symbols))
            if unknown:
                raise ValueError(f"{field}: {unknown[0]!r} is none of its symbols")
        return self

    @field_validator("websocket", "simulated_websocket")
    @classmethod
    def _websocket_address(cls, value: str) -> str:
        return _checked_address(value, ("ws", "wss"))

    @field_validator("rest", "simulated_rest")
    @classmethod
    def _rest_address(cls, value: str) -> str:
        return _checked_address(value, ("http", "https"))

    def addresses(self, source: Source, exchange: str) -> tuple[str, str] | None:
        """Return websocket and REST address under a price source; None where the venue has none for it."""
        if source is Source.LIVE:
            websocket, rest = self.websocket, self.rest
        elif self.simulated_websocket and self.simulated_rest:
            websocket, rest = self.simulated_websocket, self.simulated_rest
        elif PLACE in self.websocket:
            websocket, rest = self.websocket, self.rest
        else:
            return None
        return websocket.replace(PLACE, exchange), rest.replace(PLACE, exchange)

    @property
    def spot_venue(self) -> str:
        """The named spot venue of the simulated exchange that this is; empty where it is none."""
        return self.websocket.partition(SPOT_VENUES)[2].partition("/")[0].upper()


class VenuesFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    venues: dict[Name, VenueConfig] = Field(min_length=1, max_length=50)


class Place(BaseModel):
    """A venue to follow and where it is under the price source in force."""

    model_config = ConfigDict(frozen=True)

    venue: str
    adapter: str
    symbols: tuple[str, ...]
    websocket: str
    rest: str
    live_within_ms: int = 1_000
    depth: Depth = EVERYTHING


def parse_venues(text: str) -> dict[str, VenueConfig]:
    """Return the venues of the file by name; ConfigError lists every fault."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"venues.toml: {error}"]) from None
    try:
        return VenuesFile.model_validate(document).venues
    except ValidationError as error:
        raise ConfigError([f"venues.toml: {fault}" for fault in faults_of(error)]) from None


def places(
    venues: dict[str, VenueConfig], source: Source, wanted: str, exchange_url: str, spot_venues: str = ""
) -> list[Place]:
    """Return the venues to follow, in the file's order; ConfigError lists every fault.

    `wanted` names them, comma separated. Empty means all when prices are live; otherwise those that the simulated
    exchange serves. Of its named spot venues it serves those in `spot_venues`, comma separated as well.
    """
    hosted = [name.strip() for name in spot_venues.split(",")]
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    faults = [
        f"MM_VENUES: {name!r} is not in venues.toml, which knows {', '.join(venues)}"
        for name in names
        if name not in venues
    ]
    parts = urlsplit(exchange_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.username or parts.path not in ("", "/"):
        faults.append("MM_EXCHANGE_URL: must be like http://127.0.0.1:9000, without user and path")
    found: list[Place] = []
    for name, venue in venues.items():
        if names and name not in names:
            continue
        if venue.spot_venue and venue.spot_venue not in hosted:
            if names:
                faults.append(f"MM_VENUES: {name} is {venue.spot_venue} of the exchange, not in MM_SPOT_VENUES")
            continue
        addresses = venue.addresses(source, parts.netloc)
        if addresses is not None:
            found.append(
                Place(
                    venue=name,
                    adapter=venue.adapter,
                    symbols=tuple(venue.symbols),
                    websocket=addresses[0],
                    rest=addresses[1],
                    live_within_ms=venue.live_within_ms,
                    depth=Depth(
                        None if venue.depth is None else frozenset(venue.depth),
                        venue.depth_every_ms,
                    ),
                )
            )
        elif names:
            faults.append(f"MM_VENUES: {name} has no simulated_websocket and simulated_rest, which {source} needs")
    faults += [
        f"venues.toml: venues.{place.venue}.symbols: {place.adapter} needs at least one"
        for place in found
        if not place.symbols and not ADAPTERS[place.adapter].discovers
    ]
    faults += [
        f"venues.toml: venues.{place.venue}.symbols: {fault}" for place in found for fault in _symbol_faults(place)
    ]
    if not found and not faults:
        faults.append(f"venues.toml: no venue can be followed with prices from {source}")
    if faults:
        raise ConfigError(faults)
    return found


def _symbol_faults(place: Place) -> list[str]:
    """Return why an adapter cannot follow its symbols, before anything is connected."""
    try:
        ADAPTERS[place.adapter](place.symbols, place.websocket, place.rest)
    except ValueError as error:
        return [str(error)]
    return []


def _checked_address(value: str, schemes: tuple[str, ...]) -> str:
    if not value:
        return value
    plain = value.replace(PLACE, "127.0.0.1:9000")
    if re.search(r"[{}\s]", plain):
        raise ValueError(f"may hold {PLACE} and no other braces or spaces")
    parts = urlsplit(plain)
    if parts.scheme not in schemes or not parts.hostname:
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)} and name a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no user, password, query or fragment")
    return value
