"""Stopping over REST: halts, lifts, cancel all, with and without the bus."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from common.core import Receipt
from common.errors import CommandUndone
from common.events import Audit, Halt
from common.halts import HALTS_MAX
from gateway.context import Context
from gateway.testing.fakes import AdminPortsSeen, FakeBus
from gateway.testing.platform import Story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]


@pytest.fixture(autouse=True)
def some_bots(story: Story) -> None:
    """Bots 1 and 12 at the account mm1 of the venue degen, which deals in USD."""
    story.bot("1")
    story.bot("12")
    story.account()


async def test_a_halt_is_published_audited_shown_and_lifted_by_reason(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    trader, risk = await log_in("trader", user_id="tess"), await log_in("risk", user_id="rita")
    for reason in ("manual", "news"):
        body = {"scope": "venue-degen", "reason": reason, "detail": "odd"}
        assert (await client.post("/api/halts", json=body, headers=trader)).status_code == 201
    assert (await client.delete("/api/halts/venue-degen/manual", headers=trader)).status_code == 403
    lifted = await client.delete("/api/halts/venue-degen/manual?detail=calm", headers=risk)
    assert lifted.status_code == 200
    assert lifted.json()["lifted"]["keep_resting"] is False, "a lift says nothing of what rests"
    left = (await client.get("/api/halts", headers=trader)).json()["halts"]
    assert [(halt["scope"], halt["reason"], halt["actor"], halt["detail"]) for halt in left] == [
        ("venue-degen", "news", "tess", "odd")
    ]
    assert [(halt.reason, halt.lifted, halt.actor) for halt in bus.of(Halt)] == [
        ("manual", False, "tess"),
        ("news", False, "tess"),
        ("manual", True, "rita"),
    ]
    assert [audit.action for audit in bus.of(Audit)] == ["halt", "halt", "lift"]
    assert [audit.audit_id for audit in bus.of(Audit)] == [halt.halt_id for halt in bus.of(Halt)]
    assert lifted.json()["command_id"] == bus.of(Halt)[-1].halt_id
    again = await client.delete("/api/halts/venue-degen/manual", headers=risk)
    assert (again.status_code, again.json()["error"]["code"]) == (404, "unknown_halt")


@pytest.mark.parametrize("scope", ["global", "venue-degen", "account-mm1", "bot-12", "currency-USD"])
async def test_every_kind_of_scope_is_taken(client: httpx.AsyncClient, log_in: LogIn, scope: str) -> None:
    answer = await client.post("/api/halts", json={"scope": scope}, headers=await log_in("trader"))
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "scope"),
        ({"scope": ""}, "scope"),
        ({"scope": "bot"}, "scope"),
        ({"scope": "bot-x"}, "scope"),
        ({"scope": "bot-0"}, "scope"),
        ({"scope": "venue-"}, "scope"),
        ({"scope": "venue-a.b"}, "scope"),
        ({"scope": "global "}, "scope"),
        ({"scope": "currency-usd"}, "scope"),
        ({"scope": "everything"}, "scope"),
        ({"scope": "global", "reason": ""}, "reason"),
        ({"scope": "global", "reason": "a.b"}, "reason"),
        ({"scope": "global", "reason": "Manual"}, "reason"),
        ({"scope": "global", "lifted": True}, "lifted"),
        ({"scope": 1}, "scope"),
    ],
)
async def test_a_bad_halt_names_the_field_and_the_rule(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, body: JSON, field: str
) -> None:
    answer = await client.post("/api/halts", json=body, headers=await log_in("trader"))
    assert answer.status_code == 422
    (fault,) = answer.json()["error"]["fields"]
    assert fault["field"] == field
    assert fault["rule"]
    assert not fault["rule"].startswith("Value error"), "the library's words"
    assert bus.published == []


async def test_r13_too_many_reasons_are_refused_and_never_the_first_of_a_scope(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    headers = await log_in("trader")
    for number in range(HALTS_MAX):
        reason = f"r{number}"
        halt = Halt(scope="bot-1", reason=reason, actor="tess", halt_id=reason, cancels=True, ts_ns=story.now_ns)
        story.view.halts.update(halt, 1 + number)
    answer = await client.post("/api/halts", json={"scope": "bot-1", "reason": "more"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "too_many_halts")
    answer = await client.post("/api/halts", json={"scope": "global", "reason": "more"}, headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize("scope", ["bot-99", "venue-nowhere", "account-X", "currency-EUR", "venue-binance"])
async def test_r12_a_scope_that_does_not_exist_is_a_404_that_names_those_that_do(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, admin_ports: AdminPortsSeen, scope: str
) -> None:
    headers = await log_in("trader")
    for path in ("/api/halts", "/api/cancel-all"):
        answer = await client.post(path, json={"scope": scope}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_scope")
        there_are = "there are account-mm1, bot-1, bot-12, currency-USD, global, venue-degen"
        assert answer.json()["error"]["message"] == f"there is no {scope}; {there_are}"
    assert bus.published == []
    assert admin_ports.sent() == []


async def test_r52_a_lift_of_what_is_not_in_force_says_what_is(client: httpx.AsyncClient, log_in: LogIn) -> None:
    headers = await log_in("admin")

    async def message(path: str) -> str:
        answer = await client.delete(f"/api/halts/{path}", headers=headers)
        assert answer.status_code == 404
        return str(answer.json()["error"]["message"])

    assert await message("bot-1/wrong") == "no halt bot-1:wrong is in force; none is"
    for reason in ("news", "manual"):
        await client.post("/api/halts", json={"scope": "bot-1", "reason": reason}, headers=headers)
    assert await message("bot-1/wrong") == ("no halt bot-1:wrong is in force; in force for bot-1: manual, news")
    assert (await message("global/manual")).endswith("in force: bot-1:manual, bot-1:news")


@pytest.mark.parametrize(
    ("scope", "reason"), [("bot-1", "Manual"), ("currency-usd", "x"), ("bot-0", "y"), ("odd one", "z")]
)
async def test_r9_a_halt_in_force_can_be_lifted_however_it_is_written(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, scope: str, reason: str
) -> None:
    """Older doors took more than today's, and an account's halt bears whatever name its account has."""
    halt = Halt(scope=scope, reason=reason, actor="x", halt_id="1", ts_ns=story.now_ns)
    sequence = await bus.publish_acked(halt)
    list(story.view.on_halt(halt, Receipt(story.now_ns, sequence=sequence)))
    answer = await client.delete(f"/api/halts/{scope}/{reason}", headers=await log_in("risk"))
    assert answer.status_code == 200
    assert [(halt.scope, halt.reason, halt.lifted) for halt in bus.of(Halt)][1:] == [(scope, reason, True)]
    assert story.view.halts.active() == []


NAMES = st.sampled_from(["1", "12", "0", "x", "degen", "mm1", "USD", "usd", "", "a.b", "é", "Z_9-"])


@given(
    st.one_of(
        st.just("global"), st.tuples(st.sampled_from(["bot", "venue", "account", "currency", "x"]), NAMES).map("-".join)
    ),
    st.text("abAZ09_-. é", max_size=6),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_r9_whatever_the_door_accepts_can_be_lifted(
    client: httpx.AsyncClient, context: Context, scope: str, reason: str
) -> None:
    context.owner_token = SecretStr("owner-t")
    headers = {"authorization": "Bearer owner-t"}
    answer = await client.post("/api/halts", json={"scope": scope, "reason": reason}, headers=headers)
    assert answer.status_code in (201, 404, 422, 429)
    if answer.status_code == 201:
        lifted = await client.delete(f"/api/halts/{scope}/{reason}", headers=headers)
        assert lifted.status_code in (200, 429)


async def test_r13_a_halt_says_what_each_account_made_of_it_and_shows_it_as_long_as_it_is_in_force(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, admin_ports: AdminPortsSeen, bus: FakeBus
) -> None:
    headers = await log_in("trader", user_id="tess")
    answer = await client.post("/api/halts", json={"scope": "bot-1", "detail": "odd"}, headers=headers)
    [row] = answer.json()["accounts"]
    assert (row["account"], row["by"], row["cancelled"], row["left"], row["confirmed"]) == ("mm1", "quoter", 6, 0, True)
    assert "6 cancelled, 0 of 6 left, confirmed by the venue at" in row["said"]
    [halt] = bus.of(Halt)
    assert halt.empties
    [request] = admin_ports.requests
    assert json.loads(request.content) == {
        "scope": "bot-1",
        "reason": "manual",
        "actor": "tess",
        "detail": "odd",
        "halt_id": halt.halt_id,
        "keep_resting": False,
    }
    story.emptied("bot-1:manual, account mm1: 6 cancelled, 0 of 6 left, confirmed by the venue at 14:02:03 UTC")
    [shown] = (await client.get("/api/halts", headers=headers)).json()["halts"]
    said = "6 cancelled, 0 of 6 left, confirmed by the venue at 14:02:03 UTC"
    assert shown["accounts"] == [{"account": "mm1", "said": said}]


async def test_r13_a_halt_of_new_orders_only_is_asked_for_and_passed_on(
    client: httpx.AsyncClient, log_in: LogIn, admin_ports: AdminPortsSeen, bus: FakeBus
) -> None:
    body = {"scope": "bot-1", "keep_resting": True}
    answer = await client.post("/api/halts", json=body, headers=await log_in("trader"))
    assert (answer.status_code, answer.json()["accounts"]) == (201, [])
    assert answer.json()["halt"]["keep_resting"] is True
    assert not bus.of(Halt)[0].empties
    assert json.loads(admin_ports.requests[0].content)["keep_resting"] is True


async def test_r13_with_a_dead_quoter_the_watchdog_empties_the_scope(
    client: httpx.AsyncClient, log_in: LogIn, admin_ports: AdminPortsSeen
) -> None:
    admin_ports.answers["quoter.test"] = 0
    answer = await client.post("/api/halts", json={"scope": "account-mm1"}, headers=await log_in("trader"))
    assert admin_ports.sent() == [("quoter.test", "/halt"), ("watchdog.test", "/halt")]
    assert [row["by"] for row in answer.json()["accounts"]] == ["watchdog"]
    assert [each["outcome"] for each in answer.json()["services"]] == ["unreachable", "done"]


async def test_r78_the_machines_owner_halts_lifts_and_cancels_and_stands_in_the_audit(
    client: httpx.AsyncClient, context: Context, bus: FakeBus
) -> None:
    context.owner_token = SecretStr("owner-secret")
    headers = {"authorization": "Bearer owner-secret"}
    assert (await client.post("/api/halts", json={"scope": "bot-1"}, headers=headers)).status_code == 201
    assert (await client.delete("/api/halts/bot-1/manual", headers=headers)).status_code == 200
    assert (await client.post("/api/cancel-all", headers=headers)).status_code == 200
    assert [(audit.action, audit.actor) for audit in bus.of(Audit)] == [
        ("halt", "@owner"),
        ("lift", "@owner"),
        ("cancel-all", "@owner"),
    ]
    for method, path in (("GET", "/api/halts"), ("GET", "/api/users"), ("POST", "/api/bots/1/start")):
        assert (await client.request(method, path, headers=headers)).status_code == 401, "it opens nothing else"
    wrong = {"authorization": "Bearer owner-wrong"}
    assert (await client.post("/api/halts", json={"scope": "bot-1"}, headers=wrong)).status_code == 401


async def test_a_halt_that_the_bus_has_not_stored_yet_cannot_be_lifted_before_it_has(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    """Stored behind its own lift, it would be in force again."""
    headers = await log_in("admin")
    bus.connected = False
    assert (await client.post("/api/halts", json={"scope": "bot-1"}, headers=headers)).status_code == 201
    bus.connected = True
    answer = await client.delete("/api/halts/bot-1/manual", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_stored_yet")


async def test_r72_a_halt_the_gateways_disk_does_not_take_is_not_said_to_be_done(
    client: httpx.AsyncClient, log_in: LogIn, context: Context, bus: FakeBus
) -> None:
    async def full(_handler: Any) -> None:
        raise CommandUndone("halt: in force here, but not on disk (No space left on device)")

    headers = await log_in("risk", "trader")
    context.turn = full
    answer = await client.post("/api/halts", json={"scope": "bot-1"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_on_disk")
    assert len(bus.of(Halt)) == 1, "it is in force all the same"


async def test_with_the_bus_away_a_halt_goes_to_the_quoters_own_admin_port(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, admin_ports: AdminPortsSeen
) -> None:
    headers = await log_in("trader", user_id="tess")
    bus.connected = False
    answer = await client.post("/api/halts", json={"scope": "global"}, headers=headers)
    assert answer.status_code == 201
    assert answer.json()["services"][0]["outcome"] == "done"
    (request,) = admin_ports.requests
    assert (request.url.host, request.url.path) == ("quoter.test", "/halt")
    assert request.headers["authorization"] == "Bearer admin-port-token"
    order = json.loads(request.content)
    assert (order["scope"], order["reason"], order["actor"]) == ("global", "manual", "tess")
    assert order["halt_id"] == answer.json()["command_id"]


async def test_with_a_full_audit_a_halt_still_passes_and_a_refused_halt_goes_to_the_quoter(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, admin_ports: AdminPortsSeen
) -> None:
    headers = await log_in("trader")
    bus.full = True
    answer = await client.post("/api/halts", json={"scope": "global"}, headers=headers)
    assert answer.status_code == 201
    assert admin_ports.sent() == [("quoter.test", "/halt")]


async def test_a_halt_nobody_took_is_an_error_that_says_who_said_what(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, admin_ports: AdminPortsSeen
) -> None:
    headers = await log_in("trader")
    bus.connected = False
    admin_ports.answers |= {"quoter.test": 0, "watchdog.test": 503}
    answer = await client.post("/api/halts", json={"scope": "global"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_carried_out")
    assert "quoter unreachable" in answer.json()["error"]["message"]
    assert "watchdog failed" in answer.json()["error"]["message"]


async def test_cancel_all_goes_to_the_quoter_and_past_a_silent_one_to_the_watchdog(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, admin_ports: AdminPortsSeen
) -> None:
    headers = await log_in("trader", user_id="tess")
    done = await client.post("/api/cancel-all", headers=headers)
    assert (done.status_code, done.json()["outcome"]) == (200, "done")
    assert admin_ports.sent() == [("quoter.test", "/cancel-all")]
    assert [(audit.action, audit.actor) for audit in bus.of(Audit)] == [("cancel-all", "tess")]
    admin_ports.answers["quoter.test"] = 0
    bus.connected = False
    saved = await client.post("/api/cancel-all", json={"scope": "global"}, headers=headers)
    assert saved.status_code == 200
    assert admin_ports.sent()[1:] == [("quoter.test", "/cancel-all"), ("watchdog.test", "/cancel-all")]
    admin_ports.answers["watchdog.test"] = 401
    assert (await client.post("/api/cancel-all", headers=headers)).status_code == 503
    bad = await client.post("/api/cancel-all", json={"scope": "all"}, headers=headers)
    assert (bad.status_code, bad.json()["error"]["fields"][0]["field"]) == (422, "scope")
