"""Two accounts in one quoter process of a platform: a session is cut, a lease is taken, the process is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from toolkit.instance import Instance, find_running
from toolkit.platform.listening import free_port
from toolkit.platform.processes import ServerCommands, process_table
from toolkit.testing.trial import SHORT_MARKETS, Trial

pytestmark = pytest.mark.timeout(420)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}
ACCOUNTS = ("mm1", "mm2")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Bot 1 quotes YES/NO markets for mm1, bot 2 a spot symbol for mm2."""
    made = Trial(tmp_path_factory.mktemp("accounts"), settings=SETTINGS, bots=("1", "2"), accounts={"2": "mm2"})
    try:
        made.start()
        made.wait("quotes of both accounts", lambda: both_rest(made), 90)
        yield made
    finally:
        made.close()


def both_rest(trial: Trial) -> bool:
    return all(trial.open_orders(account) for account in ACCOUNTS)


def newest(trial: Trial, account: str) -> int:
    """Return the newest order id of an account at the venue; 0 when nothing rests."""
    return max((int(order["order_id"]) for order in trial.open_orders(account)), default=0)


def both_quote_anew(trial: Trial) -> None:
    """Wait until the quoter is ready and both accounts have placed new orders."""
    trial.wait("readiness", trial.ready, 60)
    before = {account: newest(trial, account) for account in ACCOUNTS}
    for account in ACCOUNTS:
        trial.wait(f"new orders of {account}", lambda a=account: newest(trial, a) > before[a], 60)  # type: ignore[misc]


def holders(trial: Trial) -> dict[str, str]:
    return {row["key"]: row["holder"] for row in trial.state("quoter").get("leases", [])}


def test_both_accounts_quote_in_one_process_which_shows_them(trial: Trial) -> None:
    state = trial.state("quoter")
    assert list(state["accounts"]) == ["mm1", "mm2"]
    assert {(row["account"], row["algo_id"]) for row in state["bots"]} >= {("mm1", "1"), ("mm2", "2")}
    assert list(trial.state("watchdog")["accounts"]) == ["mm1", "mm2"]
    assert {row["account"] for row in trial.status()["accounts"]} == {"mm1", "mm2"}


def test_a_session_that_is_cut_comes_back_and_the_other_account_does_not_notice(trial: Trial) -> None:
    before = trial.state("quoter")["accounts"]
    admin = json.loads((trial.data_dir / "exchange/keys/admin.json").read_text())[0]
    url = f"http://127.0.0.1:{trial.ports.exchange}"
    key = {name: admin[name] for name in ("api_key", "api_secret")}
    token = trial.http.post(f"{url}/auth/login", json=key).json()["token"]
    cut = trial.http.post(
        f"{url}/admin/faults",
        json={"fault": "disconnect", "account": "mm2"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert cut.json() == {"disconnected": 1}

    def reconnects(account: str) -> int:
        return int(trial.state("quoter")["accounts"][account]["session"]["reconnects"])

    trial.wait("its connection", lambda: reconnects("mm2") > before["mm2"]["session"]["reconnects"], 30)
    both_quote_anew(trial)
    assert reconnects("mm1") == before["mm1"]["session"]["reconnects"]


def another_quoter(trial: Trial, account: str, place: Path) -> subprocess.Popen[bytes]:
    """Start a quoter of one account, as a second process of the same platform with a disk of its own."""
    running = find_running(trial.data_dir)
    assert running is not None
    instance = Instance(trial.data_dir, running.ports, "", accounts=(f"{account}@degen",))
    [process] = [each for each in process_table(instance, ServerCommands((), ())) if each.name == "quoter"]
    own = {
        "MM_INSTANCE": "quoter-other",
        "MM_ADMIN_PORT": str(free_port()),
        "MM_DATA_DIR": str(place),
        "MM_VENUE_KEYS_DIR": str(trial.data_dir / "exchange/keys"),
    }
    with (trial.data_dir / "logs/quoter-other.log").open("wb") as log:
        environment = {"PATH": os.environ["PATH"], **process.environment, **own}
        return subprocess.Popen([sys.executable, "-m", "quoter"], env=environment, stdout=log, stderr=log)


def test_a_lease_that_another_process_takes_is_lost_alone_and_comes_back(trial: Trial, tmp_path: Path) -> None:
    pid = trial.pid("quoter")
    other = another_quoter(trial, "mm2", tmp_path)
    try:
        log = trial.data_dir / "logs/quoter-other.log"
        trial.wait("the other standing by", lambda: "held by quoter-up" in log.read_text(), 60)
        os.kill(pid, signal.SIGSTOP)
        trial.wait("the other's lease", lambda: '"holds a lease"' in log.read_text(), 60)
        os.kill(pid, signal.SIGCONT)
        trial.wait("the loss of one lease", lambda: holders(trial) == {"mm1": "quoter-up", "mm2": "quoter-other"}, 60)
        trial.wait("orders of both", lambda: both_rest(trial), 60)
        assert trial.pid("quoter") == pid, "the process lived on"
        assert "account mm2: its lease is not held here" in trial.state("quoter")["faults"]
    finally:
        other.send_signal(signal.SIGTERM)
    assert other.wait(30) == 0
    trial.wait("the lease", lambda: holders(trial) == dict.fromkeys(ACCOUNTS, "quoter-up"), 60)
    both_quote_anew(trial)


def test_both_accounts_quote_again_after_the_process_was_killed(trial: Trial) -> None:
    before = trial.pid("quoter")
    trial.kill("quoter")
    trial.wait("a new quoter", lambda: trial.restarted("quoter", before), 60)
    both_quote_anew(trial)


def test_a_halt_of_one_account_leaves_the_other_quoting_and_the_books_of_both_agree(trial: Trial) -> None:
    trial.wait("fills of both", lambda: {each.account for each in trial.fills_at_venue()} == set(ACCOUNTS), 120)
    said = trial.mm("halt", "account-mm2", "drill")
    assert "account-mm2:drill, account mm2:" in said
    assert "account mm1" not in said
    assert trial.open_orders("mm2") == []
    trial.wait("orders of the other", lambda: bool(trial.open_orders("mm1")), 30)
    answer: dict[str, Any] = trial.command(
        "quoter", "halt", {"scope": "global", "reason": "drill", "actor": "test"}
    ).json()
    assert {row["account"]: row["confirmed"] for row in answer["accounts"]} == {"mm1": True, "mm2": True}
    trial.wait("agreement of the books", lambda: not trial.books_agree(), 60)
    trial.stop()
