"""Whole platforms with another maker to take from: what is left near the end is crossed, and every fill is booked."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from common.events import Fill, Liquidity, decode
from common.instruments import Outcome
from toolkit.simulation.scenario import Scenario, calm, troubled
from toolkit.simulation.world import World

pytestmark = pytest.mark.timeout(900)


def fills_of(scenario: Scenario) -> list[Fill]:
    """Run a scenario that must find nothing wrong; return everything that was filled."""
    world = World(scenario)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    return [decode(Fill, message.data) for message in world.bus.stored("fill.trade.>")]


def left_at_the_end(fills: list[Fill]) -> Counter[str]:
    """Return the shares of net position that each market settled with, long YES above 0."""
    net: Counter[str] = Counter()
    for fill in fills:
        lots = fill.side.sign * fill.quantity_lots
        net[fill.symbol] += -lots if fill.outcome is Outcome.NO else lots
    return net


def test_a5_with_somebody_to_take_from_what_is_left_near_the_end_is_taken() -> None:
    alone, rivalled = fills_of(calm(1)), fills_of(replace(calm(1), rival=True))
    assert not [fill for fill in alone if fill.liquidity is Liquidity.TAKER]
    assert [fill for fill in rivalled if fill.liquidity is Liquidity.TAKER]
    left = left_at_the_end(rivalled)
    assert len(left) == 6
    assert max(abs(net) for net in left.values()) <= 20


@pytest.mark.parametrize("seed", [4, 6, 7])
def test_orders_that_take_are_booked_to_the_last_digit_through_trouble_too(seed: int) -> None:
    fills = fills_of(replace(troubled(seed), rival=True))
    assert [fill for fill in fills if fill.liquidity is Liquidity.TAKER]
