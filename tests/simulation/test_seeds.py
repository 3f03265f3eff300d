"""Whole platforms in virtual time: calm and troubled seeds find nothing, and one seed gives one history."""

from __future__ import annotations

import pytest
from toolkit.simulation.scenario import calm, troubled
from toolkit.simulation.world import run_scenario

from tests.simulation.histories import history

SEEDS = 50
RUN = """
from toolkit.simulation.scenario import troubled
from toolkit.simulation.world import run_scenario
print(run_scenario(troubled(7)).history)
"""


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
    assert len({history(RUN, hash_seed) for hash_seed in (0, 1, 4711)}) == 1
