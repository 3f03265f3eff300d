"""The quote cycle measures what it says: books that change nothing, books that move everything, answers included."""

from __future__ import annotations

import pytest
from _quote_cycle import LEVELS, Costs, CycleRun
from quote_cycle import WIDE, beside, main


@pytest.mark.parametrize(("change", "deep"), [(None, True), (WIDE, False)])
def test_what_changes_far_behind_or_within_the_tolerance_replaces_nothing(change: str | None, *, deep: bool) -> None:
    run = CycleRun(2, change)
    run.measured(24, deep=deep)
    cost = run.measured(24, deep=deep)
    assert (cost.updates, cost.orders) == (24, 0)
    assert cost.pricer_ns > 0


def test_books_that_move_replace_all_quotes_and_the_venue_answers() -> None:
    run = CycleRun(1, None)
    cost = run.measured(24, deep=False)
    assert cost.orders > 0.9 * 2 * LEVELS * cost.updates
    assert not run.core.trader.rejections


def test_with_one_size_each_book_replaces_a_bid_and_an_ask() -> None:
    run = CycleRun(1, None, "1", "5")
    run.measured(12, deep=False)
    cost = run.measured(24, deep=False)
    assert cost.orders == pytest.approx(2 * cost.updates, abs=2)


def test_a_cost_is_of_both_cores_and_theirs_stands_beside_it() -> None:
    cost = Costs(updates=100, pricer_ns=10_000_000, quoter_ns=30_000_000, orders=200)
    assert (cost.us_each, cost.per_s) == (400.0, 2_500.0)
    figures = beside({"version": "1", "ticks": 1_000, "orders": 2_000, "cpu_s": 0.5}, cost)
    assert [figure.value for figure in figures] == [500.0, 2.0, 400.0, 2.0]
    assert figures[2].met


def test_the_command_measures_one_bot_and_several_and_the_bare_path() -> None:
    figures = {
        each.name: each for each in main(["--updates", "100", "--rounds", "1", "--bots", "1,2", "--no-nautilus"])
    }
    assert float(figures["no price changed: updates"].value) > 0
    assert float(figures["quoter to bare"].value) > 1.0
    assert "moving: a bot of 2" in figures
