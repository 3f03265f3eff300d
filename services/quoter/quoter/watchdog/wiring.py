"""How the watchdog is put together: its settings and its core. It holds no lease: two watchdogs do no harm."""

from __future__ import annotations

import os
import zlib

from common.running.service import Service
from common.settings import ServiceSettings

from quoter.accounts.accounts import Accounts
from quoter.accounts.reached import accounts_of
from quoter.accounts.settings import AccountSettings
from quoter.venues import VENUES
from quoter.views.answers import Answers
from quoter.watchdog.core import Watchdog


class Settings(ServiceSettings, AccountSettings):
    """Whose orders it watches, where the venues are, and where the keys are."""


def wire(settings: Settings) -> Service:
    """Return the watchdog of all accounts of a quoter."""
    seed = zlib.crc32(settings.instance.encode())
    answers = Answers()
    watchdogs = [
        Watchdog(
            keys.account,
            VENUES[contract].cancel_session(keys, venue, seed),
            url,
            seed,
            answer=answers.give,
        )
        for keys, venue, contract, url, _ in accounts_of(settings, settings.config_dir, os.environ)
    ]
    return Service(core=Accounts(watchdogs, answers))
