"""Halts on real processes: with the broker dead, after deaths of those who took them, and what the venue shows."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from toolkit.layout import nats_config_file
from toolkit.testing.trial import SHORT_MARKETS, Trial

pytestmark = pytest.mark.timeout(420)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "2"}
DOORS = ("quoter", "watchdog")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("halts"), settings=SETTINGS)
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 90)
        yield made
    finally:
        made.close()


def test_r13_a_halt_of_the_command_line_cancels_and_the_venue_confirms_it(trial: Trial) -> None:
    said = trial.mm("halt", "bot-1", "drill")
    assert "halt bot-1: done by the gateway" in said
    assert "left, confirmed by the venue at" in said
    assert trial.open_orders() == []
    [halt] = trial.status()["halts"]
    assert (halt["scope"], halt["reason"], halt["actor"]) == ("bot-1", "drill", "@owner")
    assert "lift bot-1 drill: done by the gateway" in trial.mm("lift", "bot-1", "drill")
    trial.wait("quotes again", trial.two_sided)


def test_r72_halts_reach_processes_that_have_only_just_started_without_a_bus_and_are_obeyed_when_it_is_back(
    trial: Trial,
) -> None:
    config = nats_config_file(trial.data_dir)
    hidden = config.with_suffix(".hidden")
    config.rename(hidden)
    trial.kill("nats")
    before = {name: trial.pid(name) for name in (*DOORS, "gateway", "risk")}
    for name in before:
        trial.kill(name)
    trial.wait("new processes", lambda: all(trial.restarted(name, pid) for name, pid in before.items()))
    trial.wait("open doors", lambda: all(trial.state(name) for name in DOORS))
    assert trial.state("quoter")["stage"] == "waiting for the broker"

    said = trial.mm("halt", "bot-1", "fire")
    assert "halt bot-1: done by the quoter" in said
    assert "confirmed by the venue at" in said
    said = trial.mm("cancel-all")
    assert "cancel-all: done by the quoter" in said
    assert trial.open_orders() == []

    # Who took it dies before the bus is back: what is on disk holds.
    pid = trial.pid("quoter")
    trial.kill("quoter")
    trial.wait("a new quoter", lambda: trial.restarted("quoter", pid))
    hidden.rename(config)
    trial.wait("the quoter at work", lambda: trial.state("quoter").get("stage") == "running", 90)
    trial.wait("everybody's word on it", lambda: "bot-1:fire" in trial.state("risk").get("halts", []), 90)
    assert "bot-1:fire" in trial.state("quoter")["halts"]
    assert trial.resting() == set(), "nothing was quoted in between"

    trial.wait("the gateway", lambda: gateway_answers(trial), 90)
    trial.mm("lift", "bot-1", "fire")
    trial.wait("quotes again", trial.two_sided, 90)


def test_r51_the_orders_of_a_quoter_that_was_killed_are_accounted_for_by_its_watchdog(trial: Trial) -> None:
    trial.wait("two-sided quote", trial.two_sided, 90)
    pid, before = trial.pid("quoter"), watchdogs_report(trial)
    trial.kill("quoter")
    trial.wait("a report", lambda: watchdogs_report(trial) not in ("", before))
    assert "left, confirmed by the venue" in watchdogs_report(trial)
    trial.wait("a new quoter", lambda: trial.restarted("quoter", pid))
    [account] = trial.status()["accounts"]
    assert "confirmed by the venue" in account["report"]["said"]
    trial.wait("quotes again", trial.two_sided, 90)


def watchdogs_report(trial: Trial) -> str:
    accounts = trial.state("watchdog").get("accounts", {})
    return str(accounts.get("mm1", {}).get("report", ""))


def gateway_answers(trial: Trial) -> bool:
    try:
        return trial.http.get(f"http://127.0.0.1:{trial.ports.gateway}/").status_code == 200
    except httpx.HTTPError:
        return False
