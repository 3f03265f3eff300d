"""How the watchdog is put together: its settings and its core. It holds no lease: two watchdogs do no harm."""

from __future__ import annotations

import zlib
from pathlib import Path

from common.running.service import Service
from common.settings import ServiceSettings
from pydantic import Field

from quoter.keys import cancelling_key, read_keys
from quoter.watchdog.core import Watchdog


class Settings(ServiceSettings):
    """Whose orders it watches, where the venue is, and where the keys are."""

    account: str = Field(default="mm1", pattern="^[A-Za-z0-9_-]{1,64}$")
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")


def wire(settings: Settings) -> Service:
    """Return the watchdog of one account."""
    key = cancelling_key(read_keys(settings.venue_keys_dir, settings.account), settings.account)
    return Service(core=Watchdog(settings.account, key, settings.exchange_url, zlib.crc32(settings.instance.encode())))
