"""Where each account's venue is reached, which contract it speaks, and which keys the account has there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from common.errors import ConfigError
from common.venues import Exchanges, is_quoted

from quoter.accounts.settings import AccountSettings
from quoter.keys import AccountKeys
from quoter.venues import VENUES
from quoter.venues.venue import KeySource

FILE = "venues.toml"
TRANSFER_KEYS = "transfer-keys"
"""The folder of the keys that may send money, beside that of the keys that trade."""
EXCHANGE = "{exchange}"
"""Stands in an address of the file for host and port of the simulated exchange."""


class Reached(NamedTuple):
    """An account's keys, and its venue: our name of it, the contract it speaks, and its REST address."""

    keys: KeySource
    venue: str
    contract: str
    url: str
    sending_keys: KeySource | None = None
    """With which money may be sent; None where none may."""


def accounts_of(settings: AccountSettings, config_dir: Path, environment: Mapping[str, str]) -> Iterator[Reached]:
    """Yield each account of a process; ConfigError lists venues that are nowhere.

    A venue that has no contract of its own name is a table of venues.toml. Of several accounts at one venue a variable
    ends in the account's name: one key is not for all of them.
    """
    venues = [place.venue for place in settings.places]
    tables = read_venues(config_dir / FILE) if any(venue not in VENUES for venue in venues) else {}
    if faults := [fault for venue in dict.fromkeys(venues) for fault in _faults(venue, tables)]:
        raise ConfigError(faults)
    for account, venue in settings.places:
        contract, url, folder = venue, settings.exchange_url, settings.venue_keys_dir
        if venue not in VENUES:
            contract, written = tables[venue]["adapter"], tables[venue]["rest"]
            url = written.replace(EXCHANGE, urlsplit(settings.exchange_url).netloc)
            if EXCHANGE in written:
                folder = settings.spot_keys_dir / written.rstrip("/").rpartition("/")[2] / "keys"
        alone = venues.count(venue) == 1
        sending = AccountKeys({}, folder.parent / TRANSFER_KEYS, account) if settings.transfers else None
        yield Reached(AccountKeys(environment, folder, account, alone=alone), venue, contract, url, sending)


def exchanges_of(config_dir: Path) -> Exchanges | None:
    """Return the exchanges that documents of bots name; None where no file says which venues they are.

    ConfigError when it cannot be read.
    """
    path = config_dir / FILE
    if not path.is_file():
        return None
    try:
        return Exchanges.of(read_venues(path))
    except (TypeError, ValueError) as error:
        raise ConfigError([f"{FILE}: {error}"]) from None


def read_venues(path: Path) -> dict[str, dict[str, Any]]:
    """Return the tables of venues.toml; ConfigError when it cannot be read. The feed checks the file as a whole."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))["venues"]
        return {name: dict(table) for name, table in tables.items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {type(error).__name__}"]) from None
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError([f"{path}: must have tables [venues.NAME]: {error}"]) from None


def _faults(venue: str, tables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if venue in VENUES:
        return
    try:
        known = [name for name, table in tables.items() if name not in VENUES and is_quoted(name, table)]
    except ValueError as error:
        yield f"{FILE}: {error}"
        return
    if venue not in known:
        yield f"MM_ACCOUNTS: venue must be one of {', '.join([*VENUES, *known])}, is {venue!r}"
        return
    if tables[venue]["adapter"] not in VENUES:
        yield f"{FILE}: venues.{venue}.adapter: must be one of {', '.join(VENUES)} to be traded at"
    if not isinstance(tables[venue].get("rest"), str):
        yield f"{FILE}: venues.{venue}.rest: must be an address"
