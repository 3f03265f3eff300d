"""Spot bots over REST: stored as they were sent, by section and part, looked back at, and stopped for their loss."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from common.events import Audit, BotConfig, Halt
from common.instruments import InstrumentKind
from common.testing.spot import BTCJPY, BTCUSD, ETHUSD, SPOT_BOTS, changed
from gateway.state.picture import bot_row
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import Story
from msgspec.structs import replace

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]
ALL = ("trader", "risk")


def change(sections: Mapping[str, Any], **changes: Any) -> JSON:
    return {"kind": "spot", "running": False, "sections": sections, "revision": 0, "reason": "because"} | changes


async def put(client: httpx.AsyncClient, headers: dict[str, str], sections: Mapping[str, Any], **changes: Any) -> JSON:
    answer = await client.put("/api/bots/3", json=change(sections, **changes), headers=headers)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()["bot"]
    return found


def faults(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {fault["field"]: fault["rule"] for fault in answer.json()["error"]["fields"]}


@pytest.mark.parametrize("sections", SPOT_BOTS.values(), ids=SPOT_BOTS)
async def test_what_was_sent_is_stored_and_answered_unchanged(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, sections: Mapping[str, Any]
) -> None:
    bot = await put(client, await log_in(*ALL), sections)
    assert bot["sections"] == sections
    (config,) = bus.of(BotConfig)
    assert config.sections == sections


async def test_its_row_says_where_it_quotes_what(client: httpx.AsyncClient, log_in: LogIn, story: Story) -> None:
    await put(client, await log_in(*ALL), BTCJPY)
    row = bot_row(story.view, story.view.bots["3"].event, [], story.now_ns)
    assert (row["venue"], row["account"], row["series"], row["max_position"]) == (
        "dltxmm_spot",
        "mm1",
        ["BTCJPY"],
        None,
    )
    halt = Halt(scope="venue-dltxmm_spot", reason="manual", actor="t", halt_id="1", ts_ns=story.now_ns)
    story.tell(story.view.on_halt, halt)
    row = bot_row(story.view, story.view.bots["3"].event, [], story.now_ns)
    assert row["halts"] == ["venue-dltxmm_spot:manual"]


async def test_a_fault_names_section_field_rule_and_what_was_sent(client: httpx.AsyncClient, log_in: LogIn) -> None:
    sections = changed(BTCUSD, pricer__min_spread="6 bps [130]", hedger__hedge_qty_factor="0")
    answer = await client.put("/api/bots/3", json=change(sections), headers=await log_in(*ALL))
    assert faults(answer) == {
        "sections.pricer.min_spread": "must have a weight of the bid between 0 and 100 in brackets, is '6 bps [130]'",
        "sections.hedger.hedge_qty_factor": "must not be 0: quantities are divided by it, is '0'",
    }


async def test_an_exchange_that_is_none_of_ours_is_refused_with_those_that_are(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    sections = changed(BTCUSD, instrument__source_exchange="KRAKEN MTGOX")
    answer = await client.put("/api/bots/3", json=change(sections), headers=await log_in(*ALL))
    rule = "must be one of BINANCE, BITTREX, COINBASE, DLTXMM, KRAKEN, is 'MTGOX'"
    assert faults(answer) == {"sections.instrument.source_exchange": rule}
    assert bus.published == []


async def test_currencies_are_those_that_markets_have(client: httpx.AsyncClient, log_in: LogIn, story: Story) -> None:
    for symbol, base, currency in (("BTCUSD", "BTC", "USD"), ("BTCJPY", "BTC", "JPY"), ("ETHUSD", "ETH", "USD")):
        story.market(
            symbol, kind=InstrumentKind.SPOT, base=base, currency=currency, expiry_ns=0, series="", venue="kraken_spot"
        )
    headers = await log_in(*ALL)
    sections = changed(BTCJPY, instrument__underlyings="ETHUSD", instrument__fx_leg=None)
    answer = await client.put("/api/bots/3", json=change(sections), headers=headers)
    assert faults(answer) == {
        "sections.instrument.underlyings": "must be of BTC, as BTC/JPY is, is 'ETHUSD'",
        "sections.instrument.fx_leg": "must convert USD into JPY, in which BTC/JPY is, is missing",
    }


async def test_one_field_changes_and_the_others_stay_as_they_were_sent(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    headers = await log_in(*ALL, user_id="tess")
    await put(client, headers, BTCUSD)
    part = {"sections": {"pricer": {"min_spread": "8 bps"}}, "revision": 1, "reason": "thin books"}
    answer = await client.patch("/api/bots/3", json=part, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["bot"]["changed"] == ["pricer"]
    config = bus.of(BotConfig)[-1]
    assert config.sections == changed(BTCUSD, pricer__min_spread="8 bps")
    audit = bus.of(Audit)[-1]
    assert audit.detail["fields"] == {"pricer.min_spread": ["4 bps", "8 bps"]}
    assert (audit.actor, audit.detail["reason"]) == ("tess", "thin books")


async def test_a_section_is_left_out_and_put_back(client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, BTCUSD)
    without = {"sections": {"hedger": None}, "revision": 1}
    assert (await client.patch("/api/bots/3", json=without, headers=headers)).json()["bot"]["changed"] == ["hedger"]
    assert "hedger" not in bus.of(BotConfig)[-1].sections
    again = {"sections": {"hedger": BTCUSD["hedger"]}, "revision": 2}
    assert (await client.patch("/api/bots/3", json=again, headers=headers)).status_code == 200
    assert bus.of(BotConfig)[-1].sections == BTCUSD


async def test_a_part_of_a_change_is_refused_as_the_whole_would_be(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, BTCUSD)
    sent = {"sections": {"pricer": {"aggressive_mode": True}}, "revision": 1}
    answer = await client.patch("/api/bots/3", json=sent, headers=headers)
    assert "false without take_out" in faults(answer)["sections.pricer.aggressive_mode"]
    old = {"sections": {"pricer": {"min_spread": "8 bps"}}, "revision": 7}
    assert (await client.patch("/api/bots/3", json=old, headers=headers)).status_code == 409
    limits = {"sections": {"risk_limits": {"max_day_loss": 9_000}}, "revision": 1}
    assert (await client.patch("/api/bots/3", json=limits, headers=await log_in("trader"))).status_code == 403
    nobody = await client.patch("/api/bots/4", json=limits, headers=headers)
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "unknown_bot")
    assert len(bus.of(BotConfig)) == 1


async def test_pricer_and_hedger_are_started_and_stopped_by_themselves(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, BTCUSD, running=True)

    async def switched(action: str, section: str) -> BotConfig:
        answer = await client.post(f"/api/bots/3/{action}", json={"section": section}, headers=headers)
        assert answer.status_code == 200
        return bus.of(BotConfig)[-1]

    assert (await switched("stop", "pricer")).sections == changed(BTCUSD, pricer__running=False)
    stopped = await switched("stop", "hedger")
    assert (stopped.running, stopped.changed) == (True, ["hedger"]), "the bot itself runs on"
    assert stopped.sections["hedger"]["running"] is False
    count = len(bus.of(BotConfig))
    assert (await switched("stop", "hedger")).revision == stopped.revision
    assert len(bus.of(BotConfig)) == count, "nothing to change"
    await switched("start", "pricer")
    assert (await switched("start", "hedger")).sections == BTCUSD


async def test_a_part_that_a_bot_has_not_is_refused_with_those_it_has(
    client: httpx.AsyncClient, log_in: LogIn, story: Story
) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, {name: ETHUSD[name] for name in ("instrument", "pricer")})
    answer = await client.post("/api/bots/3/start", json={"section": "hedger"}, headers=headers)
    assert faults(answer) == {"section": "must be one of pricer for bot 3, is 'hedger'"}
    story.bot("1")
    answer = await client.post("/api/bots/1/stop", json={"section": "pricer"}, headers=headers)
    assert faults(answer) == {"section": "must be one of none for bot 1, is 'pricer'"}


async def test_a_bot_is_stopped_however_wrong_its_sections_have_become(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, BTCUSD, running=True)
    stored = story.view.bots["3"]
    old = replace(stored.event, sections={"instrument": {"of": "an earlier release"}})
    story.view.bots["3"] = stored._replace(event=old)
    answer = await client.post("/api/bots/3/stop", headers=headers)
    assert (answer.status_code, bus.of(BotConfig)[-1].running) == (200, False)
    assert bus.of(BotConfig)[-1].sections == old.sections
    answer = await client.post("/api/bots/3/start", headers=headers)
    assert "sections.pricer" in faults(answer), "and not started with them"


async def test_the_last_changes_say_who_why_and_what_each_field_was(client: httpx.AsyncClient, log_in: LogIn) -> None:
    headers = await log_in(*ALL, user_id="tess")
    await put(client, headers, BTCUSD)
    part = {"sections": {"pricer": {"min_spread": "8 bps", "take_out": "5 bps"}}, "revision": 1, "reason": "thin"}
    await client.patch("/api/bots/3", json=part, headers=headers)
    await client.post("/api/bots/3/start", json={"reason": "go"}, headers=headers)
    rows = (await client.get("/api/bots/3/history", headers=headers)).json()["history"]
    assert [(row["revision"], row["running"], row["reason"]) for row in rows] == [
        (3, True, "go"),
        (2, False, "thin"),
        (1, False, "because"),
    ]
    assert rows[1]["fields"] == {"pricer.min_spread": ["4 bps", "8 bps"], "pricer.take_out": [None, "5 bps"]}
    assert (rows[0]["changed"], rows[0]["fields"], rows[2]["fields"]) == (["running"], {}, {})
    assert {row["changed_by"] for row in rows} == {"tess"}
    assert (await client.get("/api/bots/4/history", headers=headers)).status_code == 404


# --- stopped for the day's loss -----------------------------------------------------------------------------------


def stop_for_loss(story: Story, bus: FakeBus, lost: str) -> None:
    """Halt bot 1, of a limit of 500, as risk does."""
    story.bot()
    bus.sequences["config.bot.1"] = story.view.bots["1"].sequence
    story.risk(daily=f"-{lost}")
    halt = Halt(scope="bot-1", reason="daily_loss", actor="risk", halt_id="1", cancels=True, ts_ns=story.now_ns)
    story.tell(story.view.on_halt, halt)
    bus.sequences[halt.address()] = story.view.halts.sequence_of("bot-1", "daily_loss")


def refusal(answer: httpx.Response) -> str:
    assert answer.status_code == 409, answer.text
    error = answer.json()["error"]
    assert error["code"] == "halted_for_loss"
    return str(error["message"])


@pytest.mark.parametrize("lost", ["1000.01", "1000"])
async def test_a_start_while_the_loss_stands_is_refused_with_loss_and_limit(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, lost: str
) -> None:
    stop_for_loss(story, bus, lost)
    limit = story.view.risk["0"].event.bot_limits["1"].common.max_daily_loss
    said = refusal(await client.post("/api/bots/1/start", headers=await log_in("trader")))
    assert f"lost {lost} today, limit {limit}: raise the limit, or wait for the cutoff" in said
    assert bus.published == []
    assert (await client.post("/api/bots/1/stop", headers=await log_in("trader"))).status_code == 200


async def test_a_start_within_the_limit_again_lifts_that_one_reason_audited(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    stop_for_loss(story, bus, "1000.01")
    manual = Halt(scope="bot-1", reason="manual", actor="rita", halt_id="2", cancels=True, ts_ns=story.now_ns)
    story.tell(story.view.on_halt, manual)
    story.risk(daily="-999.99")
    headers = await log_in("trader", user_id="tess")
    assert (await client.post("/api/bots/1/start", json={"reason": "a new day"}, headers=headers)).status_code == 200
    (lift,) = bus.of(Halt)
    assert (lift.scope, lift.reason, lift.lifted, lift.actor) == ("bot-1", "daily_loss", True, "tess")
    assert [halt.reason for halt in story.view.halts.active()] == ["manual"]
    audit = bus.of(Audit)[0]
    assert (audit.actor, audit.action, audit.target) == ("tess", "lift", "bot-1")
    assert audit.detail == {"reason": "daily_loss", "detail": "a new day"}


@pytest.mark.parametrize("why", ["no word of risk", "an old one", "of an older configuration", "without limits"])
async def test_what_nobody_knows_is_not_within_the_limit(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus, why: str
) -> None:
    stop_for_loss(story, bus, "1")
    if why == "no word of risk":
        story.view.risk.clear()
    elif why == "an old one":
        story.later(60)
    elif why == "of an older configuration":
        story.bot()
    else:
        story.risk(daily="-1", limits=False)
    said = refusal(await client.post("/api/bots/1/start", headers=await log_in("trader")))
    assert ("risk does not say" in said) is (why != "of an older configuration")
    assert ("risk has not taken revision 2" in said) is (why == "of an older configuration")
    assert bus.published == []


async def test_no_other_change_starts_what_was_halted_for_its_loss(
    client: httpx.AsyncClient, log_in: LogIn, story: Story, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    await put(client, headers, changed(BTCUSD, pricer__running=False), running=False)
    halt = Halt(scope="bot-3", reason="daily_loss", actor="risk", halt_id="1", cancels=True, ts_ns=story.now_ns)
    story.tell(story.view.on_halt, halt)
    starting = change(BTCUSD, revision=1, running=True)
    refusal(await client.put("/api/bots/3", json=starting, headers=headers))
    widened = {"sections": {"risk_limits": {"max_day_loss": 5_000}}, "revision": 1}
    assert (await client.patch("/api/bots/3", json=widened, headers=headers)).status_code == 200, "limits may be raised"
