import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from toolkit.instance import Running, own_start_ticks
from toolkit.keys.private_files import write_private
from toolkit.layout import admin_password_file, admin_token_file
from toolkit.operating.gateway_client import PlatformClient
from toolkit.operating.status import BOT_FIELDS, compose, from_states, held, show, status, supervised_services
from toolkit.ports import port_map

BOT = {
    "algo_id": "1",
    "symbol": "BTC-5M-1",
    "state": "quoting",
    "bids": [[0.48, 100]],
    "asks": [[0.52, 100]],
    "position": 40,
    "position_yes": 40,
    "position_no": 0,
    "pnl": "1.250000",
}

RUNS = {"state": "ready", "pid": 7, "uptime_s": 60.0, "restarts": 2}
GONE = {"state": "restarting", "pid": None, "uptime_s": 0.0, "restarts": 3}


def test_the_picture_joins_what_the_supervisor_and_the_gateway_know() -> None:
    told = {"services": {"feed": {"state": "ready", "age_ms": 12}}, "bots": [BOT], "halts": ["global:person"]}
    picture = compose({"feed": RUNS}, told)
    assert picture == {
        "provenance": {"money": "unknown", "prices": ["unknown"], "label": "UNKNOWN · UNKNOWN"},
        "streams": [],
        "services": {"feed": {"state": "ready", "age_ms": 12, "pid": 7, "uptime_s": 60.0, "restarts": 2}},
        "bots": [BOT],
        "halts": ["global:person"],
        "accounts": [],
    }


def test_a_process_that_is_gone_is_shown_gone_whatever_was_last_heard_of_it() -> None:
    picture = compose({"feed": GONE}, {"services": {"feed": {"state": "ready", "age_ms": 500}}})
    assert picture["services"]["feed"]["state"] == "restarting"


def test_a_service_only_the_gateway_knows_is_shown_as_well() -> None:
    assert "feed-2" in compose({}, {"services": {"feed-2": {"state": "ready", "age_ms": 1}}})["services"]


def test_every_bot_has_every_field_and_what_nobody_knows_is_null() -> None:
    bots = compose({}, {"bots": [{"algo_id": "1"}]})["bots"]
    assert set(bots[0]) == set(BOT_FIELDS)
    assert bots[0]["pnl"] is None


def test_without_the_gateway_the_quoter_tells_the_quotes_and_risk_the_halts() -> None:
    states: dict[str, dict[str, Any] | None] = {
        "quoter": {"age_ms": 3, "bots": [BOT], "halts": ["old"]},
        "risk": {"age_ms": 4, "halts": ["bot-1:loss"]},
        "gateway": None,
    }
    told = from_states(states)
    assert (told["bots"], told["halts"]) == ([BOT], [{"scope": "bot-1", "reason": "loss"}])
    assert told["services"]["gateway"] == {"state": "silent", "age_ms": None}
    assert told["services"]["quoter"]["age_ms"] == 3


def test_with_risk_dead_the_quoter_tells_the_halts_it_obeys() -> None:
    assert from_states({"quoter": {"halts": ["global:person"]}, "risk": None})["halts"] == [
        {"scope": "global", "reason": "person"}
    ]


def test_r20_a_process_that_is_gone_is_not_ready_whatever_the_record_says(tmp_path: Path) -> None:
    ticks = own_start_ticks()
    alive = {
        "state": "ready",
        "pid": os.getpid(),
        "pid_started_ticks": ticks,
        "started_monotonic_s": 1.0,
        "restarts": 0,
    }
    dead = alive | {"pid_started_ticks": ticks - 1}
    running = Running(os.getpid(), ticks, "now", "ready", "model", port_map(None), {"feed": alive, "risk": dead})
    rows = supervised_services(running)
    assert (rows["feed"]["state"], rows["risk"]["state"], rows["risk"]["uptime_s"]) == ("ready", "gone", 0.0)
    told = {"services": {"risk": {"state": "ready", "age_ms": 3}}}
    assert compose(rows, told)["services"]["risk"]["state"] == "gone"


