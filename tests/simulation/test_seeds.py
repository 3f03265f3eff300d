"""Whole platforms in virtual time: calm and troubled seeds find nothing, and one seed gives one history."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pytest
from toolkit.simulation.bus import Faults
from toolkit.simulation.scenario import KILLABLE, VENUE_FAULTS, Scenario, Trouble, calm, troubled, whole
from toolkit.simulation.world import World, run_scenario

from tests.simulation.histories import history

pytestmark = pytest.mark.timeout(900)

WHOLE_SEEDS = range(50)
"""Short runs of bots of every kind at all venues."""
SEEDS = (0, 1, 3, 7, 8, 14, 15, 19, 21, 42, 47)
"""Long runs of YES/NO markets alone: with the short ones, most troubles meet that meet in the first fifty of these."""
PAIRS_MIN = 170
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


def kind_of(trouble: Trouble) -> tuple[str, str]:
    """Return what a trouble is, at whichever venue it happens: all of them run the same code."""
    if trouble.kind == "named_fault":
        return "venue_fault", trouble.target.partition("/")[2]
    return ("cut_venue", "") if trouble.kind == "cut_named" else (trouble.kind, trouble.target)


@pytest.mark.parametrize("draw", [troubled, whole])
def test_the_seeds_have_every_trouble(draw: Callable[[int], Scenario]) -> None:
    seeds = SEEDS if draw is troubled else WHOLE_SEEDS
    met = {kind_of(trouble) for seed in seeds for trouble in draw(seed).troubles}
    assert {target for kind, target in met if kind == "kill"} == set(KILLABLE)
    assert {target for kind, target in met if kind == "venue_fault"} == set(VENUE_FAULTS)
    assert {target for kind, target in met if kind == "clock"} == (set(KILLABLE) if draw is whole else set())
    assert {kind for kind, target in met if not target} == {
        "broker", "store", "prices", "prices_and_rest", "cut_venue", "cut_prices"
    }  # fmt: skip


def test_most_pairs_of_troubles_meet_in_some_seed() -> None:
    scenarios = [*map(troubled, SEEDS), *map(whole, WHOLE_SEEDS)]
    runs = [{kind_of(trouble) for trouble in scenario.troubles} for scenario in scenarios]
    pairs = {frozenset(pair) for troubles in runs for pair in combinations(sorted(troubles), 2)}
    assert len(pairs) >= PAIRS_MIN, "choose seeds anew: count the pairs of more of them"


def test_a_calm_run_of_every_kind_quotes_hedges_and_agrees() -> None:
    scenario = whole(1)
    scenario.troubles, scenario.faults = [], Faults()
    world = World(scenario)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    watch = world.named.hedges
    assert watch is not None
    assert watch.said and watch.told and world.hedged > 0
    assert all(each.judged > 50 for each in world.named.watches), "prices were compared"


@pytest.mark.parametrize("seed", WHOLE_SEEDS)
def test_a_seed_with_trouble_and_bots_of_every_kind_finds_nothing(seed: int) -> None:
    scenario = whole(seed)
    drawn, outcome = str(scenario), run_scenario(scenario)
    assert outcome.good, [drawn, *outcome.findings.rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_with_trouble_finds_nothing(seed: int) -> None:
    scenario = troubled(seed)
    drawn, outcome = str(scenario), run_scenario(scenario)
    assert outcome.good, [drawn, *outcome.findings.rows]


def test_one_seed_gives_one_history_under_two_hash_seeds() -> None:
    assert len({history(RUN, hash_seed) for hash_seed in (0, 1, 4711)}) == 1
