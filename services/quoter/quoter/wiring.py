"""How the quoter is put together: its settings, its core, its lease, and what it reads before it begins."""

from __future__ import annotations

import os
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from common.bus.messages import message_of
from common.errors import ContractError
from common.events import Fill, OrderUpdates, Posting, address_filter, decode
from common.running.service import Service
from common.running.shell import Shell
from common.settings import ServiceSettings
from pydantic import AfterValidator, Field

from quoter.keys import AccountKeys
from quoter.orders.own_orders import Orders
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.venues import DEFAULT_VENUE, VENUES, VenueSettings, known_venue
from quoter.venues.venue import KeySource

UPDATES_READ_BACK_MAX = 2_000
"""The newest order updates read before the start, to know whose a fill is that happened while nobody looked."""


class Settings(ServiceSettings, VenueSettings):
    """Which account, where its venue is, and where its keys are; beside them what each venue can be told."""

    account: str = Field(default="mm1", pattern="^[A-Za-z0-9_-]{1,64}$")
    venue: Annotated[str, AfterValidator(known_venue)] = DEFAULT_VENUE
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")
    messages_per_s: float = Field(default=MESSAGES_PER_S, ge=10, le=100_000)
    """Message budget of the account: cancels may use all of it, quotes half."""


def wire(settings: Settings) -> Service:
    """Return the quoter of one account."""
    # Replicas that lost their connections together should not come back together.
    seed = zlib.crc32(settings.instance.encode())
    core = make_quoter(
        AccountKeys(os.environ, settings.venue_keys_dir, settings.account),
        settings.exchange_url,
        venue=settings.venue,
        settings=settings,
        seed=seed,
        messages_per_s=settings.messages_per_s,
    )
    return Service(core=core, leases=[("quoter", settings.account)], prepare=_reading_back(core))


def make_quoter(
    keys: KeySource,
    url: str,
    *,
    venue: str = DEFAULT_VENUE,
    settings: VenueSettings | None = None,
    seed: int = 0,
    messages_per_s: float = MESSAGES_PER_S,
) -> Quoter:
    """Return the pure core of an account with its venue's session; ConfigError when its keys cannot be used.

    It is what the live service and the simulation both run.
    """
    orders = Orders()
    session = VENUES[venue].session(keys, url, settings or VenueSettings(), orders, seed)
    return Quoter(keys.account, venue, session, orders, messages_per_s)


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
