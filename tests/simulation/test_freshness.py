"""Stale in, nothing out; quiet is not stale: the whole platform in virtual time, with the bounds of shipped bots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from toolkit.simulation import world as worlds
from toolkit.simulation.bus import Faults
from toolkit.simulation.scenario import Scenario, Trouble
from toolkit.simulation.world import NS_PER_S, START_NS, World

pytestmark = pytest.mark.timeout(900)

MS = 1_000_000
LOOK_MS = 5
FROM_S = 75.0
"""In the middle of a market's life."""
HOPS_S = 0.03
"""An order on its way when the bound is reached still arrives."""


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bot have the age limits that bots have by default."""
    honest = worlds.bot_sections

    def sections(market_s: int) -> dict[str, Any]:
        found = honest(market_s)
        del found["pricing"]["max_source_age_ms"]
        return found

    monkeypatch.setattr(worlds, "bot_sections", sections)
    monkeypatch.setattr(worlds, "MAX_PRICE_AGE_MS", 1_000)


def each_moment(world: World, look: Callable[[float], None]) -> None:
    def again() -> None:
        look((world.schedule.now_ns - START_NS) / NS_PER_S)
        world.schedule.after(LOOK_MS * MS, again)

    world.schedule.after(LOOK_MS * MS, again)


class Resting:
    """What rested at the venue, moment by moment, and when the newest orders came."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.counts: list[tuple[float, int]] = []
        self.placed: list[float] = []
        each_moment(world, self._look)

    def _look(self, second: float) -> None:
        self.counts.append((second, len(self.world.account.open_orders)))
        seen = self.world.watch.orders_seen
        self.placed += [second] * (seen - len(self.placed))

    def between(self, from_s: float, to_s: float) -> list[int]:
        return [count for second, count in self.counts if from_s < second < to_s]

    def placed_between(self, from_s: float, to_s: float) -> list[float]:
        return [second for second in self.placed if from_s < second < to_s]


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("kill", FROM_S, 8.0, "feed"),
        Trouble("prices_and_rest", FROM_S, 8.0),
        Trouble("prices", FROM_S, 8.0),
    ],
    ids=["the feed is frozen", "the price source is frozen", "its streams are frozen"],
)
def test_r74_without_fresh_prices_nothing_new_after_a_second_and_nothing_rests_after_one_and_a_half(
    trouble: Trouble,
) -> None:
    world = World(Scenario(1, troubles=[trouble], calm_s=100.0, end_s=130.0))
    resting = Resting(world)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    end_s = FROM_S + trouble.for_s
    assert min(resting.between(FROM_S - 1, FROM_S)) > 0, "there was nothing to pull"
    assert resting.placed_between(FROM_S + 1.0 + HOPS_S, end_s) == []
    assert set(resting.between(FROM_S + 1.5, end_s)) == {0}
    assert resting.placed_between(end_s, 130.0), "it did not come back"


class AheadOfUs:
    """The exchange with a clock of its own, so far from everybody else's."""

    def __init__(self, venue: Any, offset_ns: int) -> None:
        self._venue, self._offset_ns = venue, offset_ns

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._venue, name)
        if name == "next_timer_ns":
            return lambda: found() - self._offset_ns
        if not name.startswith("on_") or name == "on_ahead":
            return found
        return lambda *arguments: found(*arguments[:-1], arguments[-1] + self._offset_ns)


def test_r75_at_a_venue_whose_clock_is_off_nothing_is_ever_quoted() -> None:
    world = World(Scenario(1, calm_s=60.0, end_s=70.0))
    world.network.venue = AheadOfUs(world.venue, 10 * NS_PER_S)
    outcome = world.run()
    assert (outcome.orders, outcome.fills) == (0, 0)
    assert outcome.findings.kinds.keys() <= {"idle", "halted"}, outcome.findings.rows


@pytest.mark.parametrize(
    "faults", [Faults(), Faults(slow=0.3, slow_ms=300)], ids=["on a quiet machine", "on a machine at a load of four"]
)
def test_r74_a_quiet_symbol_of_a_living_venue_is_quoted_for_ten_minutes(faults: Faults) -> None:
    quiet_s, from_s = 600.0, 70.0
    world = World(Scenario(1, faults=faults, volatility=0.05, calm_s=100.0, end_s=from_s + quiet_s))
    resting = Resting(world)

    def fall_quiet() -> None:
        world.network.prices_move = False

    world._at(from_s, fall_quiet)
    world.run()
    # Every minute a market ends, is reduced before and followed by the next one: between them nothing may rest.
    inner = [
        count
        for second, count in resting.counts
        if from_s < second < from_s + quiet_s and 12.0 < second % world.scenario.market_s < 40.0
    ]
    assert sum(count > 0 for count in inner) / len(inner) > 0.97
