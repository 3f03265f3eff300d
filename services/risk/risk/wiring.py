"""Put risk together: its settings, its limits file, its store and its recovery."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path

from common.bus.messages import message_of
from common.errors import ConfigError, ContractError
from common.events import Fill, address_filter
from common.running.service import Service
from common.running.shell import Shell
from common.settings import RedisAddress, ServiceSettings, read_secret
from common.venues import Exchanges
from pydantic import Field, SecretStr

from risk.corrections.opening import Opening
from risk.ledger.recovery import recover
from risk.ledger.snapshot import StoreHealth
from risk.ledger.store import RedisStore
from risk.monitoring.day_file import keep as keep_day
from risk.monitoring.day_file import read as read_day
from risk.monitoring.days import WRITE_S
from risk.monitoring.platform_limits import PlatformLimits, parse_platform_limits
from risk.service import Risk

LIMITS_FILE = "risk.toml"
VENUES_FILE = "venues.toml"


class Settings(ServiceSettings):
    """Where risk finds its positions store."""

    redis_url: RedisAddress = "redis://127.0.0.1:6379/0"
    redis_password_file: Path | None = None
    shard: str = Field(default="0", pattern="^[A-Za-z0-9_-]{1,32}$")

    def redis_password(self) -> SecretStr | None:
        return read_secret(self.redis_password_file, "MM_REDIS_PASSWORD_FILE")


def read_platform_limits(path: Path) -> PlatformLimits:
    """Return the built-in limits of a file; ConfigError names file, field and rule."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from None
    if list(document) != ["limits"] or not isinstance(document["limits"], dict):
        raise ConfigError([f"{path}: must hold one table, [limits]"])
    try:
        return parse_platform_limits(document["limits"])
    except ConfigError as error:
        raise ConfigError([f"{path}: limits.{fault}" for fault in error.faults]) from None


def read_exchanges(config_dir: Path) -> Exchanges:
    """Return which venue each exchange of venues.toml is, none without the file; ConfigError names file and rule."""
    path = config_dir / VENUES_FILE
    try:
        return Exchanges.of(tomllib.loads(path.read_text(encoding="utf-8")).get("venues", {}))
    except FileNotFoundError:
        return Exchanges()
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError([f"{path}: {type(error).__name__}: {error}"]) from None


async def _recount(core: Risk, shell: Shell) -> None:
    """Hand in the fills that the ledger has and that may be of hedges which were open when risk last lived."""
    first = core.hedges.unread_from()
    if first is None:
        return
    async for stored in shell.api.read("FILL", first, address_filter(Fill)):
        if stored.sequence > core.ledger.sequence:
            return
        try:
            fill, _ = shell.gate.read(Fill, message_of(stored))
        except ContractError:
            # The ledger has told of it, and counted nothing.
            continue
        if isinstance(fill, Fill):
            core.hedges.recount(fill, stored.sequence)


def wire(settings: Settings) -> Service:
    """Return the service: one ledger shard under its lease."""
    health = StoreHealth()
    limits, exchanges = read_platform_limits(settings.config_dir / LIMITS_FILE), read_exchanges(settings.config_dir)
    core = Risk(limits, settings.shard, health, exchanges)
    password = settings.redis_password()
    storage = RedisStore(
        settings.redis_url, password, settings.platform_id, settings.shard, lambda: core.ledger, health
    )

    day_file = settings.data_dir / "risk" / f"day-{settings.shard}.json"
    keeping: set[asyncio.Task[None]] = set()

    async def prepare(shell: Shell) -> None:
        word = shell.stores.resumed
        found = await recover(
            storage, shell.api, settings.platform_id, shell.gate.check_stored, resumed=word is not None
        )
        core.opening = Opening(shell.stores.generation, word.who if word else "", word.reason if word else "")
        days, unreadable = read_day(day_file)
        notes = [*found.notes, unreadable] if unreadable else found.notes
        core.recover(found.ledger, found.faults, found.halts, notes, days, shell.clock.now_ns())
        if not found.faults:
            await _recount(core, shell)
            # A ledger that is withheld knows nothing of the day: the record stays as it was.
            shell.guarded(
                keep_day(day_file, lambda: core.day_record(shell.clock.now_ns()), shell.log, WRITE_S), keeping
            )
        shell.log.info(
            "ledger recovered",
            sequence=found.ledger.sequence,
            faults=found.faults,
            halts=found.halts,
            notes=found.notes,
        )

    return Service(core=core, leases=[("risk", settings.shard)], prepare=prepare, storage=storage)
