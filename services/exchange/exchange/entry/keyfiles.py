"""The venue's accounts hold generated keys in files that only their owner can read; none is ever printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from common.machine.disk import write_durably

from exchange.entry.keys import SCOPES, Key

Scopes = Mapping[str, tuple[str, ...]]

# A watchdog's key can cancel and nothing else.
TRADING_KEYS: Final[Scopes] = {"trade": ("read", "trade", "cancel"), "read": ("read",), "cancel": ("cancel",)}
# In a folder of its own: who reads the keys to trade with cannot send money away.
TRANSFER_KEYS: Final[Scopes] = {"transfer": ("read", "transfer")}
TRANSFER_FOLDER: Final = "transfer-keys"
ADMIN_KEYS: Final[Scopes] = {"admin": ("read", "admin")}


class KeyFileFault(ValueError):
    """A key file cannot be used; the message names the file and the rule, never the content."""


def maker_keys(accounts: Iterable[str]) -> dict[str, Scopes]:
    """What keys a venue of these market makers needs: theirs, and its administrator's."""
    return {**dict.fromkeys(accounts, TRADING_KEYS), "admin": ADMIN_KEYS}


def load_keys(folder: Path, accounts: Mapping[str, Scopes]) -> list[Key]:
    """The keys of all accounts in the folder; those that `accounts` needs are made where there are none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for account, wanted in accounts.items():
        path = folder / f"{account}.json"
        if not path.exists():
            _write(path, account, wanted)
    return [key for path in sorted(folder.glob("*.json")) for key in _read(path)]


def load_transfer_keys(folder: Path, accounts: Iterable[str]) -> list[Key]:
    """The keys by which accounts of the venue that lives in `folder` send money to other venues."""
    return load_keys(folder / TRANSFER_FOLDER, dict.fromkeys(accounts, TRANSFER_KEYS))


def _write(path: Path, account: str, wanted: Scopes) -> None:
    rows = [
        {
            "name": name,
            "api_key": f"{account}-{name}-{secrets.token_hex(8)}",
            "api_secret": secrets.token_urlsafe(32),
            "scopes": list(scopes),
        }
        for name, scopes in wanted.items()
    ]
    write_durably(path, json.dumps(rows, indent=2).encode())


def _read(path: Path) -> list[Key]:
    account = path.stem
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        keys = [Key.of(account, row["name"], row["api_key"], row["api_secret"], tuple(row["scopes"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KeyFileFault(
            f"{path}: must be a list of name, api_key, api_secret, scopes ({type(error).__name__})"
        ) from None
    for key in keys:
        if not set(key.scopes) <= set(SCOPES):
            raise KeyFileFault(f"{path}: scopes of key {key.name} must be among {', '.join(SCOPES)}")
    return keys
