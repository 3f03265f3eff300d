"""What came of each market, kept in a file, and a run compared with an earlier one of the same markets.

A line is one market: the case it belongs to, its number and the row. Of an earlier run only a few figures are needed,
so a file may leave out the rest of the row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from _runs import Runs
from _session_market import NO_RIVALS, Row, Task, run
from _session_report import ERRORS, mean
from toolkit.checking.bench import Figure, at_least

VOLUME_MIN = 0.90
"""Of the earlier run's volume."""
REGIME_GAIN_MIN = 20.0
"""Dollars a market by which the volatility's change is to cost less than before."""
BASE_LOSS_ERRORS = 1.0

Key = tuple[str, int, int]
"""Case, seed, market."""


class Earlier(NamedTuple):
    """What came of a market in another run."""

    pnl: float
    shares: int


def case_of(task: Task) -> str:
    """Return how people name a case, e.g. 'base, rivals 1c, 10 % informed'."""
    rivals = "" if task.rivals == NO_RIVALS else f", rivals {task.rivals}"
    return f"{task.world}{rivals}, {100 * task.informed:g} % informed"


MARKETS = Runs(run, Task, Row, case_of, "markets", chunk=4)


def earlier_of(path: Path) -> dict[Key, Earlier]:
    """Return what our maker did in an earlier run; ValueError names a line that is not one of a run."""
    found: dict[Key, Earlier] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            said = json.loads(line)
            task, row = said["task"], said["row"]
            if task.get("maker", "ours") == "ours":
                key = str(said["case"]), int(task["seed"]), int(task["market"])
                found[key] = Earlier(float(row["pnl"]), int(row["shares"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a market of a run: {error!r}") from error
    return found


def paired(case: str, task: Task, rows: Sequence[Row], earlier: Mapping[Key, Earlier]) -> list[Figure]:
    """Return how a case differs from the earlier run of the same markets; nothing when it has none of them."""
    both = [(row, earlier[case, task.seed, row.market]) for row in rows if (case, task.seed, row.market) in earlier]
    if len(both) < 2:
        return []
    gain = mean([row.pnl - before.pnl for row, before in both])
    volume = sum(row.shares for row, _ in both) / max(1, sum(before.shares for _, before in both))
    found = [
        Figure(f"{case}: markets compared", len(both), "runs"),
        at_least(f"{case}: volume of the earlier", round(volume, 4), "of it", VOLUME_MIN),
        Figure(f"{case}: P&L of the earlier", round(mean([before.pnl for _, before in both]).value, 3), "$ per market"),
        Figure(f"{case}: P&L gained, paired", round(gain.value, 3), "$ per market"),
        Figure(f"{case}: P&L gained, paired, error", round(gain.error, 3), "$ per market"),
    ]
    if task.world == "regime":
        surely = gain.value - ERRORS * gain.error
        found.append(at_least(f"{case}: P&L gained less two errors", round(surely, 3), "$ per market", REGIME_GAIN_MIN))
    if task.world == "base" and task.rivals == NO_RIVALS:
        floor = gain.value + BASE_LOSS_ERRORS * gain.error
        found.append(at_least(f"{case}: P&L gained plus one error", round(floor, 3), "$ per market", 0.0))
    return found
