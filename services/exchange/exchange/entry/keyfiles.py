"""The venue's accounts hold generated keys in files that only their owner can read; none is ever printed."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from common.machine.disk import write_durably

from exchange.entry.keys import SCOPES, Key

# What an account's keys are for. A watchdog's key can cancel and nothing else.
MAKER_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "trade": ("read", "trade", "cancel"),
    "read": ("read",),
    "cancel": ("cancel",),
}
ADMIN_KEYS: Final[dict[str, tuple[str, ...]]] = {"admin": ("read", "admin")}


class KeyFileFault(ValueError):
    """A key file cannot be used; the message names the file and the rule, never the content."""


def load_keys(folder: Path, makers: Sequence[str]) -> list[Key]:
    """The keys of all accounts; those of the administrator and of market makers are made where there are none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for account, wanted in {**dict.fromkeys(makers, MAKER_KEYS), "admin": ADMIN_KEYS}.items():
        path = folder / f"{account}.json"
        if not path.exists():
            _write(path, account, wanted)
    return [key for path in sorted(folder.glob("*.json")) for key in _read(path)]


def _write(path: Path, account: str, wanted: dict[str, tuple[str, ...]]) -> None:
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
