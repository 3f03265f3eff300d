"""Every way to lose a store, on real processes: nothing rests, nothing is quoted, a person resumes, the books agree."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.testing.trial import SHORT_MARKETS, Trial, TrialError

pytestmark = pytest.mark.timeout(600)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}
HALT = ("bot-1", "drill")
LOST_FILLS = 5
"""Entries that FILL must have grown by before it is brought back."""


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    made = Trial(tmp_path_factory.mktemp("stores"), settings=SETTINGS)
    try:
        made.start()
        made.wait("two-sided quote", made.two_sided, 90)
        made.wait("a first fill", lambda: bool(made.fills_at_venue()), 90)
        yield made
    finally:
        made.close()


def holds(condition: Callable[[], bool]) -> Callable[[], bool]:
    """Take a service that is between two lives for a no."""

    def held() -> bool:
        try:
            return condition()
        except (httpx.HTTPError, OSError, KeyError, ValueError, TrialError):
            return False

    return held


def halts(trial: Trial) -> set[tuple[str, str]]:
    return {(halt["scope"], halt["reason"]) for halt in trial.status()["halts"]}


def standing(trial: Trial) -> bool:
    # The venue answers at once; the halts cost a command.
    return not trial.open_orders() and ("global", "store-changed") in halts(trial)


def generation(trial: Trial) -> int:
    return int(trial.state("risk")["stores"]["generation"])


def resumed(trial: Trial) -> dict[str, Any]:
    """Have a person look, then resume, then lift the halt of before; return what the command told."""
    assert "to go on: ./mm resume --yes" in trial.mm("resume")
    with pytest.raises(TrialError, match="needs --who NAME and --reason TEXT"):
        trial.mm("resume", "--yes")
    [backfill] = json.loads(trial.mm("resume", "--json"))["backfill"]["accounts"]
    assert (backfill["account"], backfill["unread"]) == ("mm1", 0)
    assert Decimal(backfill["cash_total"]) == trial.cash_at_venue(), "known before anybody resumes"
    booked = trial.fills_on_bus() if backfill["after"] else Counter()
    assert backfill["fills"] == len(trial.fills_at_venue() - booked)
    told: dict[str, Any] = json.loads(
        trial.mm("resume", "--yes", "--who", "ann", "--reason", "drill", "--json", timeout_s=120)
    )
    assert told["faults"] == told["standing"] == []
    assert told["proven"] == ["account mm1: fills, cash and shares agree with the venue's"]
    return told


def quotes_again(trial: Trial) -> None:
    """The halt of before still holds; lifted, it quotes; and the books are the venue's."""
    trial.wait("the halt of before", holds(lambda: HALT in halts(trial)), 60)
    assert trial.open_orders() == []
    trial.mm("lift", *HALT)
    trial.wait("two-sided quote", holds(trial.two_sided), 90)
    trial.mm("halt", *HALT)
    trial.wait("books that agree", holds(lambda: trial.books_agree() == []), 60)
    trial.mm("lift", *HALT)
    trial.wait("two-sided quote", holds(trial.two_sided), 90)


def test_r71_nats_emptied_while_stopped_is_no_first_start_and_the_halt_is_not_forgotten(trial: Trial) -> None:
    trial.mm("halt", *HALT)
    trial.stop()
    shutil.rmtree(nats_store_dir(trial.data_dir))
    shutil.rmtree(redis_store_dir(trial.data_dir))
    trial.start()
    trial.wait("standing still", holds(lambda: standing(trial)), 60)
    assert "bot-1:drill" in trial.state("quoter")["halts"]
    assert trial.state("risk").get("accounts", {}) == {}, "no opening deposit"
    told = resumed(trial)
    assert told["generation"] == 2
    quotes_again(trial)


