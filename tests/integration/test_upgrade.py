"""A platform of before signatures and generations, of real processes, is taken over as it stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from toolkit.testing.trial import SHORT_MARKETS, Trial, TrialError, free_port_base

from tests.integration.before import needs_history, version_of_before

pytestmark = pytest.mark.timeout(300)

SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}
HALT = ("bot-1", "upgrade")
# Runs on the packages of before: trades, halts, has the broker fall silent while an execution comes, and loses power.
DRIVER = """
import json, os, signal, sys
from pathlib import Path
from toolkit.trial import Trial

data_dir, port_base, settings, scope, reason = sys.argv[1:]
trial = Trial(Path(data_dir), settings=json.loads(settings), port_base=int(port_base))
spool = Path(data_dir) / "quoter" / "spool"
try:
    trial.start()
    trial.wait("two-sided quote", trial.two_sided, 90)
    trial.wait("fills", lambda: sum(trial.fills_at_venue().values()) >= 5, 90)
    trial.mm("halt", scope, reason)
    os.kill(trial.pid("nats"), signal.SIGSTOP)
    trial.wait("an execution in the spool", lambda: spool.is_dir() and any(spool.iterdir()), 60)
finally:
    trial.close()
"""


def spooled(data_dir: Path) -> list[str]:
    return sorted(path.name for path in (data_dir / "quoter" / "spool").glob("Fill-*"))


def halts(trial: Trial) -> set[tuple[str, str]]:
    status: dict[str, Any] = trial.status()
    return {(halt["scope"], halt["reason"]) for halt in status["halts"]}


@needs_history
def test_r70_a_real_platform_of_before_keeps_positions_halt_and_spooled_fills(tmp_path: Path) -> None:
    python = version_of_before(tmp_path / "before")
    data_dir, base = tmp_path / "data", free_port_base()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    subprocess.run(
        [str(python), "-c", DRIVER, str(data_dir), str(base), json.dumps(SETTINGS), *HALT], env=environment, check=True
    )
    shutil.rmtree(tmp_path / "before")
    assert spooled(data_dir), "an execution waits for the broker"
    trial = Trial(data_dir, settings=SETTINGS, port_base=base)
    try:
        with pytest.raises(TrialError, match="is from before messages were signed"):
            trial.start()
        trial.mm("keys", "seal", "--who", "ann", "--reason", "upgrade")
        trial.start()
        trial.wait("the halt of before", lambda: HALT in halts(trial))
        trial.wait("books that agree", lambda: trial.books_agree() == [], 90)
        assert spooled(data_dir) == []
        assert trial.open_orders() == []
        positions = trial.venue("/positions")["positions"]
        assert positions, "what was held is held"
        trial.mm("lift", *HALT)
        trial.wait("two-sided quote", trial.two_sided, 90)
        trial.mm("halt", *HALT)
        trial.wait("books that agree", lambda: trial.books_agree() == [], 60)
        proof = trial.state("risk")["reconciliation"]["mm1"]
        assert proof["differences"] == []
    finally:
        trial.close()
