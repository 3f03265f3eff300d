"""Polymarket: its settings, the keys of an account, and the session made of them."""

from __future__ import annotations

import msgspec
from common.errors import ConfigError
from pydantic import Field

from quoter.venues.base import OwnOrders
from quoter.venues.polymarket.session import POSITIONS_URL, PolymarketSession
from quoter.venues.polymarket.signing.ticket import PolymarketKey
from quoter.venues.venue import CancelSession, KeySource, OwnSettings

VARIABLES = "POLYMARKET_"
SECRETS = ("wallet_key", "api_key", "api_secret", "api_passphrase")


class PolymarketSettings(OwnSettings):
    """What can be set at Polymarket alone."""

    user_channel_url: str = Field(
        default="wss://ws-subscriptions-clob.polymarket.com/ws/user", pattern="^wss?://[^/@]+/"
    )
    """Where the news of our orders come from."""
    positions_url: str = Field(default=POSITIONS_URL, pattern="^https?://[^/@]+$")
    """Where it lists what a wallet holds."""
    order_lifetime_s: int = Field(default=0, ge=0, le=86_400)
    """Seconds after which a resting order ends by itself; 0 for never."""


class _Wallet(msgspec.Struct, forbid_unknown_fields=True):
    """An account at Polymarket, as its key file holds it."""

    wallet_key: str
    api_key: str
    api_secret: str
    api_passphrase: str
    funder: str = ""
    signature_type: int = 0


class Polymarket:
    """Polymarket."""

    def session(
        self, keys: KeySource, name: str, url: str, settings: PolymarketSettings, orders: OwnOrders, seed: int
    ) -> PolymarketSession:
        # Half a second and some tens of megabytes, for those who trade there.
        from quoter.venues.polymarket.signing.keys import LibraryKeys

        key = wallet_of(keys)
        return PolymarketSession(
            LibraryKeys(key),
            url,
            settings.user_channel_url,
            orders,
            seed,
            positions_url=settings.positions_url,
            signature_type=key.signature_type,
            order_lifetime_s=settings.order_lifetime_s,
        )

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> CancelSession:
        raise ConfigError(
            [
                "MM_VENUE: polymarket has no key that can only cancel, so there is no watchdog for it: "
                "the venue cancels by itself 10 s after the quoter's last heartbeat"
            ]
        )


def wallet_of(keys: KeySource) -> PolymarketKey:
    """Return an account's keys: POLYMARKET_WALLET_KEY and so on, else {account}.polymarket.json."""
    given = {name: keys.variable(f"{VARIABLES}{name.upper()}") for name in SECRETS}
    missing = [name for name in SECRETS if not given[name]]
    if not missing:
        kind = keys.variable(f"{VARIABLES}SIGNATURE_TYPE") or "0"
        if not kind.isdecimal():
            raise ConfigError([f"{VARIABLES}SIGNATURE_TYPE: must be a number"])
        wallet, api_key, secret, passphrase = (given[name] for name in SECRETS)
        return PolymarketKey(wallet, api_key, secret, passphrase, keys.variable(f"{VARIABLES}FUNDER"), int(kind))
    if len(missing) < len(SECRETS):
        raise ConfigError([f"{VARIABLES}{name.upper()}: is not set, and all four are needed" for name in missing])
    path, data = keys.read(f"{keys.account}.polymarket.json")
    try:
        found = msgspec.json.decode(data, type=_Wallet)
    except (msgspec.DecodeError, ValueError):
        raise ConfigError(
            [f"MM_VENUE_KEYS_DIR: {path} must hold {', '.join(SECRETS)}, funder, signature_type"]
        ) from None
    return PolymarketKey(
        found.wallet_key,
        found.api_key,
        found.api_secret,
        found.api_passphrase,
        found.funder,
        found.signature_type,
    )
