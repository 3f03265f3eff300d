"""CPU of a quote cycle: a book of 20 levels a side to the orders that follow from it, pricer's and quoter's cores.

A bot has three source venues, an FX leg and five sizes a side. An update that moves every level replaces ten orders,
the venue's answers included. Books are decoded already, prices are handed over as they are. Every figure is that of the
fastest round, since other load on the machine only slows it down.
"""

from __future__ import annotations

import argparse

from _core_run import calm_collector
from _quote_cycle import LEVELS, Costs, CycleRun
from toolkit.checking.bench import Figure, at_least, at_most
from toolkit.checking.bench_options import whole_number

STILL_MIN_PER_S = 20_000
MOVING_MIN_PER_S = 1_500
APART_MAX_PERCENT = 20.0
BOTS = (1, 10, 50, 200)
WIDE = "5"
"""Change in bps within which an order stays."""


def main(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="./mm bench quote-cycle", description=__doc__)
    parser.add_argument("--updates", type=whole_number(100, 1_000_000), default=2_000)
    parser.add_argument("--rounds", type=whole_number(1, 20), default=3)
    parser.add_argument("--bots", type=_counts, default=BOTS, help="how many at once, e.g. 1,50")
    arguments = parser.parse_args(options)
    figures: list[Figure] = []
    with calm_collector():
        deep = _best(1, None, 5 * arguments.updates, arguments.rounds, deep=True)
        still = _best(1, WIDE, 5 * arguments.updates, arguments.rounds)
        moved = _best(1, None, arguments.updates, arguments.rounds)
        figures += _figures("no price changed", deep, STILL_MIN_PER_S)
        figures += _figures("all prices and no order changed", still, STILL_MIN_PER_S)
        figures += _figures(f"{LEVELS} levels moved on both sides", moved, MOVING_MIN_PER_S)
        assert moved.orders > 9 * moved.updates, f"{moved.orders} orders of {moved.updates} updates"
        assert still.orders < still.updates / 100, f"{still.orders} orders of {still.updates} updates"
        bare = _bare_us(arguments.updates)
        figures.append(Figure("bare reading and writing of a move", bare, "us"))
        figures.append(Figure("quoter to bare", moved.quoter_ns / moved.updates / 1e3 / bare, "times"))
        figures.append(Figure("orders replaced", moved.orders / moved.updates * moved.per_s, "1/s"))
        for moving in (False, True):
            costs = {}
            for bots in arguments.bots:
                count = max(24, arguments.updates // bots)
                costs[bots] = _best(bots, None if moving else WIDE, count, arguments.rounds).us_each / bots
            figures += _growth("moving" if moving else "still", costs)
    return figures


def _counts(text: str) -> tuple[int, ...]:
    return tuple(whole_number(1, BOTS[-1])(part) for part in text.split(","))


def _bare_us(count: int) -> float:
    run = CycleRun(1, None)
    run.measured(count, deep=False)
    return min(run.bare_ns() for _ in range(3)) / count / 1e3


def _best(bots: int, change: str | None, count: int, rounds: int, *, deep: bool = False) -> Costs:
    run = CycleRun(bots, change)
    found = min((run.measured(count, deep=deep) for _ in range(rounds)), key=lambda each: each.us_each)
    what = "no price changed" if deep else "no order changed" if change else "all orders moved"
    print(
        f"{bots} bots, {what}: {found.us_each / bots:.1f} us a bot, pricer {found.pricer_ns / count / bots / 1e3:.1f},"
        f" quoter {found.quoter_ns / count / bots / 1e3:.1f}",
        flush=True,
    )
    return found


def _figures(name: str, found: Costs, least_per_s: float) -> list[Figure]:
    return [
        at_least(f"{name}: updates", found.per_s, "1/s", least_per_s),
        Figure(f"{name}: pricer", found.pricer_ns / found.updates / 1e3, "us"),
        Figure(f"{name}: quoter", found.quoter_ns / found.updates / 1e3, "us"),
    ]


def _growth(name: str, costs: dict[int, float]) -> list[Figure]:
    """Return the cost per bot by their number, and how far it is from that of one."""
    first = next(iter(costs.values()))
    apart = max(abs(each / first - 1.0) * 100.0 for each in costs.values())
    return [
        *(Figure(f"{name}: a bot of {bots}", each, "us") for bots, each in costs.items()),
        at_most(f"{name}: cost per bot from the fewest", apart, "%", APART_MAX_PERCENT),
    ]
