"""Changing bots over REST: checked whole, by revision, audited before, never half."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from common.events import Audit, BotConfig
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import Story
from msgspec.structs import replace

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]


SECTIONS = {"instrument": {"series": ["X"], "sources": {}}}


def change(story: Story, **changes: Any) -> JSON:
    document = {"kind": "binary", "running": True, "sections": story.sections(), "revision": 0, "reason": "because"}
    return {**document, **changes}


async def test_a_bot_is_created_changed_and_each_change_is_audited_before(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    headers = await log_in("trader", "risk", user_id="tess")
    made = await client.put("/api/bots/7", json=change(story), headers=headers)
    assert made.status_code == 200
    assert made.json()["bot"]["revision"] == 1
    wider = change(story, sections=story.sections(spread=0.08), revision=1)
    changed = await client.put("/api/bots/7", json=wider, headers=headers)
    assert (changed.json()["outcome"], changed.json()["bot"]["changed"]) == ("done", ["quoting"])
    assert [type(event) for event in bus.published] == [Audit, BotConfig, Audit, BotConfig]
    audit, config = bus.published[2:]
    assert isinstance(audit, Audit)
    assert isinstance(config, BotConfig)
    assert (audit.actor, audit.action, audit.target, audit.outcome) == ("tess", "configure", "bot-7", "requested")
    assert audit.audit_id == changed.json()["command_id"]
    assert (config.revision, config.actor, config.reason) == (2, "tess", "because")
    assert config.sections["quoting"]["spread"] == 0.08
    assert config.sections["inventory"]["max_position"] == 1_000, "defaults are written out"


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("GET", "", None),
        ("GET", "/history", None),
        ("PATCH", "", {"sections": {"quoting": {"spread": 0.08}}, "revision": 1}),
        ("POST", "/stop", {}),
        ("POST", "/start", {}),
    ],
)
async def test_who_may_see_some_bots_alone_neither_sees_nor_changes_another(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, method: str, path: str, sent: JSON | None
) -> None:
    headers = await log_in("trader", "risk", user_id="eve")
    story.bot()
    stored = story.view.users.get("eve")
    assert stored is not None
    story.tell(story.view.on_user, replace(stored.user, bots=["3"], revision=stored.user.revision + 1))
    answer = await client.request(method, f"/api/bots/1{path}", json=sent, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert (await client.put("/api/bots/1", json=change(story, revision=1), headers=headers)).status_code == 403
    assert (await client.get("/api/bots", headers=headers)).json()["bots"] == []
    assert bus.published == []


async def test_a_change_made_from_an_old_revision_is_a_conflict(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.bot()
    headers = await log_in("trader", "risk")
    for revision in (0, 2):
        answer = await client.put("/api/bots/1", json=change(story, revision=revision), headers=headers)
        assert answer.status_code == 409
        assert answer.json()["error"]["fields"] == [{"field": "revision", "rule": "must be 1, the revision in force"}]
    assert bus.published == []


async def test_of_two_changes_at_two_replicas_the_broker_lets_one_win(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    headers = await log_in("trader", "risk")
    assert (await client.put("/api/bots/1", json=change(story), headers=headers)).status_code == 200
    # Another replica wrote revision 2, of which this one has not heard yet.
    bus.sequences["config.bot.1"] += 1
    answer = await client.put("/api/bots/1", json=change(story, revision=1, running=False), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert [audit.outcome.split(":")[0] for audit in bus.of(Audit)] == ["requested", "requested", "refused"]
    assert story.view.bots["1"].event.running, "what was refused is not shown"


def test_two_changes_of_one_revision_are_two_messages(story: Story) -> None:
    first = story.bot("8")
    story.later(0.000001)
    other = BotConfig(**{**{name: getattr(first, name) for name in first.__struct_fields__}, "ts_ns": story.now_ns})
    assert first.revision == other.revision
    assert first.message_id() != other.message_id()


@pytest.mark.parametrize(
    ("changes", "field", "rule"),
    [
        ({"kind": "spto"}, "kind", "must be one of"),
        ({"sections": {}}, "sections.instrument", "required"),
        (
            {"sections": {"instrument": {"series": ["X"], "sources": {}}, "quoting": {"spread": 0}}},
            "sections.quoting.spread",
            "greater than 0",
        ),
        (
            {"sections": {"instrument": {"series": ["X"], "sources": {}}, "surprise": {}}},
            "sections.surprise",
            "not permitted",
        ),
        ({"revision": -1}, "revision", "greater than or equal to 0"),
        ({"revision": "one"}, "revision", "integer"),
        ({"running": "perhaps"}, "running", "boolean"),
        ({"reason": "x" * 501}, "reason", "500"),
        ({"sections": []}, "sections", "dictionary"),
        ({"unknown": 1}, "unknown", "not permitted"),
    ],
)
async def test_a_bad_bot_names_the_field_and_the_rule(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, changes: JSON, field: str, rule: str
) -> None:
    answer = await client.put("/api/bots/1", json=change(story, **changes), headers=await log_in("admin"))
    assert answer.status_code == 422
    faults = {fault["field"]: fault["rule"] for fault in answer.json()["error"]["fields"]}
    assert rule in faults[field]
    assert bus.published == []


@pytest.mark.parametrize("algo_id", ["0", "01", "a", "1.5", "-1", "1234567890", "%20", "platform"])
async def test_a_bots_id_is_a_plain_number(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, algo_id: str
) -> None:
    answer = await client.put(f"/api/bots/{algo_id}", json=change(story), headers=await log_in("admin"))
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "algo_id"


async def test_limits_are_the_risk_officers_and_all_else_the_traders(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.bot()
    bus.sequences["config.bot.1"] = story.view.bots["1"].sequence
    trader, risk = await log_in("trader"), await log_in("risk")
    wider = change(story, revision=1, sections=story.sections(spread=0.08))
    looser = change(story, revision=1, sections={**story.sections(), "risk_limits": {"max_daily_loss": "9000"}})
    none = change(story, revision=1, sections=story.sections(limits=False))
    for document in (looser, none):
        assert (await client.put("/api/bots/1", json=document, headers=trader)).status_code == 403
    assert (await client.put("/api/bots/1", json=wider, headers=risk)).status_code == 403
    assert (await client.put("/api/bots/1", json=looser, headers=risk)).status_code == 200
    wider["revision"], wider["sections"]["risk_limits"] = 2, looser["sections"]["risk_limits"]
    assert (await client.put("/api/bots/1", json=wider, headers=trader)).status_code == 200


async def test_start_and_stop_change_nothing_but_running_and_can_be_repeated(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    story.bot(running=False)
    before = story.view.bots["1"].event
    bus.sequences["config.bot.1"] = story.view.bots["1"].sequence
    headers = await log_in("trader", user_id="tess")
    for _ in range(2):
        started = await client.post("/api/bots/1/start", headers=headers)
        assert (started.status_code, started.json()["bot"]["configured_running"]) == (200, True)
    stopped = await client.post("/api/bots/1/stop", json={"reason": "end of day"}, headers=headers)
    assert stopped.json()["bot"]["state"] == "stopped"
    configs = bus.of(BotConfig)
    assert [(config.running, config.revision, config.reason) for config in configs] == [
        (True, 2, ""),
        (False, 3, "end of day"),
    ]
    assert [config.changed for config in configs] == [["running"], ["running"]]
    assert all(config.sections == before.sections for config in configs)


async def test_stop_wins_although_somebody_else_changed_the_bot_meanwhile(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.bot()
    bus.sequences["config.bot.1"] = story.view.bots["1"].sequence + 1
    publish = bus.publish_acked
    refused = []

    async def publish_late(event: Any, *, expected_last_sequence: int | None = None) -> int:
        try:
            return await publish(event, expected_last_sequence=expected_last_sequence)
        except Exception:
            refused.append(event)
            # The other replica's change arrives through the stream just after our refusal.
            story.bot()
            bus.sequences["config.bot.1"] = story.view.bots["1"].sequence
            raise

    monkeypatch.setattr(bus, "publish_acked", publish_late)
    answer = await client.post("/api/bots/1/stop", headers=await log_in("trader"))
    assert answer.status_code == 200
    assert len(refused) == 1
    assert [(config.running, config.revision) for config in bus.of(BotConfig)] == [(False, 3)]


async def test_a_bot_that_does_not_exist_is_404(client: httpx.AsyncClient, log_in: LogIn) -> None:
    headers = await log_in("admin")
    for method, path in (("GET", "/api/bots/9"), ("POST", "/api/bots/9/start"), ("POST", "/api/bots/9/stop")):
        answer = await client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_bot")
