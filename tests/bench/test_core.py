"""The benchmark of the quoter's core: what it hands in does what it says, and its figures are those promised."""

from __future__ import annotations

from pathlib import Path

import core
from _core_plot import cost_svg
from _core_run import LEVELS, CoreRun


def test_a_short_run_gives_every_figure_and_its_plot(tmp_path: Path) -> None:
    plot = tmp_path / "core.svg"
    figures = core.main(["--ticks", "20", "--rounds", "1", "--markets", "1,3", "--plot", str(plot)])
    by_name = {figure.name: figure for figure in figures}
    assert by_name["no order changed: core"].aim == "≥ 25000"
    assert by_name["3 levels moved on both sides: core"].aim == "≥ 2500"
    assert by_name["a market's cost, furthest from the middle"].aim == "≤ 20"
    assert by_name["orders per fair value that moves all"].value == 2 * LEVELS
    assert all(float(figure.value) > 0 for figure in figures)
    assert plot.read_text().startswith("<svg")


def test_the_venue_answers_what_the_core_sends_and_the_core_reads_it() -> None:
    run = CoreRun(2)
    run.start()
    placed = {order.order_id for order in run.core.trader.orders.living()}
    run.on_fairs(core.WALK[0])
    orders = list(run.core.trader.orders.living())
    assert placed.isdisjoint(order.order_id for order in orders)
    assert {order.state.value for order in orders} == {"live"}
    assert len(orders) == 2 * 2 * LEVELS
    assert run.cpu_ns > 0


def test_the_fair_values_that_change_nothing_change_nothing() -> None:
    run = CoreRun(1)
    run.start()
    sent, passes = run.orders_sent, run.passes
    for value in core.STEADY:
        run.on_fairs(value)
    assert run.orders_sent == sent
    assert run.passes == passes + len(core.STEADY)


def test_one_market_alone_can_be_drawn() -> None:
    assert "1.5" in cost_svg({1: 1.5})
