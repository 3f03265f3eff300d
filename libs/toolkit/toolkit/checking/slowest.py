"""For pytest: what each file of tests took, so that growth is seen before a run gets too long.

Loaded by `./mm test`, which names the slowest files of all its steps at its end.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

OPTION = "--file-seconds"
SHOWN_MAX = 10


class Plugin:
    """Adds up what the tests of each file took, their fixtures included."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        self._kept.write_text(json.dumps(self._seconds))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=Path, metavar="FILE", help="write what each file of tests took, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    kept = config.getoption(OPTION)
    # Under xdist every worker's reports reach the one that started it.
    if kept is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Plugin(kept), "slowest")


def slowest(kept: Iterable[Path]) -> list[str]:
    """Return the slowest files of some runs, one a line; a run that was broken off has kept nothing."""
    seconds = {name: took_s for path in kept if path.exists() for name, took_s in json.loads(path.read_text()).items()}
    ranked = sorted(seconds, key=lambda name: (-seconds[name], name))[:SHOWN_MAX]
    return [f"{seconds[name]:6.0f} s  {name}" for name in ranked]
