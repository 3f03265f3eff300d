"""The platform as a person starts it: real processes, real NATS and Redis, the simulated exchange over sockets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from common.events import BotConfig, Halt, Parked, decode
from toolkit.checking.not_run import not_run
from toolkit.checking.promtool import NAME, PACKAGE, find_promtool
from toolkit.operating.gateway_client import NoAnswerError, PlatformClient, RefusedError
from toolkit.testing.trial import Trial, TrialError

from tests.e2e.stored_again import history, put_back

pytestmark = pytest.mark.timeout(300)

SIGNING = ("feed", "pricer", "quoter", "watchdog", "risk", "gateway")
"""The services that have a key of their own."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("platform"))
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 90)
        yield made
    finally:
        made.close()


def test_a_market_is_quoted_on_both_sides_within_its_limits(trial: Trial) -> None:
    trial.wait("two-sided quote", trial.two_sided, 60)
    orders = trial.open_orders()
    best: dict[tuple[str, str], int] = {}
    for order in orders:
        key = (order["market"], order["outcome"])
        best[key] = max(best.get(key, 0), round(float(order["price"]) * 100))
    for (market, outcome), ticks in best.items():
        if outcome == "yes" and (market, "no") in best:
            assert ticks + best[(market, "no")] <= 98, f"{market}: own bids leave less than two cents"


def test_status_shows_services_bots_and_halts(trial: Trial) -> None:
    picture = trial.status()
    assert {"feed", "pricer", "quoter", "risk", "gateway", "exchange"} <= set(picture["services"])
    assert picture["bots"]
    assert all({"algo_id", "symbol", "state", "bids", "asks", "position", "pnl"} <= set(bot) for bot in picture["bots"])


def test_a_market_settles_and_its_position_comes_back_to_zero(trial: Trial) -> None:
    def filled_and_settled() -> bool:
        entries = trial.venue_pages("/statement", "entries")
        settled = {entry["market"] for entry in entries if entry["type"] == "settlement"}
        sides = {(fill["market"], fill["outcome"]) for fill in trial.venue_pages("/fills", "fills")}
        return any((market, "yes") in sides and (market, "no") in sides for market in settled)

    trial.wait("settled market with fills on both sides", filled_and_settled, 150)
    trial.wait("agreement of the books", lambda: not trial.books_agree(), 60)


def test_a_halt_blocks_and_lifting_it_lets_quotes_return(trial: Trial) -> None:
    trial.mm("halt", "bot-1", "drill")
    trial.mm("cancel-all")
    trial.wait("empty book", lambda: not trial.open_orders(), 30)
    assert ["bot-1", "drill"] in [[halt["scope"], halt["reason"]] for halt in trial.status()["halts"]]
    trial.mm("lift", "bot-1", "drill")
    trial.wait("two-sided quote after the lift", trial.two_sided, 60)


@pytest.fixture(scope="module")
def promtool() -> Path:
    return find_promtool() or not_run(f"{NAME}: of Debian's package {PACKAGE}")


