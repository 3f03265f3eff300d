"""How the quoter is put together: its settings, its core, its lease, and what it reads before it begins."""

from __future__ import annotations

import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

from common.bus.messages import message_of
from common.errors import ContractError
from common.events import Fill, OrderUpdates, Posting, address_filter, decode
from common.running.service import Service
from common.running.shell import Shell
from common.settings import ServiceSettings
from pydantic import Field

from quoter.assembly import make_polymarket_quoter, make_quoter
from quoter.keys import degen_key, polymarket_key
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.venues.degen.fallback import Fallback
from quoter.venues.degen.timing import DEADMAN_MS
from quoter.venues.polymarket.session import POSITIONS_URL

UPDATES_READ_BACK_MAX = 2_000
"""The newest order updates read before the start, to know whose a fill is that happened while nobody looked."""


class Settings(ServiceSettings):
    """Which account, where its venue is, and where its keys are."""

    account: str = Field(default="mm1", pattern="^[A-Za-z0-9_-]{1,64}$")
    venue: Literal["degen", "polymarket"] = "degen"
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")
    messages_per_s: float = Field(default=MESSAGES_PER_S, ge=10, le=100_000)
    """Message budget of the account: cancels may use all of it, quotes half."""
    deadman_ms: int = Field(default=DEADMAN_MS, ge=2_000, le=60_000)
    """The venue cancels our orders after so long without a word from us, who speak every second."""
    rest_fallback: Fallback = Fallback.CANCEL
    """At the Degen Terminal, without a websocket: nothing, cancels only, or also orders that cannot rest."""
    user_channel_url: str = Field(
        default="wss://ws-subscriptions-clob.polymarket.com/ws/user", pattern="^wss?://[^/@]+/"
    )
    """At Polymarket: where the news of our orders come from."""
    positions_url: str = Field(default=POSITIONS_URL, pattern="^https?://[^/@]+$")
    """At Polymarket: where it lists what a wallet holds."""
    order_lifetime_s: int = Field(default=0, ge=0, le=86_400)
    """At Polymarket: what rests ends by itself after so many seconds; 0 for never."""


def wire(settings: Settings) -> Service:
    """Return the quoter of one account."""
    # Replicas that lost their connections together should not come back together.
    seed = zlib.crc32(settings.instance.encode())
    core = _polymarket(settings, seed) if settings.venue == "polymarket" else _degen(settings, seed)
    return Service(core=core, leases=[("quoter", settings.account)], prepare=_reading_back(core))


def _degen(settings: Settings, seed: int) -> Quoter:
    return make_quoter(
        degen_key(os.environ, settings.venue_keys_dir, settings.account),
        settings.exchange_url,
        account=settings.account,
        seed=seed,
        messages_per_s=settings.messages_per_s,
        deadman_ms=settings.deadman_ms,
        fallback=settings.rest_fallback,
    )


def _polymarket(settings: Settings, seed: int) -> Quoter:
    # Half a second and some tens of megabytes, for those who trade there.
    from quoter.venues.polymarket.signing.keys import LibraryKeys

    key = polymarket_key(os.environ, settings.venue_keys_dir, settings.account)
    return make_polymarket_quoter(
        LibraryKeys(key),
        settings.exchange_url,
        settings.user_channel_url,
        account=settings.account,
        seed=seed,
        messages_per_s=settings.messages_per_s,
        positions_url=settings.positions_url,
        signature_type=key.signature_type,
        order_lifetime_s=settings.order_lifetime_s,
    )


def _reading_back(core: Quoter) -> Callable[[Shell], Awaitable[None]]:
    async def read_back(shell: Shell) -> None:
        """Hand the newest order updates of the account to the core; one that cannot be read names no order.

        And how far FILL has what happened at the account, which recovery goes on from.
        """
        end = await shell.api.last_sequence("ORDER")
        subject_filter = address_filter(OrderUpdates, account=core.account)
        async for stored in shell.api.read("ORDER", max(0, end - UPDATES_READ_BACK_MAX), subject_filter):
            try:
                core.remember(decode(OrderUpdates, stored.data, stored.subject))
            except ContractError as error:
                shell.log.warning("order update not read back", why=str(error))
        booked = await _booked_sequence(core.account, shell)
        # With nothing of it in FILL, 0 asks for all there is; where places are times it would ask for nothing.
        if booked or core.session.counts_places:
            core.booked_sequence = booked

    return read_back


async def _booked_sequence(account: str, shell: Shell) -> int:
    """Return the account's newest place that FILL has, 0 when it has nothing of the account.

    The last entry of every bot is enough: an account's entries are published in the order of their places.
    """
    places = []
    for cls in (Fill, Posting):
        async for stored in shell.api.last_values("FILL", address_filter(cls, account=account)):
            try:
                entry, _ = shell.gate.read(cls, message_of(stored))
            except ContractError:
                continue
            if isinstance(entry, Fill | Posting) and entry.account_sequence:
                places.append(entry.account_sequence)
    return max(places, default=0)