def test_r73_nats_emptied_under_living_services_stands_still_at_once_and_loses_no_fill(trial: Trial) -> None:
    before, known = trial.pid("nats"), generation(trial)
    trial.mm("halt", *HALT)
    # Away before the broker dies: its successor must not have begun in the folder that goes.
    nats_store_dir(trial.data_dir).rename(trial.data_dir / "emptied")
    trial.kill("nats")
    trial.wait("a new broker", holds(lambda: trial.restarted("nats", before)))
    trial.wait("standing still", holds(lambda: standing(trial)), 60)
    assert resumed(trial)["generation"] == known + 1
    watchdog = trial.state("watchdog")["accounts"]["mm1"]
    assert watchdog["lease"]["alive"], "it is not deaf to the new leases"
    quotes_again(trial)


def test_r71_a_fill_stream_brought_back_to_what_it_was_gets_what_it_lost_from_the_venue(trial: Trial) -> None:
    fill = next(nats_store_dir(trial.data_dir).glob("jetstream/*/streams/FILL"))
    kept = trial.data_dir / "fill-of-before"
    shutil.copytree(fill, kept)
    held = sum(trial.fills_at_venue().values())
    trial.wait("more fills", holds(lambda: sum(trial.fills_at_venue().values()) >= held + LOST_FILLS), 120)
    trial.mm("halt", *HALT)
    trial.wait("books that agree", holds(lambda: trial.books_agree() == []), 60)
    before = trial.pid("nats")
    trial.kill("nats")
    shutil.rmtree(fill)
    kept.rename(fill)
    trial.wait("a new broker", holds(lambda: trial.restarted("nats", before)))
    trial.wait("standing still", holds(lambda: standing(trial)), 60)
    assert any("FILL ends at sequence" in fault for fault in resumed(trial)["faults_before"])
    quotes_again(trial)


def test_r71_a_quoter_whose_disk_was_lost_stands_still(trial: Trial) -> None:
    trial.mm("halt", *HALT)
    trial.stop()
    shutil.rmtree(trial.data_dir / "quoter")
    trial.start()
    trial.wait("standing still", holds(lambda: standing(trial)), 60)
    [fault] = resumed(trial)["faults_before"]
    assert "the data directory of quoter/mm1 was lost" in fault
    quotes_again(trial)


def test_r71_a_backup_is_brought_back_and_the_venue_tells_what_came_after_it(trial: Trial, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    known = generation(trial)
    saved = trial.fills_on_bus()
    assert "8 of 8: FILL" in trial.mm("streams", "backup", str(folder))
    held = sum(trial.fills_at_venue().values())
    trial.wait("more fills", holds(lambda: sum(trial.fills_at_venue().values()) >= held + LOST_FILLS), 120)
    trial.mm("halt", *HALT)
    trial.wait("books that agree", holds(lambda: trial.books_agree() == []), 60)
    with pytest.raises(TrialError, match="a platform runs on"):
        trial.mm("restore", str(folder), "--who", "ann", "--reason", "drill")
    trial.stop()
    shutil.rmtree(nats_store_dir(trial.data_dir))
    said = trial.mm("restore", str(folder), "--who", "ann", "--reason", "drill", timeout_s=120)
    assert f"stores: generation {known + 1}, from the backup of" in said
    trial.start()
    trial.wait("standing still", holds(lambda: standing(trial)), 60)
    assert saved - trial.fills_on_bus() == Counter(), "what was saved is there"
    told = trial.mm("resume")
    assert "changed: the stores were brought back from the backup of" in told
    assert re.search(r"FILL .* sequences LOST", told)
    assert re.search(r"account mm1: the venue reports \d+ executions and \d+ conversions after place \d+", told)
    assert resumed(trial)["generation"] == known + 2
    quotes_again(trial)


def test_r71_redis_emptied_alone_is_rebuilt_and_trading_goes_on_by_itself(trial: Trial) -> None:
    before, known = trial.pid("redis"), generation(trial)
    trial.kill("redis")
    store: Path = redis_store_dir(trial.data_dir)
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True, exist_ok=True)
    trial.wait("a new positions store", holds(lambda: trial.restarted("redis", before)))
    earlier = trial.resting()
    trial.wait("new orders", holds(lambda: bool(trial.resting() - earlier) and trial.two_sided()), 90)
    assert generation(trial) == known
    trial.mm("halt", *HALT)
    trial.wait("books that agree", holds(lambda: trial.books_agree() == []), 60)