def test_status_asks_the_gateway_first_and_the_admin_ports_when_it_is_silent(tmp_path: Path) -> None:
    write_private(admin_password_file(tmp_path), "secret")
    write_private(admin_token_file(tmp_path), "admin-port-token")
    gateway_lives = True

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.port == 8080 and not gateway_lives:
            raise httpx.ConnectError("connection refused")
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t"})
        if request.url.path == "/api/status":
            return httpx.Response(200, json={"services": {}, "bots": [BOT], "halts": []})
        if request.url.path == "/state" and request.headers.get("authorization") != "Bearer admin-port-token":
            return httpx.Response(401)
        if request.url.path == "/state" and request.url.port == 8103:
            return httpx.Response(200, json={"service": "quoter", "bots": [{**BOT, "state": "halted"}]})
        return httpx.Response(404)

    with PlatformClient(tmp_path, httpx.MockTransport(answer)) as client:
        assert status(tmp_path, port_map(None), client)["bots"] == [BOT]
        gateway_lives = False
        picture = status(tmp_path, port_map(None), client)
    assert picture["bots"][0]["state"] == "halted"
    assert picture["services"]["risk"]["state"] == "silent"


def test_r13_a_halt_that_keeps_what_rests_says_so() -> None:
    screen = io.StringIO()
    halt = {"scope": "bot-1", "reason": "look", "keep_resting": True, "accounts": []}
    show(compose({"feed": RUNS}, {"services": {}, "halts": [halt]}), Console(file=screen, width=120))
    assert "HALT bot-1 (look); keeps resting orders" in screen.getvalue()


def test_a_person_sees_quotes_positions_and_halts() -> None:
    told = {"services": {"feed": {"state": "ready", "age_ms": 12}}, "bots": [BOT]}
    picture = compose({"feed": RUNS}, told | {"halts": [{"scope": "bot-1", "reason": "loss"}]})
    screen = io.StringIO()
    show(picture, Console(file=screen, width=120))
    for text in (
        "feed",
        "ready",
        "12 ms",
        "1 min",
        "BTC-5M-1",
        "0.48 × 100",
        "0.52 × 100",
        "+1.25",
        "HALT bot-1 (loss)",
    ):
        assert text in screen.getvalue(), text


def test_when_nothing_answers_a_person_reads_that_no_platform_runs() -> None:
    screen = io.StringIO()
    show(compose({}, from_states({"feed": None, "risk": None})), Console(file=screen))
    assert screen.getvalue() == "no platform runs here\n"


def test_r51_a_silent_quoter_and_its_watchdogs_report_are_shown() -> None:
    said = "24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC"
    halt = {"scope": "bot-1", "reason": "loss", "accounts": [{"account": "mm1", "said": "6 cancelled"}]}
    account = {"account": "mm1", "quoter_silent_ms": 3_200, "report": {"said": said}}
    picture = compose(
        {"feed": RUNS}, {"services": {"feed": {"state": "ready"}}, "halts": [halt], "accounts": [account]}
    )
    screen = io.StringIO()
    show(picture, Console(file=screen, width=200))
    assert f"QUOTER of mm1 silent for 3.2 s; watchdog: {said}" in screen.getvalue()
    assert "HALT bot-1 (loss); account mm1: 6 cancelled" in screen.getvalue()


def test_r51_without_the_gateway_the_watchdog_tells_of_the_quoter() -> None:
    lease = {"alive": False, "silent_ms": 4_000}
    told = from_states({"watchdog": {"accounts": {"mm1": {"lease": lease, "report": "all gone"}}}, "quoter": None})
    assert told["accounts"] == [{"account": "mm1", "quoter_silent_ms": 4_000, "report": {"said": "all gone"}}]
    living = from_states({"watchdog": {"accounts": {"mm1": {"lease": {"alive": True, "silent_ms": 4}, "report": ""}}}})
    assert living["accounts"] == [{"account": "mm1", "quoter_silent_ms": None, "report": None}]


