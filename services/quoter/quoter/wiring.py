"""How the quoter is put together: its settings, its core, its lease, and what it reads before it begins."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from common.errors import ContractError
from common.events import OrderUpdates, address_filter, decode
from common.service import Service
from common.settings import ServiceSettings
from common.shell import Shell
from pydantic import Field

from quoter.assembly import make_quoter
from quoter.keys import read_keys, trading_key
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.venues.degen_timing import DEADMAN_MS

UPDATES_READ_BACK_MAX = 2_000
"""The newest order updates read before the start, to know whose a fill is that happened while nobody looked."""


class Settings(ServiceSettings):
    """Which account, where its venue is, and where its keys are."""

    account: str = Field(default="mm1", pattern="^[A-Za-z0-9_-]{1,64}$")
    exchange_url: str = Field(default="http://127.0.0.1:9000", pattern="^https?://[^/@]+$")
    venue_keys_dir: Path = Path(".mm/exchange/keys")
    messages_per_s: float = Field(default=MESSAGES_PER_S, ge=10, le=100_000)
    """Message budget of the account: cancels may use all of it, quotes half."""
    deadman_ms: int = Field(default=DEADMAN_MS, ge=2_000, le=60_000)
    """The venue cancels our orders after so long without a word from us, who speak every second."""


def wire(settings: Settings) -> Service:
    """Return the quoter of one account."""
    key = trading_key(read_keys(settings.venue_keys_dir, settings.account), settings.account)
    core = make_quoter(
        key,
        settings.exchange_url,
        account=settings.account,
        # Replicas that lost their connections together should not come back together.
        seed=zlib.crc32(settings.instance.encode()),
        messages_per_s=settings.messages_per_s,
        deadman_ms=settings.deadman_ms,
    )
    return Service(core=core, leases=[("quoter", settings.account)], prepare=_reading_back(core))


def _reading_back(core: Quoter) -> Callable[[Shell], Awaitable[None]]:
    async def read_back(shell: Shell) -> None:
        """Hand the newest order updates of the account to the core; one that cannot be read names no order."""
        end = await shell.api.last_sequence("ORDER")
        subject_filter = address_filter(OrderUpdates, account=core.account)
        async for stored in shell.api.read("ORDER", max(0, end - UPDATES_READ_BACK_MAX), subject_filter):
            try:
                core.remember(decode(OrderUpdates, stored.data, stored.subject))
            except ContractError as error:
                shell.log.warning("order update not read back", why=str(error))

    return read_back
