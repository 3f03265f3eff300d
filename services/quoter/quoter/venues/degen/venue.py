"""The Degen Terminal: its settings, the keys of an account, and the sessions made of them."""

from __future__ import annotations

import msgspec
from common.errors import ConfigError
from pydantic import Field

from quoter.venues.base import OwnOrders
from quoter.venues.degen.cancelling import DegenCancelSession
from quoter.venues.degen.fallback import Fallback
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession
from quoter.venues.degen.timing import DEADMAN_MS
from quoter.venues.degen.transfers.session import DegenTransferSession
from quoter.venues.venue import KeySource, OwnSettings

API_KEY, WALLET_KEY = "DEGEN_API_KEY", "DEGEN_WALLET_KEY"


class DegenSettings(OwnSettings):
    """What can be set at the Degen Terminal alone."""

    deadman_ms: int = Field(default=DEADMAN_MS, ge=2_000, le=60_000)
    """The venue cancels our orders after so long without a word from us, who speak every second."""
    rest_fallback: Fallback = Fallback.CANCEL
    """Without a websocket: nothing, cancels only, or also orders that cannot rest."""


class _KeyRow(msgspec.Struct, forbid_unknown_fields=True):
    """One key as the venue handed it out."""

    name: str
    api_key: str
    api_secret: str
    scopes: list[str]


class Degen:
    """The Degen Terminal."""

    def session(
        self, keys: KeySource, name: str, url: str, settings: DegenSettings, orders: OwnOrders, seed: int
    ) -> DegenSession:
        key = trading_key(keys)
        return DegenSession(key, url, orders, seed, settings.deadman_ms, settings.rest_fallback, name)

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> DegenCancelSession:
        return DegenCancelSession(cancelling_key(keys), seed, name)

    def transfer_session(self, keys: KeySource, name: str, seed: int) -> DegenTransferSession:
        return DegenTransferSession(sending_key(keys), seed, name)


def read_keys(keys: KeySource) -> list[ApiKey]:
    """Return the keys in an account's file; ConfigError names the file and the rule it breaks, never what is in it."""
    path, data = keys.read(f"{keys.account}.json")
    try:
        rows = msgspec.json.decode(data, type=list[_KeyRow])
    except (msgspec.DecodeError, ValueError):
        raise ConfigError(
            [f"MM_VENUE_KEYS_DIR: {path} must be a list of {{name, api_key, api_secret, scopes}}"]
        ) from None
    return [ApiKey(row.name, row.api_key, row.api_secret, tuple(row.scopes)) for row in rows]


def trading_key(keys: KeySource) -> ApiKey:
    """Return the key that may place orders: DEGEN_API_KEY with its secret in DEGEN_WALLET_KEY, else the file's."""
    key, secret = keys.variable(API_KEY), keys.variable(WALLET_KEY)
    if key and secret:
        return ApiKey("environment", key, secret, ("read", "trade", "cancel"))
    if key or secret:
        raise ConfigError([f"{API_KEY if secret else WALLET_KEY}: is not set, and both are needed"])
    for found in read_keys(keys):
        if {"trade", "read"} <= set(found.scopes):
            return found
    raise ConfigError([f"MM_VENUE_KEYS_DIR: no key of {keys.account} has the scopes trade and read"])


def cancelling_key(keys: KeySource) -> ApiKey:
    """Return the key that may only cancel: what a watchdog holds cannot open a position."""
    for key in read_keys(keys):
        if set(key.scopes) == {"cancel"}:
            return key
    raise ConfigError([f"MM_VENUE_KEYS_DIR: no key of {keys.account} has the scope cancel alone"])


def sending_key(keys: KeySource) -> ApiKey:
    """Return the key that may send money; it lies apart from those that trade."""
    for key in read_keys(keys):
        if {"transfer", "read"} <= set(key.scopes):
            return key
    raise ConfigError([f"MM_TRANSFERS: no key of {keys.account} has the scopes transfer and read"])
