"""Correcting the books over REST: two people, one compare-and-set, everything on record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from common.core import Receipt
from common.events import Adjustment, AdjustmentState, Alert, Audit, Balance
from gateway.changes import adjustments as adjustments_module
from gateway.changes.adjustments import Adjustments
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import Story
from msgspec.structs import replace

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]
FEE = {"account": "mm1", "cash": "-12.50", "reason": "a fee the venue took"}


async def propose(client: httpx.AsyncClient, headers: dict[str, str], **changes: Any) -> httpx.Response:
    return await client.post("/api/adjustments", json=FEE | changes, headers=headers)


async def test_r81_one_proposes_another_approves_and_every_replica_hears_of_it(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, story: Story
) -> None:
    story.quoting()
    tess, rita = await log_in("trader", user_id="tess"), await log_in("risk", user_id="rita")
    made = await propose(client, tess)
    assert made.status_code == 201
    shown = made.json()["adjustment"]
    assert {name: shown[name] for name in ("state", "cash", "currency", "venue", "algo_id", "proposed_by")} == {
        "state": "proposed",
        "cash": "-12.50",
        "currency": "USD",
        "venue": "degen",
        "algo_id": "unassigned",
        "proposed_by": "tess",
    }
    path = f"/api/adjustments/{shown['adjustment_id']}"
    assert (await client.post(f"{path}/approve", headers=tess)).status_code == 403, "a trader approves nothing"
    approved = await client.post(f"{path}/approve", headers=rita)
    assert (approved.status_code, approved.json()["outcome"]) == (200, "approved")
    assert [(each.state, each.proposed_by, each.decided_by) for each in bus.of(Adjustment)] == [
        (AdjustmentState.PROPOSED, "tess", ""),
        (AdjustmentState.APPROVED, "tess", "rita"),
    ]
    assert [(audit.actor, audit.action) for audit in bus.of(Audit)] == [
        ("tess", "adjustment-propose"),
        ("rita", "adjustment-approve"),
    ]
    assert [alert.kind for alert in bus.of(Alert)] == ["adjustment_proposed", "adjustment_approved"]
    (listed,) = (await client.get("/api/adjustments", headers=tess)).json()["adjustments"]
    assert (listed["state"], listed["decided_by"]) == ("approved", "rita")
    again = await client.post(f"{path}/approve", headers=rita)
    assert (again.status_code, "it is approved already" in again.json()["error"]["message"]) == (409, True)
    other_replica = Adjustments()
    for sequence, event in enumerate(bus.of(Adjustment)):
        other_replica.apply(event, sequence)
    stored = other_replica.get(shown["adjustment_id"])
    assert stored is not None
    assert stored.adjustment.state is AdjustmentState.APPROVED


async def test_r81_nobody_approves_his_own_proposal_an_old_one_or_that_of_somebody_disabled(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.quoting()
    admin, rita = await log_in("admin", user_id="admin"), await log_in("risk", user_id="rita")
    own, old, orphan = [(await propose(client, admin)).json()["adjustment"]["adjustment_id"] for _ in range(3)]

    async def why_not(adjustment_id: str, headers: dict[str, str]) -> str:
        answer = await client.post(f"/api/adjustments/{adjustment_id}/approve", headers=headers)
        assert answer.status_code == 409
        return str(answer.json()["error"]["message"])

    assert "who proposed it may not approve it" in await why_not(own, admin)
    story.user("admin", "admin", disabled=True)
    assert "admin, who proposed it, may no longer log in" in await why_not(orphan, rita)
    story.user("admin", "admin")
    story.later(24 * 3_600 + 1)
    rita = await log_in("risk", user_id="rita")
    assert "it is 24 h old, and void after 24 h" in await why_not(old, rita)
    listed = (await client.get("/api/adjustments", headers=rita)).json()["adjustments"]
    assert {each["state"] for each in listed} == {"void"}
    assert all(each.state is AdjustmentState.PROPOSED for each in bus.of(Adjustment))
    assert (await client.post("/api/adjustments/nothing/approve", headers=rita)).status_code == 404


async def test_coins_and_every_currency_of_the_account_are_corrected(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.quoting()
    coins = Balance(currency="BTC", total=Decimal(2), available=Decimal(2))
    story.tell(story.view.on_account, replace(story.account(), others=[coins]))
    tess = await log_in("trader", user_id="tess")
    assert (await propose(client, tess, currency="BTC", cash="-0.00000001")).status_code == 201
    made = await propose(client, tess, symbol="BTCUSD", lots=10, cash="-600")
    assert (made.status_code, made.json()["adjustment"]["lots"]) == (201, 10)
    (first,) = [each for each in (await client.get("/api/adjustments", headers=tess)).json()["adjustments"]
                if each["currency"] == "BTC"]  # fmt: skip
    assert (first["cash"], "-0.00000001 BTC" in first["said"]) == ("-0.00000001", True)
    assert "-600 USD, +10 lots of BTCUSD" in made.json()["adjustment"]["said"]
    assert [(each.currency, each.cash, each.lots) for each in bus.of(Adjustment)] == [
        ("BTC", Decimal("-0.00000001"), 0),
        ("USD", Decimal(-600), 10),
    ]
    refused = await propose(client, tess, currency="ETH")
    assert (refused.status_code, "must be one that the account has: USD, BTC" in refused.text) == (422, True)


async def test_r81_of_two_decisions_at_once_one_is_refused(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.quoting()
    tess, rita = await log_in("trader", user_id="tess"), await log_in("risk", user_id="rita")
    adjustment_id = (await propose(client, tess)).json()["adjustment"]["adjustment_id"]
    stored = story.view.adjustments.get(adjustment_id)
    assert stored is not None
    # Another replica's word is in the stream already, and not heard here yet.
    bus.sequences[stored.adjustment.address()] += 1
    refused = await client.post(f"/api/adjustments/{adjustment_id}/approve", headers=rita)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    story.view.on_adjustment(
        replace(stored.adjustment, state=AdjustmentState.REJECTED, decided_by="otto"),
        Receipt(story.now_ns, sequence=stored.sequence + 1),
    )
    refused = await client.post(f"/api/adjustments/{adjustment_id}/reject", headers=rita)
    assert (refused.status_code, "it is rejected already" in refused.json()["error"]["message"]) == (409, True)


async def test_r81_a_proposal_is_taken_back_by_its_proposer_or_rejected_by_risk_and_by_nobody_else(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    story.quoting()
    tess, otto = await log_in("trader", user_id="tess"), await log_in("trader", user_id="otto")
    adjustment_id = (await propose(client, tess)).json()["adjustment"]["adjustment_id"]
    path = f"/api/adjustments/{adjustment_id}/reject"
    assert (await client.post(path, headers=otto)).status_code == 403
    assert (await client.post(path, headers=tess)).json()["outcome"] == "rejected"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account": "mm9"}, "account"),
        ({"currency": "EUR"}, "currency"),
        ({"algo_id": "77"}, "algo_id"),
        ({"cash": "0"}, "cash"),
        ({"cash": "NaN"}, "cash"),
        ({"cash": "1e12"}, "cash"),
        ({"cash": "0.0000001"}, "cash"),
        ({"cash": "0", "yes_lots": 5}, "symbol"),
        ({"symbol": "BTC-5M-1"}, "symbol"),
        ({"cash": "0", "lots": 5}, "symbol"),
        ({"symbol": "BTC-5M-1", "lots": 5, "no_lots": 1}, "lots"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 301}, "reason"),
        ({"approved_by": "me"}, "approved_by"),
    ],
)
async def test_r81_what_cannot_be_booked_is_not_proposed(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, changes: JSON, field: str
) -> None:
    story.quoting()
    answer = await propose(client, await log_in("trader"), **changes)
    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, field)
    assert bus.of(Adjustment) == []


async def test_proposals_that_wait_and_adjustments_that_are_remembered_have_a_bound(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.quoting()
    tess = await log_in("trader", user_id="tess")
    first = (await propose(client, tess)).json()["adjustment"]["adjustment_id"]
    monkeypatch.setattr("gateway.api.routes.adjustments.OPEN_MAX", 1)
    assert (await propose(client, tess)).json()["error"]["code"] == "too_many_proposals"
    await client.post(f"/api/adjustments/{first}/reject", headers=tess)
    monkeypatch.setattr(adjustments_module, "ADJUSTMENTS_MAX", 1)
    second = (await propose(client, tess)).json()["adjustment"]["adjustment_id"]
    assert [each.adjustment_id for each in story.view.adjustments.newest_first()] == [second], "the decided one went"
