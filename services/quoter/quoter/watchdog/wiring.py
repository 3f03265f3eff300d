"""How the watchdog is put together: its settings and its core. It holds no lease: two watchdogs do no harm."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Annotated

from common.running.service import Service
from common.settings import ServiceSettings
from pydantic import AfterValidator, Field

from quoter.keys import AccountKeys
from quoter.venues import DEFAULT_VENUE, VENUES, known_venue
from quoter.watchdog.core import Watchdog


class Settings(ServiceSettings):
    """Whose orders it watches, where the venue is, and where the keys are."""

    account: str = Field(default="mm1", pattern="^[A-Za-z0-9_-]{1,64}$")
    venue: Annotated[str, AfterValidator(known_venue)] = DEFAULT_VENUE
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")


def wire(settings: Settings) -> Service:
    """Return the watchdog of one account."""
    keys = AccountKeys(os.environ, settings.venue_keys_dir, settings.account)
    seed = zlib.crc32(settings.instance.encode())
    session = VENUES[settings.venue].cancel_session(keys, seed)
    return Service(core=Watchdog(settings.account, session, settings.exchange_url, seed))
