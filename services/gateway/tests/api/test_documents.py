"""Platform documents over REST: by type and id, by revision, judged beside what belongs together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from common.events import Audit, PlatformConfig
from common.testing.spot import ADAETH, CURRENCY, CURRENCY_HEDGER, CURRENCY_LIMITS, PLATFORM_DOCUMENTS
from gateway.api.examples import EXAMPLES
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import Story

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]
Put = Callable[..., Awaitable[httpx.Response]]
ALL = ("trader", "risk")


@pytest.fixture
def put(client: httpx.AsyncClient, log_in: LogIn) -> Put:
    """Make bot 4, which a document names, the first time."""

    async def put(address: str, document: Mapping[str, Any], revision: int = 0, *roles: str) -> httpx.Response:
        headers = await log_in(*(roles or ALL), user_id="maker")
        bot = {"kind": "spot", "running": False, "sections": ADAETH, "revision": 0}
        await client.put("/api/bots/4", json=bot, headers=await log_in(*ALL, user_id="other"))
        change = {"document": document, "revision": revision, "reason": "because"}
        return await client.put(f"/api/documents/{address}", json=change, headers=headers)

    return put


def faults(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {fault["field"]: fault["rule"] for fault in answer.json()["error"]["fields"]}


async def test_every_type_is_stored_as_it_was_sent_and_listed(
    client: httpx.AsyncClient, log_in: LogIn, put: Put, bus: FakeBus
) -> None:
    for (kind, document_id), document in PLATFORM_DOCUMENTS.items():
        answer = await put(f"{kind}/{document_id}", document)
        assert answer.status_code == 200, answer.text
        assert answer.json()["document"]["document"] == document
    stored = bus.of(PlatformConfig)
    assert [(config.type, config.id) for config in stored] == list(PLATFORM_DOCUMENTS)
    assert [config.document for config in stored] == list(PLATFORM_DOCUMENTS.values())
    assert {(config.revision, config.actor, config.reason) for config in stored} == {(1, "maker", "because")}
    listed = (await client.get("/api/documents", headers=await log_in("viewer"))).json()
    assert sorted((row["type"], row["id"]) for row in listed["documents"]) == sorted(PLATFORM_DOCUMENTS)
    assert set(listed["documents"][0]) == set(EXAMPLES["documents"]["documents"][0])


async def test_a_change_counts_from_the_revision_in_force_and_is_audited_with_its_fields(
    client: httpx.AsyncClient, log_in: LogIn, put: Put, bus: FakeBus
) -> None:
    await put("risk_currency/3", CURRENCY)
    narrower = {"currency": "ADA", "exchange_algo_id": "BINANCE"}
    assert (await put("risk_currency/3", narrower)).status_code == 409
    answer = await put("risk_currency/3", narrower, revision=1)
    assert answer.json()["document"]["changed"] == ["exchange_algo_id"]
    assert bus.of(Audit)[-1].detail["fields"] == {"exchange_algo_id": ["4", "BINANCE"]}
    path = "/api/documents/risk_currency/3/history"
    rows = (await client.get(path, headers=await log_in("viewer"))).json()["history"]
    assert [(row["revision"], row["fields"]) for row in rows] == [(2, {"exchange_algo_id": ["4", "BINANCE"]}), (1, {})]
    assert set(rows[0]) == set(EXAMPLES["document_history"]["history"][0])


async def test_of_two_changes_at_two_replicas_the_broker_lets_one_win(put: Put, bus: FakeBus) -> None:
    await put("risk_currency/3", CURRENCY)
    bus.sequences[bus.of(PlatformConfig)[0].address()] += 1
    answer = await put("risk_currency/3", {"currency": "ADA"}, revision=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert bus.of(Audit)[-1].outcome.startswith("refused")


@pytest.mark.parametrize(
    ("address", "field", "rule"),
    [
        ("surprise/3", "type", "must be one of risk, risk_currency, currency_risk_limits, risk_hedger"),
        ("risk/limits", "id", "must be MM for risk"),
        ("risk_currency/MM", "id", "a number of 1 to 9 digits"),
        ("risk_currency/03", "id", "a number of 1 to 9 digits"),
    ],
)
async def test_an_address_is_one_there_can_be(
    client: httpx.AsyncClient, log_in: LogIn, put: Put, address: str, field: str, rule: str
) -> None:
    assert rule in faults(await put(address, CURRENCY))[field]
    headers = await log_in(*ALL)
    assert rule in faults(await client.delete(f"/api/documents/{address}?revision=1", headers=headers))[field]
    assert rule in faults(await client.get(f"/api/documents/{address}/history", headers=headers))[field]


async def test_limits_are_the_risk_officers_and_hedgers_the_traders(put: Put) -> None:
    await put("risk_currency/3", CURRENCY)
    for address, document, role in (
        ("risk/MM", PLATFORM_DOCUMENTS["risk", "MM"], "risk"),
        ("risk_currency/3", CURRENCY, "risk"),
        ("currency_risk_limits/3", CURRENCY_LIMITS, "risk"),
        ("risk_hedger/3", CURRENCY_HEDGER, "trader"),
    ):
        other = "trader" if role == "risk" else "risk"
        refused = await put(address, document, 0, other)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        revision = 1 if address == "risk_currency/3" else 0
        assert (await put(address, document, revision, role)).status_code == 200


async def test_a_fault_names_the_field_the_rule_and_what_was_sent(put: Put, bus: FakeBus) -> None:
    assert faults(await put("risk/MM", {"account_currency": "BTC", "cutoff_time": -1})) == {
        "document.cutoff_time": "must be a whole number of 0 to 86399999, is -1"
    }
    assert faults(await put("risk_currency/3", {"currency": "ADA", "exchange_algo_id": "77"})) == {
        "document.exchange_algo_id": "must name a bot that exists, is '77'"
    }
    assert bus.of(PlatformConfig) == []


async def test_limits_and_hedgers_belong_to_a_currency(put: Put) -> None:
    for address, document in (("currency_risk_limits/3", CURRENCY_LIMITS), ("risk_hedger/3", CURRENCY_HEDGER)):
        rule = faults(await put(address, document))["document.id"]
        assert rule == "must be that of a risk_currency document, and 3 is none"


async def test_a_hedge_that_cannot_reduce_what_it_watches_is_refused_from_either_end(put: Put) -> None:
    await put("risk_currency/3", {"currency": "ADA", "exchange_algo_id": "KRAKEN"})
    assert "must be KRAKEN alone" in faults(await put("risk_hedger/3", CURRENCY_HEDGER))["document.venues_list"]
    there = {**CURRENCY_HEDGER, "venues_list": "KRAKEN"}
    assert (await put("risk_hedger/3", there)).status_code == 200
    moved = {"currency": "ADA", "exchange_algo_id": "BINANCE"}
    rule = faults(await put("risk_currency/3", moved, revision=1))["document.currency"]
    assert rule.startswith("risk_hedger 3 would not fit, venues_list: must be BINANCE alone")
    other = {"currency": "ETH", "exchange_algo_id": "KRAKEN"}
    assert (
        "hedge_instrument: must be a pair of ETH"
        in faults(await put("risk_currency/3", other, revision=1))["document.currency"]
    )


async def test_two_documents_do_not_watch_the_same(put: Put) -> None:
    await put("risk_currency/3", CURRENCY)
    rule = faults(await put("risk_currency/4", {"currency": "ada", "exchange_algo_id": 4}))["document.exchange_algo_id"]
    assert rule == "risk_currency 3 watches this already"
    assert (await put("risk_currency/4", {"currency": "ADA"})).status_code == 200
    assert (await put("risk_currency/3", {**CURRENCY}, revision=1)).status_code == 200, "itself is no other"


async def test_a_currency_is_removed_after_what_belongs_to_it_and_its_id_is_not_used_again(
    client: httpx.AsyncClient, log_in: LogIn, put: Put, bus: FakeBus, story: Story
) -> None:
    headers = await log_in(*ALL)
    await put("risk_currency/3", CURRENCY)
    await put("risk_hedger/3", {**CURRENCY_HEDGER, "running": True})

    async def delete(address: str, revision: int = 1) -> httpx.Response:
        return await client.delete(f"/api/documents/{address}?revision={revision}&reason=done", headers=headers)

    assert faults(await delete("risk_currency/3")) == {"id": "remove risk_hedger 3 first, which belong to it"}
    assert faults(await delete("risk_hedger/3")) == {"document.running": "must be false before it is removed, is True"}
    await put("risk_hedger/3", CURRENCY_HEDGER, revision=1)
    assert (await delete("risk_hedger/3")).status_code == 409
    assert (await delete("risk_hedger/3", revision=2)).status_code == 200
    assert (await delete("risk_currency/3")).status_code == 200
    last = bus.of(PlatformConfig)[-1]
    assert (last.removed, last.revision, last.reason) == (True, 2, "done")
    assert (await client.get("/api/documents", headers=headers)).json()["documents"] == []
    assert "never used again" in faults(await put("risk_currency/3", CURRENCY, revision=2))["id"]
    assert story.view.documents["risk_currency", "3"].event.removed


async def test_what_does_not_exist_cannot_be_removed(client: httpx.AsyncClient, log_in: LogIn) -> None:
    answer = await client.delete("/api/documents/risk_currency/5?revision=1", headers=await log_in("risk"))
    assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (409, "revision")


async def test_a_currency_has_one_rebalancer_which_is_stopped_before_it_is_removed(
    put: Put, client: httpx.AsyncClient, log_in: LogIn
) -> None:
    shares = [{"account": name, "target": "50 %", "band": "10 %"} for name in ("mm1-kraken", "mm1-dltxmm")]
    sizes = {"smallest": "0.1", "largest": "1", "daily_limit": "3"}
    document = {"currency": "BTC", "running": True, "accounts": shares, **sizes}
    assert (await put("rebalancer/1", document, 0, "trader")).status_code == 403
    assert (await put("rebalancer/1", document)).status_code == 200
    assert faults(await put("rebalancer/2", document)) == {
        "document.currency": "rebalancer 1 moves BTC already",
    }
    headers = await log_in(*ALL)
    refused = await client.delete("/api/documents/rebalancer/1?revision=1", headers=headers)
    assert "must be false before it is removed" in faults(refused)["document.running"]
    assert (await put("rebalancer/1", document | {"running": False}, 1)).status_code == 200
    assert (await client.delete("/api/documents/rebalancer/1?revision=2", headers=headers)).status_code == 200
    assert (await put("rebalancer/2", document)).status_code == 200
