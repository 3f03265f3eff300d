"""Money between our accounts over REST: who and why on record, each field checked, one number sends once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from common.core import Receipt
from common.events import AccountState, Audit, Balance, TransferCommand, TransferState, TransferUpdate
from gateway.changes.transfers import Transfers
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import Story

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]
HALF: JSON = {
    "account": "mm1-kraken",
    "to_account": "mm1-dltxmm",
    "amount": "0.5",
    "currency": "BTC",
    "reason": "DLTXMM runs out of bitcoin",
}


def balance(currency: str, total: str, available: str = "") -> Balance:
    return Balance(currency=currency, total=Decimal(total), available=Decimal(available or total))


def fund(story: Story) -> None:
    """Two accounts at two venues, and a third beside the first."""
    for account, venue, others in (
        ("mm1-kraken", "kraken_spot", [balance("BTC", "2.00000000", "1.50000000"), balance("ETH", "1.00000000")]),
        ("mm2-kraken", "kraken_spot", [balance("BTC", "2.00000000")]),
        ("mm1-dltxmm", "dltxmm_spot", [balance("BTC", "0.10000000"), balance("JPY", "5.00000000")]),
    ):
        state = AccountState(
            account=account,
            venue=venue,
            main=balance("USD", "1000.000000"),
            others=others,
            holdings=[],
            open_orders=[],
            account_sequence=3,
            reason="timer",
            ts_event_ns=1,
            ts_received_ns=1,
        )
        story.tell(story.view.on_account, state)


def update(command: TransferCommand, sequence: int, **said: Any) -> TransferUpdate:
    return TransferUpdate(
        account=command.account, number=command.number, update_sequence=sequence, epoch=3, ts_ns=9, **said
    )


async def ask(client: httpx.AsyncClient, headers: dict[str, str], **changes: Any) -> httpx.Response:
    return await client.post("/api/transfers", json=HALF | changes, headers=headers)


async def test_a_transfer_says_who_and_why_and_how_far_it_is(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, story: Story
) -> None:
    fund(story)
    tess = await log_in("trader", user_id="tess")
    made = await ask(client, tess, client_transfer_id="7")
    assert (made.status_code, made.json()["outcome"]) == (201, "asked")
    (command,) = bus.of(TransferCommand)
    assert (command.actor, command.reason, command.amount) == ("tess", HALF["reason"], Decimal("0.5"))
    assert (command.venue, command.to_venue, command.number) == ("kraken_spot", "dltxmm_spot", 7)
    (audit,) = bus.of(Audit)
    assert (audit.actor, audit.action, audit.target) == ("tess", "transfer", "mm1-kraken-7")
    assert audit.detail == {
        "to_account": "mm1-dltxmm",
        "amount": "0.50000000",
        "currency": "BTC",
        "reason": HALF["reason"],
    }
    assert bus.published.index(audit) < bus.published.index(command), "the record comes first"
    shown = []
    words: list[JSON] = [
        {"state": TransferState.SENDING},
        {"state": TransferState.UNDER_WAY, "transfer_id": "KRAKEN-DLTXMM-1", "due_ns": 65},
        {"state": TransferState.DONE, "transfer_id": "KRAKEN-DLTXMM-1", "due_ns": 65},
    ]
    for sequence, said in enumerate([{}, *words]):
        if said:
            story.tell(story.view.transfers.on_update, update(command, sequence, **said))
        (row,) = (await client.get("/api/transfers", headers=tess)).json()["transfers"]
        shown.append(row["state"])
    assert shown == ["asked", "sending", "under_way", "done"]
    assert (row["transfer_id"], row["due_ns"], row["actor"], row["client_transfer_id"]) == (
        *("KRAKEN-DLTXMM-1", 65),
        *("tess", "7"),
    )


async def test_a_refusal_is_listed_with_its_reason(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, story: Story
) -> None:
    fund(story)
    tess = await log_in("trader", user_id="tess")
    await ask(client, tess)
    (command,) = bus.of(TransferCommand)
    said = {"state": TransferState.REFUSED, "reason": "0.5 BTC needed, 0.1 available"}
    story.tell(story.view.transfers.on_update, update(command, 1, **said))
    (row,) = (await client.get("/api/transfers", headers=tess)).json()["transfers"]
    assert (row["state"], row["refused"]) == ("refused", "0.5 BTC needed, 0.1 available")


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"to_account": "mm1-kraken"}, "to_account", "must be another account than the one that pays"),
        ({"to_account": "mm2-kraken"}, "to_account", "must be at another venue, both are at kraken_spot"),
        ({"account": "mm9"}, "account", "must be an account of ours: mm1-dltxmm, mm1-kraken, mm2-kraken"),
        ({"to_account": "mm9"}, "to_account", "must be an account of ours: mm1-dltxmm, mm1-kraken, mm2-kraken"),
        ({"currency": "ETH"}, "currency", "must be one that both accounts have: USD, BTC"),
        ({"amount": "0"}, "amount", "Input should be greater than 0"),
        ({"amount": "-1"}, "amount", "Input should be greater than 0"),
        ({"amount": "NaN"}, "amount", "Input should be a finite number"),
        ({"amount": "0.000000001"}, "amount", "must be a multiple of 0.00000001 BTC"),
        ({"amount": "1.6"}, "amount", "must be at most what mm1-kraken has available, 1.50000000"),
        ({"reason": ""}, "reason", "String should have at least 1 character"),
        ({"client_transfer_id": "0"}, "client_transfer_id", "String should match pattern '^([1-9][0-9]{0,18})?$'"),
        ({"client_transfer_id": "9" * 19}, "client_transfer_id", f"must be at most {2**63 - 1}"),
    ],
)
async def test_what_cannot_be_is_refused_with_its_field_and_rule(
    client: httpx.AsyncClient,
    log_in: LogIn,
    bus: FakeBus,
    story: Story,
    changes: dict[str, str],
    field: str,
    rule: str,
) -> None:
    fund(story)
    refused = await ask(client, await log_in("trader"), **changes)
    assert refused.status_code == 422
    assert refused.json()["error"]["fields"] == [{"field": field, "rule": rule}]
    assert bus.of(TransferCommand) == []


async def test_sent_again_under_its_number_it_moves_nothing_twice_at_this_gateway_or_another(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, story: Story
) -> None:
    fund(story)
    tess = await log_in("trader", user_id="tess")
    await ask(client, tess, client_transfer_id="7")
    again = await ask(client, tess, client_transfer_id="7", amount="0.50")
    assert (again.status_code, again.json()["outcome"]) == (200, "known")
    # A replica that has not heard of it yet.
    story.view.transfers = Transfers()
    elsewhere = await ask(client, tess, client_transfer_id="7")
    assert (elsewhere.status_code, elsewhere.json()["outcome"]) == (200, "known")
    story.view.transfers = Transfers()
    other = await ask(client, tess, client_transfer_id="7", amount="0.6")
    assert (other.status_code, other.json()["error"]["fields"][0]["field"]) == (409, "client_transfer_id")
    assert "stands for another transfer of mm1-kraken: 0.50000000 BTC to mm1-dltxmm" in other.text
    assert len(bus.of(TransferCommand)) == 1


async def test_a_bus_that_is_away_leaves_nothing_said_and_the_number_good(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, story: Story
) -> None:
    fund(story)
    tess = await log_in("trader", user_id="tess")
    bus.connected = False
    assert (await ask(client, tess, client_transfer_id="7")).status_code == 503
    bus.connected = True
    assert (await ask(client, tess, client_transfer_id="7")).status_code == 201
    assert len(bus.of(TransferCommand)) == 1


def test_words_that_come_before_the_command_or_out_of_order_count_as_they_were_said() -> None:
    command = TransferCommand(
        **{name: value for name, value in HALF.items() if name != "amount"},
        amount=Decimal("0.5"),
        number=7,
        venue="kraken_spot",
        to_venue="dltxmm_spot",
        actor="tess",
        expires_at_ns=9,
        ts_ns=1,
    )
    known = Transfers()
    known.on_update(update(command, 2, state=TransferState.UNDER_WAY), Receipt(1))
    known.on_command(command, Receipt(1))
    known.on_update(update(command, 1, state=TransferState.SENDING), Receipt(1))
    (transfer,) = known.newest_first()
    assert transfer.row()["state"] == "under_way"
