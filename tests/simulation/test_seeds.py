"""Whole platforms in virtual time: calm and troubled seeds find nothing, and one seed gives one history."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from toolkit.simulation.scenario import calm, troubled
from toolkit.simulation.world import run_scenario

SEEDS = 50


def test_a_calm_run_quotes_fills_settles_and_agrees() -> None:
    outcome = run_scenario(calm(1))
    assert outcome.good, outcome.findings.rows
    assert outcome.fills > 10
    assert outcome.two_sided_s is not None


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_seed_with_trouble_finds_nothing(seed: int) -> None:
    scenario = troubled(seed)
    outcome = run_scenario(scenario)
    assert outcome.good, [str(scenario), *outcome.findings.rows]


def test_one_seed_gives_one_history_under_two_hash_seeds() -> None:
    histories = {_history(hash_seed) for hash_seed in ("0", "1", "4711")}
    assert len(histories) == 1


def _history(hash_seed: str) -> str:
    code = (
        "from toolkit.simulation.scenario import troubled; from toolkit.simulation.world import run_scenario;"
        "print(run_scenario(troubled(7)).history)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.strip()
