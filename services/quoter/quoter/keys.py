"""Read an account's venue keys from their file; only the quoter package holds them, and nothing shows a secret."""

from __future__ import annotations

from pathlib import Path

import msgspec
from common.errors import ConfigError

from quoter.venues.degen_rest import ApiKey

KEYS_FILE_BYTES_MAX = 64 * 1024


class _KeyRow(msgspec.Struct, forbid_unknown_fields=True):
    """One key as the venue handed it out."""

    name: str
    api_key: str
    api_secret: str
    scopes: list[str]


def read_keys(directory: Path, account: str) -> list[ApiKey]:
    """Return the keys of an account; ConfigError names the file and the rule it breaks, never what is in it."""
    path = directory / f"{account}.json"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"MM_VENUE_KEYS_DIR: cannot read {path}: {type(error).__name__}"]) from None
    if len(data) > KEYS_FILE_BYTES_MAX:
        raise ConfigError([f"MM_VENUE_KEYS_DIR: {path} is larger than {KEYS_FILE_BYTES_MAX} bytes"])
    try:
        rows = msgspec.json.decode(data, type=list[_KeyRow])
    except (msgspec.DecodeError, ValueError):
        raise ConfigError(
            [f"MM_VENUE_KEYS_DIR: {path} must be a list of {{name, api_key, api_secret, scopes}}"]
        ) from None
    return [ApiKey(row.name, row.api_key, row.api_secret, tuple(row.scopes)) for row in rows]


def trading_key(keys: list[ApiKey], account: str) -> ApiKey:
    """Return the key that may place orders."""
    for key in keys:
        if {"trade", "read"} <= set(key.scopes):
            return key
    raise ConfigError([f"MM_VENUE_KEYS_DIR: no key of {account} has the scopes trade and read"])


def cancelling_key(keys: list[ApiKey], account: str) -> ApiKey:
    """Return the key that may only cancel: what a watchdog holds cannot open a position."""
    for key in keys:
        if set(key.scopes) == {"cancel"}:
            return key
    raise ConfigError([f"MM_VENUE_KEYS_DIR: no key of {account} has the scope cancel alone"])