def checked(promtool: Path, text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("service", SIGNING)
def test_prometheus_reads_the_metrics_of_every_service(trial: Trial, promtool: Path, service: str) -> None:
    answer = httpx.get(f"http://127.0.0.1:{trial.admin_port(service)}/metrics", trust_env=False)
    done = checked(promtool, answer.text)
    assert (done.returncode, done.stderr) == (0, ""), "neither wrong nor named against the custom"
    assert checked(promtool, answer.text + "mm_again{").returncode != 0


def test_the_admin_port_refuses_strangers_and_names_the_fault(trial: Trial) -> None:
    port = trial.admin_port("quoter")
    answer = httpx.post(f"http://127.0.0.1:{port}/halt", json={"scope": "global"}, trust_env=False)
    assert answer.status_code == 401
    refused = trial.command("quoter", "halt", {"scope": "everything", "reason": "x", "actor": "test"})
    assert refused.status_code == 422
    assert "scope" in refused.text


def test_a_second_up_on_the_same_data_directory_is_refused(trial: Trial) -> None:
    with pytest.raises(TrialError, match=r"(?i)already|runs"):
        trial.mm("up", "--detach", "--source", "model")


def doubts(trial: Trial) -> dict[str, int]:
    """Return by service how many messages it parked or did not obey for their signature."""
    found = {}
    for service in SIGNING:
        text = trial.http.get(f"http://127.0.0.1:{trial.admin_port(service)}/metrics").text
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        found[service] = int(float(figures["mm_parked_total"]) + float(figures["mm_doubted_total"]))
    return found


def test_r70_keys_are_rotated_while_it_trades(trial: Trial) -> None:
    trial.wait("two-sided quote", trial.two_sided, 90)
    before, pids = doubts(trial), {service: trial.pid(service) for service in SIGNING}
    keys = set()
    for service in ("quoter", "risk", "feed", "gateway", "watchdog", "quoter", "risk"):
        fills = trial.fills_at_venue().total()
        said = trial.mm("keys", "rotate", service)
        assert f"{service} signs with {service}-" in said
        keys.add(said.split()[-1])
        trial.wait(f"fills after the rotation of {service}", lambda n=fills: trial.fills_at_venue().total() > n, 60)  # type: ignore[misc]
    assert len(keys) == 7
    earlier = trial.resting()
    trial.wait("new orders on both sides", lambda: bool(trial.resting() - earlier) and trial.two_sided(), 60)
    trial.wait("books that agree", lambda: not trial.books_agree(), 60)
    assert doubts(trial) == before, "no event parked, none disobeyed"
    assert {service: trial.pid(service) for service in SIGNING} == pids, "nobody was started anew"
    assert trial.status()["halts"] == []


def parked(trial: Trial, service: str) -> set[str]:
    """Return the subjects of what a service did not obey or could not read."""
    kept = history(trial, "gateway", f"parked.{service}")
    return {decode(Parked, each.data).from_subject for each in kept}


def test_r70_what_is_stored_again_moves_no_running_service_and_none_that_starts(trial: Trial) -> None:
    trial.wait("two-sided quote", trial.two_sided, 90)
    url, client = f"http://127.0.0.1:{trial.ports.gateway}", PlatformClient(trial.data_dir)
    admin = {"Authorization": f"Bearer {client.login(url)}"}
    for revision, password in enumerate(("the first pass phrase", "the second pass phrase")):
        change = {"name": "Tess", "roles": ["trader"], "password": password, "revision": revision}
        trial.http.put(f"{url}/api/users/tess", json=change, headers=admin).raise_for_status()
    (position,) = history(trial, "quoter", "position.1")
    trial.wait("another position", lambda: history(trial, "quoter", "position.1")[0].data != position.data, 60)
    for verb in ("stop", "start"):
        trial.http.post(f"{url}/api/bots/1/{verb}", json={}, headers=admin).raise_for_status()
    for word in ("halt", "lift", "halt"):
        trial.mm(word, "bot-1", "replay")
    stopped = history(trial, "quoter", "config.bot.1")[-2]
    lifted = history(trial, "quoter", "risk.halt.bot-1.replay")[-2]
    assert not decode(BotConfig, stopped.data).running
    assert decode(Halt, lifted.data).lifted
    first_password = history(trial, "gateway", "user.tess")[0]

    def holds() -> bool:
        told = [(halt["scope"], halt["reason"]) for halt in trial.status()["halts"]]
        bot = trial.http.get(f"{url}/api/bots/1", headers=admin).json()
        halted = ("bot-1", "replay") in told and "bot-1:replay" in trial.state("quoter")["halts"]
        return halted and bool(bot["configured_running"])

    trial.wait("the halt everywhere", holds, 30)
    replayed = {lifted.subject, stopped.subject, position.subject}
    for owner, old in (("gateway", lifted), ("gateway", stopped), ("gateway", first_password), ("risk", position)):
        put_back(trial, owner, old)
    trial.wait(
        "everything refused",
        lambda: parked(trial, "quoter") >= replayed and first_password.subject in parked(trial, "gateway"),
        60,
    )
    assert holds()
    for service in ("gateway", "risk", "pricer", "quoter"):
        pid = trial.pid(service)
        trial.kill(service)
        trial.wait(f"new {service}", lambda s=service, p=pid: trial.restarted(s, p) and trial.ready([s]), 60)  # type: ignore[misc]
    admin = {"Authorization": f"Bearer {client.login(url)}"}
    trial.wait("the halt everywhere, in those that started too", holds, 30)
    assert client.login_as(url, "tess", "the second pass phrase")
    with pytest.raises((NoAnswerError, RefusedError)):
        client.login_as(url, "tess", "the first pass phrase")
    assert trial.open_orders() == []
    trial.mm("lift", "bot-1", "replay")
    trial.wait("two-sided quote after the lift", trial.two_sided, 60)
    trial.wait("books that agree", lambda: not trial.books_agree(), 60)


def test_down_leaves_no_order_and_no_process(trial: Trial, tmp_path: Path) -> None:
    pids = {name: trial.pid(name) for name in ("quoter", "risk", "feed", "pricer", "gateway", "exchange", "nats")}
    trial.stop()
    for name, pid in pids.items():
        assert not Path(f"/proc/{pid}").exists(), f"{name} still runs"
