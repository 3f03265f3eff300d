"""C2's configuration paths: what is saved, started, stopped and removed, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from common.clock import NS_PER_S, ManualClock
from common.events import Audit, BotConfig, PlatformConfig
from common.halts import DAILY_LOSS
from common.testing.spot import ADAETH, BTCJPY, CURRENCY, EXCHANGES
from gateway.changes.repeats import KEPT_S
from gateway.state.view import View
from gateway.testing.fakes import FakeBus
from gateway.testing.platform import START_NS, URLS
from gateway.testing.spot import SpotStory

LogIn = Callable[..., Awaitable[dict[str, str]]]
JSON = dict[str, Any]
PREFIX = "/api/v0/config"
ALL = ("trader", "risk")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def story(clock: ManualClock, bus: FakeBus) -> SpotStory:
    told = SpotStory(View(admin_urls=URLS, quoted_venues=["dltxmm_spot"], exchanges=EXCHANGES), clock)
    told.spot_day()
    bot = told.view.bots["3"]
    bus.sequences[bot.event.address()] = bot.sequence
    told.spot_market("BTCUSD", "kraken_spot", "USD")
    return told


async def post(client: httpx.AsyncClient, headers: Mapping[str, str], path: str, body: Any = None) -> JSON:
    answer = await client.post(PREFIX + path, headers=headers, json=body)
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


async def refused(
    client: httpx.AsyncClient, headers: Mapping[str, str], path: str, body: Any = None
) -> tuple[int, str | None, str]:
    answer = await client.post(PREFIX + path, headers=headers, json=body)
    document = answer.json()
    assert set(document) == {"name", "message", "field"}
    return answer.status_code, document["field"], document["message"]


async def test_the_algorithms_and_their_bots(client: httpx.AsyncClient, log_in: LogIn, story: SpotStory) -> None:
    headers = await log_in("viewer")
    story.bot()
    assert (await client.get(PREFIX + "/algorithms", headers=headers)).json() == [{"key": "MM", "name": "Market Maker"}]
    algorithm = (await client.get(PREFIX + "/algorithm/MM", headers=headers)).json()
    assert algorithm["algorithm"] == {"key": "MM", "name": "Market Maker"}
    ((bot),) = algorithm["configurations"]
    assert list(bot) == ["instrument_config", "pricer_config", "hedger_config", "risk_limits_config"]
    assert (bot["instrument_config"]["algo_id"], bot["pricer_config"]["min_spread"]) == (3, "6 bps [30]")
    assert (await client.get(PREFIX + "/algorithm/XX", headers=headers)).status_code == 404


async def test_a_bot_that_is_not_there_is_null(client: httpx.AsyncClient, log_in: LogIn, story: SpotStory) -> None:
    headers = await log_in("viewer")
    story.bot()
    for algo_id in ("99", "1"):
        answer = await client.get(f"{PREFIX}/instrument/get/{algo_id}", headers=headers)
        assert (answer.status_code, answer.json()) == (200, None)
    found = (await client.get(PREFIX + "/instrument/get/3", headers=headers)).json()
    assert found["risk_limits_config"]["max_long_exposure"] == 3


async def test_an_instrument_without_an_id_makes_a_bot(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    story.spot_account("mm1-bittrex", "bittrex_spot")
    headers = await log_in(*ALL)
    body = {name: value for name, value in ADAETH["instrument"].items() if name != "account"}
    made = await post(client, headers, "/instrument/save", body | {"algo_id": None, "algo_key": "MM", "running": False})
    assert made == body | {"algo_id": 4, "algo_key": "MM", "running": False}
    (config,) = bus.of(BotConfig)
    assert (config.algo_id, config.kind, config.sections["instrument"]["account"]) == ("4", "spot", "mm1-bittrex")
    pricer = dict(ADAETH["pricer"]) | {"algo_id": 4, "algo_key": "MM"}
    assert await post(client, headers, "/pricer/save", pricer) == pricer
    hedger = dict(ADAETH["hedger"]) | {"algo_id": 4, "algo_key": "MM"}
    assert await post(client, headers, "/hedger/save", hedger) == hedger
    limits = dict(ADAETH["risk_limits"]) | {"algo_id": 4, "algo_key": "MM"}
    assert await post(client, headers, "/riskLimits/save", limits) == limits
    assert (await post(client, headers, "/instrument/start/4"))["running"] is True
    audits = [(audit.actor, audit.action, audit.target) for audit in bus.of(Audit)]
    assert audits == [("user-trader-risk", "configure", "bot-4")] * 4 + [("user-trader-risk", "start", "bot-4")]


@pytest.mark.parametrize("path", ["/instrument/save", "/risks/currency/save"])
async def test_a_creation_that_is_sent_again_is_answered_as_it_was_and_creates_nothing_more(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus, clock: ManualClock, path: str
) -> None:
    story.spot_account("mm1-bittrex", "bittrex_spot")
    instrument = {name: value for name, value in ADAETH["instrument"].items() if name != "account"}
    body = instrument if path == "/instrument/save" else {"currency": "BTC"}
    headers = await log_in(*ALL)
    once = headers | {"Idempotency-Key": "k1"}
    first = await client.post(PREFIX + path, headers=once, json=body)
    again = await client.post(PREFIX + path, headers=once, json=dict(reversed(body.items())))
    assert (again.status_code, again.text, again.headers["etag"]) == (200, first.text, first.headers["etag"])
    assert len(bus.of(Audit)) == 1
    other = await client.post(PREFIX + path, headers=once, json=body | {"algo_key": "MM"})
    assert (other.status_code, other.json()["field"]) == (409, "Idempotency-Key")
    for number, (key, user_id) in enumerate((("k2", ""), ("k1", "other"), ("k1", ""))):
        if number == 2:
            clock.advance_to(clock.now_ns() + (KEPT_S + 1) * NS_PER_S)
        new = body | (
            {"comments": str(number)} if "instrument" in path else {"currency": ("ETH", "USD", "JPY")[number]}
        )
        theirs = await log_in(*ALL, user_id=user_id) | {"Idempotency-Key": key}
        answer = await client.post(PREFIX + path, headers=theirs, json=new)
        assert answer.status_code == 200 and answer.text != first.text, answer.text


async def test_a_creation_that_was_refused_may_be_sent_again_and_one_that_nobody_knows_of_may_not(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    once = await log_in(*ALL) | {"Idempotency-Key": "k1"}
    body = {"currency": "b t c"}
    assert (await refused(client, once, "/risks/currency/save", body))[:2] == (422, "currency")
    bus.connected = False
    assert (await refused(client, once, "/risks/currency/save", {"currency": "BTC"}))[0] == 503
    bus.connected = True
    status, field, message = await refused(client, once, "/risks/currency/save", {"currency": "BTC"})
    assert (status, field) == (409, "Idempotency-Key") and "read back" in message
    assert (await refused(client, once | {"Idempotency-Key": "k" * 201}, "/risks/currency/save", body))[0] == 422


DEEP = "[" * 900 + "]" * 900
WILD = (
    *("NaN", "Infinity", "-Infinity", "1e999", "9" * 4_000, "9" * 5_000, '"\\ud800"', '"\\u0000"', DEEP),
    *("[" * 50_000, '"' + "x" * 200_000 + '"', "{}", '{"a":' * 900 + "1" + "}" * 900, "", "true", "1" * 30),
)


@pytest.mark.parametrize("value", WILD, ids=lambda value: value[:12])
async def test_what_json_can_hold_and_no_field_can_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus, value: str
) -> None:
    headers = await log_in(*ALL) | {"Idempotency-Key": "k1", "content-type": "application/json"}
    for path, before in (
        ("/instrument/save", '"exchange":"DLTXMM","source_exchange":"KRAKEN","instrument":'),
        ("/pricer/save", '"algo_id":3,"source_aggregation":"BBO","min_spread":'),
        ("/riskLimits/save", '"algo_id":3,"max_long_exposure":'),
        ("/hedger/save", '"algo_id":3,"resend_time":'),
        ("/pricer/save", '"algo_id":'),
        ("/risks/currency/save", '"currency":'),
        ("/risks/save", '"account_currency":"USD","cutoff_time":'),
    ):
        answer = await client.post(PREFIX + path, headers=headers, content="{" + before + value + "}")
        assert answer.status_code in (400, 404, 413, 422), (path, answer.status_code, answer.text)
    assert bus.published == []


async def test_a_bot_needs_one_account_at_its_exchange(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    body = {"instrument": "ADAETH", "exchange": "BITTREX", "source_exchange": "BINANCE"}
    headers = await log_in(*ALL)
    status, field, message = await refused(client, headers, "/instrument/save", body)
    assert (status, field) == (422, "exchange") and "has none" in message
    status, field, message = await refused(client, headers, "/instrument/save", body | {"exchange": "NOWHERE"})
    assert (status, field) == (422, "exchange") and "must be an exchange where bots trade" in message


async def test_what_is_ours_alone_stays_when_c2_saves(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    instrument = dict(BTCJPY["instrument"]) | {"algo_id": 3, "comments": "anew"}
    del instrument["account"]
    await post(client, headers, "/instrument/save", instrument)
    (config,) = bus.of(BotConfig)
    assert config.sections["instrument"] == dict(BTCJPY["instrument"]) | {"comments": "anew"}
    assert config.running


async def test_empty_text_and_null_are_no_value(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    body = dict(BTCJPY["pricer"]) | {"algo_id": 3, "take_out": "", "min_spread": None}
    made = await post(client, await log_in(*ALL), "/pricer/save", body)
    assert (made["take_out"], made["min_spread"], made["running"]) == (None, None, True)
    assert {"take_out", "min_spread"}.isdisjoint(bus.of(BotConfig)[0].sections["pricer"])


async def test_an_older_name_of_a_field_is_taken(client: httpx.AsyncClient, log_in: LogIn, story: SpotStory) -> None:
    body = {name: value for name, value in BTCJPY["pricer"].items() if name != "source_aggregation"}
    made = await post(client, await log_in(*ALL), "/pricer/save", body | {"algo_id": 3, "aggregation_method": "BBO"})
    assert made["source_aggregation"] == "BBO"


@pytest.mark.parametrize(
    ("path", "body", "status", "field", "rule"),
    [
        (
            "/pricer/save",
            {"algo_id": 3, "source_aggregation": "BBO", "min_spread": "six"},
            422,
            "min_spread",
            "must be",
        ),
        ("/pricer/save", {"algo_id": 3, "colour": "red"}, 422, "colour", "is no field of PRICER"),
        ("/pricer/save", {"algo_id": 3, "running": "yes"}, 422, "running", "must be true or false"),
        ("/pricer/save", {"algo_id": 3, "algo_key": "XX"}, 422, "algo_key", "must be MM"),
        ("/pricer/save", {"algo_id": None}, 422, "algo_id", "must be given"),
        ("/pricer/save", {"algo_id": "x"}, 422, "algo_id", "must be a number"),
        ("/pricer/save", {"algo_id": 99}, 404, "algo_id", "must name a bot"),
        ("/pricer/save", {"algo_id": 1}, 404, "algo_id", "must name a bot of kind spot"),
        ("/hedger/save", {"algo_id": 3, "position_max_norm_size": "0 1"}, 422, "position_max_norm_size", "must"),
        ("/riskLimits/save", {"algo_id": 3, "max_day_loss": -1}, 422, "max_day_loss", "must not be negative"),
        ("/colour/save", {"algo_id": 3}, 404, None, "Not Found"),
        ("/colour/start/3", None, 422, "part", ""),
        ("/instrument/start/99", None, 404, "algo_id", "must name a bot"),
        ("/hedger/start/x", None, 422, "algo_id", "must be a number"),
        ("/risks/currency/save", {"currency_id": 7, "currency": "ADA"}, 404, "currency_id", "must name a watched"),
        ("/risks/hedger/save", {"currency_id": None}, 422, "currency_id", "must be given"),
        ("/risks/currency/start/7", None, 404, None, "currency 7 has no hedger"),
    ],
)
async def test_a_refusal_names_the_field_and_the_rule_and_changes_nothing(
    client: httpx.AsyncClient,
    log_in: LogIn,
    story: SpotStory,
    bus: FakeBus,
    path: str,
    body: Any,
    status: int,
    field: str | None,
    rule: str,
) -> None:
    story.bot()
    told, named, message = await refused(client, await log_in(*ALL), path, body)
    assert (told, named) == (status, field), message
    assert rule in message
    assert bus.published == []


async def test_a_change_of_another_revision_is_a_conflict(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    headers = await log_in(*ALL)
    shown = await client.get(PREFIX + "/instrument/get/3", headers=headers)
    assert shown.headers["etag"] == '"1"'
    body = dict(BTCJPY["pricer"]) | {"algo_id": 3, "min_spread": "7 bps"}
    stale = await client.post(PREFIX + "/pricer/save", headers=headers | {"If-Match": '"7"'}, json=body)
    assert (stale.status_code, stale.json()["name"]) == (409, "conflict")
    fresh = await client.post(PREFIX + "/pricer/save", headers=headers | {"If-Match": '"1"'}, json=body)
    assert (fresh.status_code, fresh.headers["etag"]) == (200, '"2"')


async def test_parts_are_started_and_stopped_by_themselves(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    headers = await log_in(*ALL)
    assert (await post(client, headers, "/pricer/stop/3"))["running"] is False
    found = (await client.get(PREFIX + "/instrument/get/3", headers=headers)).json()
    assert [found[f"{part}_config"]["running"] for part in ("instrument", "pricer", "hedger")] == [True, False, True]
    assert (await post(client, headers, "/pricer/start/3"))["running"] is True


async def test_a_start_under_a_loss_halt_is_refused_with_the_reason(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    headers = await log_in(*ALL)
    story.halt("bot-3", DAILY_LOSS)
    found = (await client.get(PREFIX + "/instrument/get/3", headers=headers)).json()
    assert not any(found[f"{part}_config"]["running"] for part in ("instrument", "pricer", "hedger"))
    status, field, message = await refused(client, headers, "/instrument/start/3")
    assert (status, field) == (409, "running") and "has lost" in message


async def test_a_bot_is_removed_once_it_is_stopped(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    early = await client.delete(PREFIX + "/instrument/delete/3", headers=headers)
    assert (early.status_code, early.json()["field"]) == (409, "running")
    await post(client, headers, "/instrument/stop/3")
    gone = await client.delete(PREFIX + "/instrument/delete/3", headers=headers)
    assert (gone.status_code, gone.json()["instrument"]) == (200, "BTCJPY")
    assert bus.of(BotConfig)[-1].removed
    assert (await client.get(PREFIX + "/instrument/get/3", headers=headers)).json() is None


async def test_currencies_are_watched_limited_hedged_and_let_go(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    risk = {"algo_key": "MM", "account_currency": "USD", "cutoff_time": 57_600_000, "last_reset_time": 0}
    assert await post(client, headers, "/risks/save", risk) == risk
    made = await post(client, headers, "/risks/currency/save", {"currency_id": None, "currency": "BTC"})
    assert made == {"currency": "BTC", "currency_id": 1, "algo_key": "MM", "exchange_algo_id": None}
    limits = {"currency_id": 1, "max_long_exposure": 5.5, "max_short_exposure": "5"}
    saved = await post(client, headers, "/risks/currency/limits/save", limits)
    assert (saved["max_long_exposure"], saved["max_short_exposure"]) == (5.5, 5)
    hedger = {
        "currency_id": 1,
        "position_max_norm_size": "2 0",
        "execution_style": "CROSS_MARKET",
        "venues_list": "KRAKEN",
        "hedge_instrument": "BTCUSD",
    }
    assert (await post(client, headers, "/risks/strategy/save", hedger))["running"] is False
    assert (await post(client, headers, "/risks/currency/start/1"))["running"] is True
    assert (await post(client, headers, "/risks/hedger/save", hedger))["running"] is True, "as it was"
    found = (await client.get(PREFIX + "/risks/MM", headers=headers)).json()
    assert found["risk"] == risk
    ((configuration),) = found["configurations"]
    assert [configuration[name]["currency_id"] for name in configuration] == [1, 1, 1]
    assert (await client.get(PREFIX + "/risks", headers=headers)).json() == [risk]
    early = await client.delete(PREFIX + "/risks/currency/delete/1", headers=headers)
    assert early.status_code == 422
    await post(client, headers, "/risks/currency/stop/1")
    gone = await client.delete(PREFIX + "/risks/currency/delete/1", headers=headers)
    assert (gone.status_code, gone.json()) == (200, made)
    assert [config.removed for config in bus.of(PlatformConfig)][-3:] == [True, True, True]
    assert (await client.get(PREFIX + "/risks/MM", headers=headers)).json()["configurations"] == []


async def test_a_limit_takes_the_risk_officer_and_a_quote_the_trader(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    trader, officer = await log_in("trader"), await log_in("risk")
    limits = dict(BTCJPY["risk_limits"]) | {"algo_id": 3, "max_day_loss": 5}
    pricer = dict(BTCJPY["pricer"]) | {"algo_id": 3, "min_spread": "7 bps"}
    assert (await refused(client, trader, "/riskLimits/save", limits))[0] == 403
    assert (await refused(client, officer, "/pricer/save", pricer))[0] == 403
    await post(client, officer, "/riskLimits/save", limits)
    await post(client, trader, "/pricer/save", pricer)
    assert (await refused(client, trader, "/risks/currency/save", dict(CURRENCY)))[0] == 403


async def test_a_user_with_a_list_of_bots_cannot_touch_the_others(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    headers = await log_in(*ALL)
    story.user_of_bots("user-trader-risk", "5")
    assert (await refused(client, headers, "/pricer/stop/3"))[0] == 403
    assert (await client.get(PREFIX + "/instrument/get/3", headers=headers)).status_code == 403
    assert (await client.get(PREFIX + "/algorithm/MM", headers=headers)).json()["configurations"] == []
    assert (await client.get("/api/v0/orders/3", headers=headers)).status_code == 403


async def test_figures_are_to_be_had_once(client: httpx.AsyncClient, log_in: LogIn, story: SpotStory) -> None:
    headers = await log_in("viewer")
    first = story.told("first")
    story.told("second")
    assert first.text == "first"
    found = {
        path: (await client.get(f"/api/v0{path}", headers=headers)).json()
        for path in ("/statistics/trading", "/statistics/risk", "/alerts", "/orders/3", "/trades/3", "/balances")
    }
    assert [len(rows) for rows in found.values()] == [1, 1, 2, 4, 0, 2]
    sequence = found["/alerts"][1]["sequence"]
    later = (await client.get(f"/api/v0/alerts?after_sequence={sequence}", headers=headers)).json()
    assert [row["description"] for row in later] == ["second"]


async def test_a_bot_that_a_currency_watches_is_not_removed(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory, bus: FakeBus
) -> None:
    headers = await log_in(*ALL)
    story.document("risk_currency", "7", {"currency": "BTC", "exchange_algo_id": "3"})
    await post(client, headers, "/instrument/stop/3")
    refused_now = await client.delete(PREFIX + "/instrument/delete/3", headers=headers)
    assert (refused_now.status_code, refused_now.json()["field"]) == (409, "algo_id")
    story.document("risk_currency", "7", {"currency": "BTC", "exchange_algo_id": "3"}, removed=True)
    assert (await client.delete(PREFIX + "/instrument/delete/3", headers=headers)).status_code == 200


async def test_the_exposure_of_a_currency_that_is_watched_no_more_is_not_told(
    client: httpx.AsyncClient, log_in: LogIn, story: SpotStory
) -> None:
    headers = await log_in("viewer")
    story.document("risk_currency", "1", {"currency": "BTC"})
    assert len((await client.get("/api/v0/statistics/risk", headers=headers)).json()) == 1
    story.document("risk_currency", "1", {"currency": "BTC"}, removed=True)
    assert (await client.get("/api/v0/statistics/risk", headers=headers)).json() == []