QUOTERS_ROW = {
    **{name: BOT[name] for name in ("algo_id", "symbol", "state", "bids", "asks")},
    "position": {"yes": 105, "no": 35, "net": 70},
    "pnl": 1.25,
}


def printed(picture: Mapping[str, Any]) -> str:
    screen = io.StringIO()
    show(picture, Console(file=screen, width=160))
    return screen.getvalue()


def test_r68_position_and_profit_read_alike_whoever_answers() -> None:
    gateways = {**BOT, "position": 70, "position_yes": 105, "position_no": 35, "pnl": 1.25}
    by_gateway = compose({"feed": RUNS}, {"bots": [gateways]})
    by_services = compose({"feed": RUNS}, from_states({"quoter": {"bots": [QUOTERS_ROW]}}))
    assert by_services["bots"] == by_gateway["bots"]
    for picture in (by_gateway, by_services):
        assert "+70 (105 YES, 35 NO)  +1.25" in printed(picture)
        assert "{" not in printed(picture)


@pytest.mark.parametrize(
    ("position", "pnl", "text"),
    [(-250, None, "-250      unknown"), (-250, 1.5, "-250      +1.50"), (0, None, "0         –")],
)
def test_the_profit_on_what_nobody_prices_is_unknown(position: int, pnl: float | None, text: str) -> None:
    row = {**BOT, "symbol": "BTCUSD", "position": position, "position_yes": None, "position_no": None, "pnl": pnl}
    assert text in printed(compose({"feed": RUNS}, {"bots": [row]}))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"position": -40, "position_yes": 0, "position_no": 40}, "-40 (0 YES, 40 NO)"),
        ({"position": 0, "position_yes": 0, "position_no": 0}, "0"),
        ({"position": 12}, "+12"),
        ({"position": 54, "lot": 0.0001, "base": "BTC"}, "+0.0054 BTC"),
        ({"position": -3, "lot": 1e-05, "base": "BTC"}, "-0.00003 BTC"),
        ({"position": 12, "lot": 0.01, "base": ""}, "+12"),
        ({"position": None}, None),
    ],
)
def test_r68_a_position_is_its_net_and_what_it_is_made_of(row: dict[str, Any], text: str | None) -> None:
    assert held(row) == text


def test_r50_status_begins_with_whose_money_and_what_prices_these_are() -> None:
    told = {"provenance": {"money": "paper", "prices": ["replay"], "label": "PAPER · REPLAY"}}
    assert printed(compose({"feed": RUNS}, told)).startswith("PAPER · REPLAY\n")
    states: dict[str, dict[str, Any] | None] = {
        "quoter": {"accounts": {"mm1": {"venue": "degen"}}},
        "feed": {"venues": {"degen": {"money": "paper", "price_sources": {"BTC": "replay", "SOL": "model"}}}},
    }
    assert compose({}, from_states(states))["provenance"]["label"] == "PAPER · MODEL, REPLAY"
    states["quoter"] = {"accounts": {"mm1": {"venue": "degen"}, "mm2": {"venue": "other"}}}
    assert compose({}, from_states(states))["provenance"]["money"] == "unknown", "of one venue nobody says"
    states["feed"] = None
    assert compose({}, from_states(states))["provenance"]["label"] == "UNKNOWN · UNKNOWN"


def test_r31_status_says_why_a_market_is_not_taken_up() -> None:
    row = {**BOT, "state": "not_taken_up", "reason": "not taken up: 40 s are left, a new market needs 60"}
    said = printed(compose({"feed": RUNS}, {"bots": [row]}))
    assert "not taken up" in said
    assert "40 s are left, a new market needs 60" in said


def test_r81_status_says_which_stream_is_nearly_full() -> None:
    streams = [
        {"stream": "FILL", "share": 0.83, "alarming": True},
        {"stream": "ORDER", "share": 1.0, "alarming": False},
    ]
    said = printed(compose({"feed": RUNS}, {"streams": streams}))
    assert "FILL is 83% full: see ./mm streams list" in said
    assert "ORDER" not in said
