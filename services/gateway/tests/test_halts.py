"""Stopping over REST: halts, lifts, cancel all, with and without the bus."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from common.events import Audit, Halt
from gateway.fakes import AdminPortsSeen, FakeBus

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]


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


@pytest.mark.parametrize("scope", ["global", "venue-degen", "account-mm1", "bot-12", "currency-USDT"])
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
    assert bus.published == []


async def test_a_bad_scope_or_reason_in_the_path_of_a_lift_is_named(client: httpx.AsyncClient, log_in: LogIn) -> None:
    headers = await log_in("risk")
    for path, field in (("everything/manual", "scope"), ("global/Manual", "reason")):
        answer = await client.delete(f"/api/halts/{path}", headers=headers)
        assert (answer.status_code, answer.json()["error"]["fields"][0]["field"]) == (422, field)


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
    assert json.loads(request.content) == {"scope": "global", "reason": "manual", "actor": "tess"}


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
    admin_ports.answers["quoter.test"] = 0
    answer = await client.post("/api/halts", json={"scope": "global"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_carried_out")
    assert "quoter unreachable" in answer.json()["error"]["message"]


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
