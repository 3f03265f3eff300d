"""Bots of every kind at once at all venues, with hedgers and short troubles: whatever breaks, no checker fires."""

from __future__ import annotations

import pytest
from toolkit.simulation.scenario import whole
from toolkit.simulation.world import World, run_scenario

pytestmark = pytest.mark.timeout(900)

SEEDS = range(50)


def test_a_calm_run_quotes_and_hedges_with_every_kind_of_bot() -> None:
    scenario = whole(1)
    scenario.troubles = []
    world = World(scenario)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_with_trouble_finds_nothing(seed: int) -> None:
    scenario = whole(seed)
    drawn, outcome = str(scenario), run_scenario(scenario)
    assert outcome.good, [drawn, *outcome.findings.rows]
