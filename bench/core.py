"""CPU cost of the quoter's core, alone in one process: fair values, the venue's answers, timers; many markets.

The clock is virtual and the venue a stub that answers at once, in frames as the Degen Terminal sends them; the stub,
the bus and the sockets are not counted. A bare loop over the same inputs runs before each: for a fair value that
changes no order it does nothing, for one that moves three levels on both sides it writes the batch and reads the
answers. Every figure is the fastest of the rounds, since other load on the machine only slows it down.

For the cost of many markets each has 20 fair values a second that move all its orders, those of one price together,
and its share of the timers in between.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import msgspec
from _bare_pipeline import FIRST_ID, cancel, place
from _core_plot import cost_svg
from _core_run import LEVELS, CoreRun, calm_collector
from common.core import Receipt
from quoter.service import TIMER_MS
from toolkit.checking.bench import Figure, at_least, at_most
from toolkit.checking.bench_options import whole_number

STILL_MIN_PER_S = 25_000
MOVING_MIN_PER_S = 2_500
APART_MAX_PERCENT = 20.0
MARKETS = (1, 10, 50, 200)
MARKETS_MAX = 500
STEADY = (0.50125, 0.50135, 0.50145, 0.50155)
"""Fair values of one quote. No rounding is near."""
WALK = (0.46125, 0.50125, 0.54125, 0.50125)
"""Fair values further apart than a ladder is deep, so that no order keeps its place; no bid meets an offer."""
PER_TIMER = 50
"""Fair values between two timers: 1,000 a second."""
TIMERS_PER_S = 1_000 // TIMER_MS
ROUNDS = 3
TICKS = 1_500


class Cost(NamedTuple):
    """What so many fair values took."""

    ticks: int
    cpu_ns: int
    timer_ns: int = 0
    """CPU of one timer beside them."""
    passes: int = 0
    orders: int = 0
    messages: int = 0

    @property
    def per_s(self) -> float:
        return self.ticks * 1e9 / self.cpu_ns


def main(options: list[str]) -> list[Figure]:
    arguments = parsed(options)
    with calm_collector():
        still = [measure_still(10 * arguments.ticks) for _ in range(arguments.rounds)]
        print(f"no order changed: {quickest(still).per_s:,.0f}/s of CPU", flush=True)
        moving = [measure_moving(arguments.ticks) for _ in range(arguments.rounds)]
        print(f"all orders moved: {min(each.cpu_ns for each, _ in moving) / arguments.ticks / 1e3:,.0f} us", flush=True)
        still_floor = min(bare_still(10 * arguments.ticks) for _ in range(arguments.rounds))
        costs_ms: dict[int, float] = {}
        for markets in arguments.markets:
            costs_ms[markets] = min(measure_markets(markets) for _ in range(arguments.rounds))
            print(f"{markets} markets: {costs_ms[markets]:.2f} ms per market and second", flush=True)
    if arguments.plot:
        arguments.plot.write_text(cost_svg(costs_ms))
        print(f"cost per market drawn to {arguments.plot}")
    moved = quickest([each for each, _ in moving])
    moving_floor = Cost(arguments.ticks, min(floor_ns for _, floor_ns in moving))
    return [
        *_figures("no order changed", quickest(still), Cost(10 * arguments.ticks, still_floor), STILL_MIN_PER_S),
        *_figures(f"{LEVELS} levels moved on both sides", moved, moving_floor, MOVING_MIN_PER_S),
        Figure("passes per fair value that moves all", round(moved.passes / moved.ticks, 2), "passes"),
        Figure("orders per fair value that moves all", round(moved.orders / moved.ticks, 2), "orders"),
        Figure("messages per fair value that moves all", round(moved.messages / moved.ticks, 2), "in and out"),
        *_of_markets(costs_ms),
    ]


def parsed(options: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mm bench core", description=__doc__)
    parser.add_argument("--ticks", type=whole_number(), default=TICKS, help="fair values that move orders, per round")
    parser.add_argument("--rounds", type=whole_number(), default=ROUNDS)
    parser.add_argument("--markets", type=_counts, default=MARKETS, help="how many at once, e.g. 1,200")
    parser.add_argument("--plot", type=Path, help="draw the cost per market there, as an SVG")
    return parser.parse_args(options)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(whole_number(1, MARKETS_MAX)(part) for part in text.split(","))


def quickest(rounds: list[Cost]) -> Cost:
    return min(rounds, key=lambda each: each.cpu_ns)


def measure_still(ticks: int) -> Cost:
    """Hand in fair values of one market, a turn for each, that all make the same quote."""
    run = CoreRun(1)
    run.start()
    cpu_ns, timer_ns, timers, orders = 0, 0, 0, run.orders_sent
    for first in range(0, ticks, PER_TIMER):
        bursts = [run.fairs(STEADY[number % len(STEADY)]) for number in range(first, min(ticks, first + PER_TIMER))]
        before_ns = run.cpu_ns
        run.take_turns(bursts)
        cpu_ns += run.cpu_ns - before_ns
        before_ns = run.cpu_ns
        run.on_timer()
        timer_ns, timers = timer_ns + run.cpu_ns - before_ns, timers + 1
    assert run.orders_sent == orders, "no order was to change"
    return Cost(ticks, cpu_ns, timer_ns // timers)


def measure_moving(ticks: int) -> tuple[Cost, int]:
    """Hand in fair values of one market that move all its orders; return what that and the bare loop took."""
    run = CoreRun(1)
    run.start()
    cpu_ns, timer_ns, passes, messages, orders = 0, 0, 0, 0, run.orders_sent
    heard: list[list[bytes]] = []
    for number in range(ticks):
        before = run.cpu_ns, run.passes, run.messages
        run.on_fairs(WALK[number % len(WALK)])
        cpu_ns, passes = cpu_ns + run.cpu_ns - before[0], passes + run.passes - before[1]
        messages += run.messages - before[2]
        if number % PER_TIMER == 0:
            # What the core heard, kept before the timer's own answers come.
            heard += run.heard
            before_ns = run.cpu_ns
            run.on_timer()
            timer_ns = run.cpu_ns - before_ns
            run.heard.clear()
    assert run.orders_sent - orders == 2 * LEVELS * ticks, "each fair value was to move every order"
    cost = Cost(ticks, cpu_ns, timer_ns, passes, run.orders_sent - orders, messages)
    return cost, bare_moving(ticks, heard + run.heard, run.symbols[0])


def measure_markets(markets: int) -> float:
    """Return the CPU of one second of a market in ms, when there are so many of them."""
    run = CoreRun(markets)
    run.start()
    seconds = max(1, 2 * TIMERS_PER_S // markets)
    for number in range(seconds * TIMERS_PER_S):
        run.on_fairs(WALK[number % len(WALK)])
        run.on_timer()
    return run.cpu_ns / 1e6 / markets / seconds


def bare_still(ticks: int) -> int:
    """Return the CPU of handing the same fair values to nobody, in ns."""
    run = CoreRun(1)
    run.core.on_fair = lambda fair, receipt: ()  # type: ignore[method-assign]
    cpu_ns = 0
    for first in range(0, ticks, PER_TIMER):
        bursts = [run.fairs(STEADY[number % len(STEADY)]) for number in range(first, min(ticks, first + PER_TIMER))]
        began_ns = time.process_time_ns()
        for burst in bursts:
            for handler in burst:
                list(handler(Receipt(run.now_ns)))
        cpu_ns += time.process_time_ns() - began_ns
    return cpu_ns


def bare_moving(ticks: int, heard: list[list[bytes]], symbol: str) -> int:
    """Return the CPU of writing a batch for each fair value and reading the frames that came, in ns."""
    newest, answers = FIRST_ID, iter(heard)
    began_ns = time.process_time_ns()
    for _ in range(ticks):
        items = [cancel(newest - place) for place in range(2 * LEVELS)]
        for level in range(LEVELS):
            newest += 2
            items += [place(newest - 1, symbol, "yes", 40 - level), place(newest, symbol, "no", 40 - level)]
        f'{{"op":"batch","id":{newest - FIRST_ID},"items":[{",".join(items)}]}}'.encode()
        for frame in next(answers, ()):
            msgspec.json.decode(frame)
    return time.process_time_ns() - began_ns


def _figures(name: str, cost: Cost, floor: Cost, least_per_s: float) -> list[Figure]:
    return [
        Figure(f"{name}: bare loop", round(floor.per_s), "fair values/s of CPU"),
        at_least(f"{name}: core", round(cost.per_s), "fair values/s of CPU", least_per_s),
        Figure(f"{name}: ratio to the bare loop", round(floor.per_s / cost.per_s, 1), "×"),
        Figure(f"{name}: timer beside them", round(cost.timer_ns / 1e3), "µs each"),
    ]


def _of_markets(costs_ms: dict[int, float]) -> list[Figure]:
    """Return the cost per market for each number of markets, and how far the furthest is from the middle one."""
    found = [
        Figure(f"a market among {markets}", round(cost, 3), "ms of CPU per s") for markets, cost in costs_ms.items()
    ]
    middle = median(costs_ms.values())
    apart = max(abs(cost / middle - 1.0) for cost in costs_ms.values()) * 100
    return [*found, at_most("a market's cost, furthest from the middle", round(apart, 1), "%", APART_MAX_PERCENT)]
