"""How the quoter is put together: its settings, its cores, their leases, and what is read before one begins."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from functools import partial

from common.bus.messages import message_of
from common.errors import ContractError
from common.events import Fill, HedgeUpdate, OrderUpdates, Posting, TransferUpdate, address_filter, decode
from common.running.service import Service
from common.running.shell import Shell
from common.settings import ServiceSettings
from common.venues import Exchanges
from pydantic import Field

from quoter.accounts.quoters import Quoters
from quoter.accounts.reached import Reached, accounts_of, exchanges_of
from quoter.accounts.settings import AccountSettings
from quoter.accounts.traders import Traders
from quoter.hedging.hedges import Hedges
from quoter.orders.own_orders import Orders
from quoter.service import MESSAGES_PER_S, Quoter
from quoter.trading.cancel_all import AnswerTicket
from quoter.transfers.transfers import Sender
from quoter.venues import VENUES, VenueSettings
from quoter.venues.venue import Sending
from quoter.views.answers import Answers, at_once

UPDATES_READ_BACK_MAX = 2_000
"""The newest order updates read before a start, by the number of accounts, to know whose a fill is that happened while
nobody looked."""


class Settings(ServiceSettings, VenueSettings, AccountSettings):
    """Which accounts, where their venues are, and where their keys are; beside them what each venue can be told."""

    messages_per_s: float = Field(default=MESSAGES_PER_S, ge=10, le=100_000)
    """Message budget of each account: cancels may use all of it, quotes half."""


def wire(settings: Settings) -> Service:
    """Return the quoter of all its accounts; each begins with its own lease."""
    core = make_quoters(
        accounts_of(settings, settings.config_dir, os.environ),
        settings=settings,
        # Replicas that lost their connections together should not come back together.
        seed=zlib.crc32(settings.instance.encode()),
        messages_per_s=settings.messages_per_s,
        exchanges=exchanges_of(settings.config_dir),
    )
    leases = [("quoter", place.account) for place in settings.places]
    return Service(core=core, parts=leases, prepare_part=partial(_read_back, core))


def make_quoters(
    accounts: Iterable[Reached],
    *,
    settings: VenueSettings | None = None,
    seed: int = 0,
    messages_per_s: float = MESSAGES_PER_S,
    exchanges: Exchanges | None = None,
) -> Quoters:
    """Return the core of a process: the quoters of some accounts; `exchanges` are those that documents of bots name.

    It is what the live service and the simulation both run. ConfigError when keys cannot be used.
    """
    answers, traders, hedges = Answers(), Traders(), Hedges()
    build = {
        each.keys.account: partial(
            make_quoter,
            each,
            settings=settings,
            seed=seed,
            messages_per_s=messages_per_s,
            traders=traders,
            hedges=hedges,
            answer=answers.give,
            exchanges=exchanges,
        )
        for each in accounts
    }
    return Quoters(build, answers, hedges)


def make_quoter(
    account: Reached,
    *,
    settings: VenueSettings | None = None,
    seed: int = 0,
    messages_per_s: float = MESSAGES_PER_S,
    traders: Traders | None = None,
    hedges: Hedges | None = None,
    answer: AnswerTicket = at_once,
    exchanges: Exchanges | None = None,
) -> Quoter:
    """Return the pure core of one account with its venue's session; ConfigError when its keys cannot be used."""
    orders = Orders()
    keys, venue, contract, url, sending_keys = account
    place = VENUES[contract]
    session = place.session(keys, venue, url, settings or VenueSettings(), orders, seed)
    sending = None
    if sending_keys is not None and isinstance(place, Sending):
        sending = Sender(place.transfer_session(sending_keys, venue, seed), url)
    return Quoter(
        keys.account,
        venue,
        session,
        orders,
        messages_per_s,
        traders=traders,
        hedges=hedges,
        answer=answer,
        exchanges=exchanges,
        sending=sending,
    )


async def _read_back(quoters: Quoters, shell: Shell, account: str) -> None:
    """Hand the newest order updates of an account to its core; one that cannot be read names no order.

    And how far FILL has what happened at the account, which recovery goes on from.
    """
    core = quoters.core_of(account)
    first = max(0, await shell.api.last_sequence("ORDER") - UPDATES_READ_BACK_MAX * len(quoters.cores))
    hedged_from = await _read_hedges_back(quoters, shell)
    # A parent's children may be in any account; the open ones are behind the newest update of their parent.
    accounts = [account] if hedged_from is None else [each.account for each in quoters.cores]
    first = first if hedged_from is None else min(first, hedged_from)
    for each in accounts:
        async for stored in shell.api.read("ORDER", first, address_filter(OrderUpdates, account=each)):
            try:
                updates = decode(OrderUpdates, stored.data, stored.subject)
            except ContractError as error:
                shell.log.warning("order update not read back", why=str(error))
                continue
            if each == account:
                core.remember(updates)
            else:
                quoters.hedges.remember_children(updates)
    async for stored in shell.api.last_values("TRANSFER", address_filter(TransferUpdate, account=account)):
        try:
            told, _ = shell.gate.read(TransferUpdate, message_of(stored))
        except ContractError as error:
            shell.log.warning("transfer update not read back", why=str(error))
            continue
        if isinstance(told, TransferUpdate):
            core.transfers.remember(told)
    booked = await _booked_sequence(account, shell)
    # With nothing of it in FILL, 0 asks for all there is; where places are times it would ask for nothing.
    if booked or core.session.counts_places:
        core.booked_sequence = booked


async def _read_hedges_back(quoters: Quoters, shell: Shell) -> int | None:
    """Hand in what was last said of each parent; return behind which place in ORDER their open children are.

    None where no parent was open.
    """
    first = None
    for account in [core.account for core in quoters.cores]:
        async for stored in shell.api.last_values("ORDER", address_filter(HedgeUpdate, account=account)):
            try:
                update, _ = shell.gate.read(HedgeUpdate, message_of(stored))
            except ContractError as error:
                shell.log.warning("hedge update not read back", why=str(error))
                continue
            if isinstance(update, HedgeUpdate):
                quoters.hedges.remember(update)
                if not update.state.ended:
                    first = min(stored.sequence - 1, first if first is not None else stored.sequence)
    return first


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
