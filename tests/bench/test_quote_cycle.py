"""The quote cycle measures what it says: books that change nothing, books that move everything, answers included."""

from __future__ import annotations

import pytest
from _quote_cycle import SIZES, SOURCES, Cost, QuoteCycle
from quote_cycle import beside, parsed

LEVELS = len(SIZES.split())


@pytest.fixture(scope="module")
def cycle() -> QuoteCycle:
    """Return two bots that quote."""
    found = QuoteCycle(2)
    found.start()
    return found


def test_every_bot_quotes_all_its_sizes_on_both_sides(cycle: QuoteCycle) -> None:
    orders = cycle.quoter.core.trader.orders
    for config in ("1", "2"):
        assert len(orders.of(config, f"C00{int(config) - 1}/USD")) == 2 * LEVELS


def test_what_changes_far_behind_the_quotes_sends_nothing(cycle: QuoteCycle) -> None:
    cycle.run(cycle.cycle, moving=False)
    cost = cycle.run(cycle.cycle, moving=False)
    assert (cost.updates, cost.orders) == (cycle.cycle, 0)
    assert cost.pricer_ns > 0


def test_books_that_move_replace_most_quotes_and_the_venue_answers(cycle: QuoteCycle) -> None:
    heard = len(cycle.quoter.heard)
    cost = cycle.run(cycle.cycle, moving=True)
    assert cost.orders / cost.updates > LEVELS
    assert len(cycle.quoter.heard) > heard
    assert not cycle.quoter.core.trader.rejections


def test_with_one_source_and_one_size_each_book_replaces_a_bid_and_an_ask() -> None:
    cycle = QuoteCycle(1, "1", "5", SOURCES[:1])
    cycle.start()
    cycle.run(cycle.cycle, moving=True)
    cost = cycle.run(cycle.cycle, moving=True)
    assert cost.orders == 2 * cost.updates


def test_a_cost_is_of_both_cores_and_theirs_stands_beside_it() -> None:
    cost = Cost(updates=100, pricer_ns=10_000_000, quoter_ns=30_000_000, orders=200)
    assert (cost.us_each, cost.per_s) == (400.0, 2_500.0)
    figures = beside({"version": "1", "ticks": 1_000, "orders": 2_000, "cpu_s": 0.5}, cost)
    assert [figure.value for figure in figures] == [500.0, 2.0, 400.0, 2.0]
    assert figures[2].met


def test_what_is_measured_can_be_said() -> None:
    found = parsed(["--updates", "500", "--rounds", "2", "--no-nautilus"])
    assert (found.updates, found.rounds, found.no_nautilus) == (500, 2, True)
