"""An account's venue keys, from a file or the environment; only the quoter package holds them, and nothing shows one.

No configuration file has a place for them. A variable set in the environment comes before the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
from common.errors import ConfigError

from quoter.venues.degen.rest import ApiKey
from quoter.venues.polymarket.signing.ticket import PolymarketKey

KEYS_FILE_BYTES_MAX = 64 * 1024
API_KEY, WALLET_KEY = "DEGEN_API_KEY", "DEGEN_WALLET_KEY"
POLYMARKET = "POLYMARKET_"


class _KeyRow(msgspec.Struct, forbid_unknown_fields=True):
    """One key as the venue handed it out."""

    name: str
    api_key: str
    api_secret: str
    scopes: list[str]


class _Wallet(msgspec.Struct, forbid_unknown_fields=True):
    """An account at Polymarket, as its key file holds it."""

    wallet_key: str
    api_key: str
    api_secret: str
    api_passphrase: str
    funder: str = ""
    signature_type: int = 0


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"MM_VENUE_KEYS_DIR: cannot read {path}: {type(error).__name__}"]) from None
    if len(data) > KEYS_FILE_BYTES_MAX:
        raise ConfigError([f"MM_VENUE_KEYS_DIR: {path} is larger than {KEYS_FILE_BYTES_MAX} bytes"])
    return data


def read_keys(directory: Path, account: str) -> list[ApiKey]:
    """Return the keys of an account; ConfigError names the file and the rule it breaks, never what is in it."""
    path = directory / f"{account}.json"
    data = _read(path)
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


def degen_key(environment: Mapping[str, str], directory: Path, account: str) -> ApiKey:
    """Return the trading key: DEGEN_API_KEY with its secret in DEGEN_WALLET_KEY, else the one in the account's file."""
    key, secret = environment.get(API_KEY, ""), environment.get(WALLET_KEY, "")
    if key and secret:
        return ApiKey("environment", key, secret, ("read", "trade", "cancel"))
    if key or secret:
        raise ConfigError([f"{API_KEY if secret else WALLET_KEY}: is not set, and both are needed"])
    return trading_key(read_keys(directory, account), account)


def polymarket_key(environment: Mapping[str, str], directory: Path, account: str) -> PolymarketKey:
    """Return the account's keys at Polymarket: POLYMARKET_WALLET_KEY and so on, else {account}.polymarket.json."""
    names = ("wallet_key", "api_key", "api_secret", "api_passphrase")
    given = {name: environment.get(f"{POLYMARKET}{name.upper()}", "") for name in names}
    missing = [name for name in names if not given[name]]
    if not missing:
        kind = environment.get(f"{POLYMARKET}SIGNATURE_TYPE", "0")
        if not kind.isdecimal():
            raise ConfigError([f"{POLYMARKET}SIGNATURE_TYPE: must be a number"])
        funder = environment.get(f"{POLYMARKET}FUNDER", "")
        wallet, api_key, secret, passphrase = (given[name] for name in names)
        return PolymarketKey(wallet, api_key, secret, passphrase, funder, int(kind))
    if len(missing) < len(names):
        raise ConfigError([f"{POLYMARKET}{name.upper()}: is not set, and all four are needed" for name in missing])
    path = directory / f"{account}.polymarket.json"
    data = _read(path)
    try:
        found = msgspec.json.decode(data, type=_Wallet)
    except (msgspec.DecodeError, ValueError):
        raise ConfigError([f"MM_VENUE_KEYS_DIR: {path} must hold {', '.join(names)}, funder, signature_type"]) from None
    return PolymarketKey(
        found.wallet_key,
        found.api_key,
        found.api_secret,
        found.api_passphrase,
        found.funder,
        found.signature_type,
    )
