"""Puts the named spot venues beside the exchange: their file, their folders with keys and journal, their shells."""

from __future__ import annotations

import asyncio
import json
import secrets
import tomllib
from pathlib import Path
from typing import Final

import structlog
from common.bots import faults_of
from common.clock import AnchoredClock
from common.errors import ConfigError
from pydantic import ValidationError

from exchange.config import Source
from exchange.entry.keyfiles import load_keys, load_transfer_keys, maker_keys
from exchange.journal import Journal
from exchange.prices.binance import PublicStreams
from exchange.settings import ExchangeSettings
from exchange.shell import Shell
from exchange.spot_venues.settings import ExchangeFile, SpotVenueSettings
from exchange.spot_venues.venue import SpotVenue, config_of_venue
from exchange.spot_venues.venues import SpotVenues
from exchange.world.world import World

FILE: Final = "exchange.toml"
KEEP_S: Final = 1.0

log = structlog.get_logger("exchange")


def path_of(name: str) -> str:
    """The part of a venue's address that is its own: /venues/kraken for KRAKEN."""
    return name.lower()


def parse_file(text: str) -> ExchangeFile:
    """Read the file's text; ConfigError lists every fault with its field and rule."""
    try:
        return ExchangeFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{FILE}: {error}"]) from None
    except ValidationError as error:
        raise ConfigError([f"{FILE}: {fault}" for fault in faults_of(error)]) from None


def read_file(path: Path) -> ExchangeFile:
    """Read the file; ConfigError says why it cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    return parse_file(text)


def _opening(settings: SpotVenueSettings, accounts: tuple[str, ...]) -> SpotVenueSettings:
    try:
        return settings.opening(accounts)
    except ValidationError as error:
        raise ConfigError([f"MM_MAKERS: {fault}" for fault in faults_of(error)]) from None


class Hosting:
    """The named venues of a running exchange, by the part of the address that is each one's own."""

    def __init__(self, settings: ExchangeSettings, folder: Path, clock: AnchoredClock, streams: PublicStreams) -> None:
        """`folder` is the exchange's own; a venue keeps what it has in venues/<path> of it."""
        self.shells: dict[str, Shell] = {}
        self._clock = clock
        self._kept = folder / "world.json"
        file = read_file(settings.config_dir / FILE)
        if unknown := [name for name in settings.spot_venues if name not in file.venues]:
            known = ", ".join(file.venues)
            raise ConfigError([f"MM_SPOT_VENUES: {', '.join(unknown)}: must be among {known}, the venues of {FILE}"])
        lead_ms = max(file.venues[name].takers.informed_lead_ms for name in settings.spot_venues)
        world = World(
            file.world.list_currencies(),
            settings.seed,
            step_ns=file.world.step_ms * 1_000_000,
            lead_ns=lead_ms * 1_000_000,
            driven=settings.series_assets,
        )
        made = []
        for name in settings.spot_venues:
            own = folder / "venues" / path_of(name)
            own.mkdir(parents=True, exist_ok=True)
            venue_settings = _opening(file.venues[name], settings.makers_at(name))
            keys = load_keys(own / "keys", maker_keys(venue_settings.accounts))
            keys += load_transfer_keys(own, venue_settings.accounts)
            config = config_of_venue(
                name, venue_settings, tuple(keys), secrets.token_bytes(32), settings.seed, Source(settings.source)
            )
            venue, journal = SpotVenue(config, venue_settings, world), Journal(own / "journal.log")
            for line in journal.read():
                venue.restore(line)
            made.append(venue)
            self.shells[path_of(name)] = Shell(venue, PublicStreams(()), journal, clock)
        self.venues = SpotVenues(world, made, streams)

    def start(self) -> None:
        """Open all venues, at the prices of an earlier run where there was one."""
        self.venues.world.start(self._clock.now_ns(), self._kept_values())
        for path, shell in self.shells.items():
            shell.journal.begin(shell.exchange.state_lines())
            shell.deliver(shell.exchange.start(self._clock.now_ns()))
            log.info("spot venue is open", venue=shell.exchange.config.name, path=f"/venues/{path}")

    async def keep_on(self) -> None:
        """Write down every second what a next run goes on from."""
        while True:
            await asyncio.sleep(KEEP_S)
            self.keep_values()

    def keep_values(self) -> None:
        """Write down what currencies are worth, so that the next run's prices go on from there."""
        fresh = self._kept.with_suffix(".fresh")
        try:
            fresh.write_text(json.dumps(self.venues.world.values(self._clock.now_ns())), encoding="utf-8")
            fresh.replace(self._kept)
        except OSError as error:
            log.warning("values of currencies not kept", why=error.strerror)

    def _kept_values(self) -> dict[str, float]:
        try:
            kept = json.loads(self._kept.read_text(encoding="utf-8"))
            return {str(name): float(value) for name, value in kept.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError):
            # Prices that jump at a start are no reason not to start.
            log.warning("kept values of currencies cannot be read", path=str(self._kept))
            return {}

    def close(self) -> None:
        """Write down what has to outlive this run."""
        self.keep_values()
        for shell in self.shells.values():
            shell.journal.close()
