"""What a book costs until its orders are answered: a spot bot's pricer and quoter in one process, on one core.

An update is a decoded book of 20 levels a side, of one of three venues; the bot has an FX leg and five sizes a side.
(a) changes no order: only sizes far behind are others. (b) moves every level of the book, so that the quotes are
replaced; each order's way to the venue's session and the reading of its answers count. The venue itself, the bus and
sockets do not. It is CPU time, not time by the clock.

Then 1 to 200 bots, each with a coin and books of its own, and as many updates for each. Where NautilusTrader installs,
it replaces a bid and an ask on every tick in a process of its own, its simulated venue included, beside ours with one
size a side.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _quote_cycle import SOURCES, Cost, QuoteCycle
from toolkit.checking.bench import Figure, at_least
from toolkit.checking.bench_options import whole_number
from toolkit.paths import ROOT

STILL_MIN, MOVING_MIN = 20_000, 1_500
GROWTH_MAX = 0.20
MANY = (1, 10, 50, 200)
UPDATES = 6_000
CYCLES = 4
"""How often each book comes at least."""
NAUTILUS_TICKS = 5_000
NAUTILUS = ROOT / ".tools" / "nautilus"
INSTALL_S, RUN_S = 600, 600
HERE = Path(__file__).parent


def parsed(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench quote-cycle", description=__doc__)
    parser.add_argument("--updates", type=whole_number(100), default=UPDATES, help="in a round")
    parser.add_argument("--rounds", type=whole_number(), default=3, help="of which the quickest counts")
    parser.add_argument("--no-nautilus", action="store_true", help="neither install nor run it")
    return parser.parse_args(list(options))


def best(cycle: QuoteCycle, arguments: argparse.Namespace, *, moving: bool) -> Cost:
    """Return the quickest of the rounds: others on the machine only ever add."""
    updates = max(arguments.updates, CYCLES * cycle.cycle)
    costs = [cycle.run(updates, moving=moving) for _ in range(arguments.rounds)]
    return min(costs, key=lambda cost: cost.us_each)


def of_one(cycle: QuoteCycle, arguments: argparse.Namespace) -> list[Figure]:
    """Return what an update of one bot takes, with its aims."""
    still, moving = best(cycle, arguments, moving=False), best(cycle, arguments, moving=True)
    found = [
        at_least("no order changed", round(still.per_s), "updates/s", STILL_MIN),
        at_least("every level moved", round(moving.per_s), "updates/s", MOVING_MIN),
        Figure("every level moved: orders replaced", round(moving.per_s * moving.orders / moving.updates), "orders/s"),
        Figure("every level moved: orders", round(moving.orders / moving.updates, 2), "per update"),
    ]
    for name, cost in (("no order changed", still), ("every level moved", moving)):
        found.append(Figure(f"{name}: pricer", round(cost.pricer_ns / cost.updates / 1_000, 1), "us CPU per update"))
        found.append(Figure(f"{name}: quoter", round(cost.quoter_ns / cost.updates / 1_000, 1), "us CPU per update"))
    return found


def of_many(arguments: argparse.Namespace) -> list[Figure]:
    """Return what an update takes with so many bots, and how far it is from what it takes with one."""
    found, alone = [], dict[bool, float]()
    for bots in MANY:
        cycle = QuoteCycle(bots)
        cycle.start()
        for moving, name in ((False, "no order changed"), (True, "every level moved")):
            cost = best(cycle, arguments, moving=moving)
            first = alone.setdefault(moving, cost.us_each)
            growth = cost.us_each / first - 1.0
            found.append(Figure(f"{bots} bots, {name}", round(cost.us_each, 1), "us CPU per update"))
            if bots > 1:
                met = abs(growth) <= GROWTH_MAX
                found.append(Figure(f"{bots} bots, {name}: more than one", round(growth, 3), "of it", "±0.2", met))
        print(f"{bots} bots done", flush=True)
    return found


def of_nautilus(arguments: argparse.Namespace) -> list[Figure]:
    """Return what NautilusTrader takes for the same orders, beside ours; says so where it does not install."""
    python = installed()
    if python is None:
        return [Figure("NautilusTrader", "not installed", "")]
    asked = [str(python), str(HERE / "_nautilus.py"), str(NAUTILUS_TICKS)]
    runs = [
        json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=RUN_S).stdout)  # noqa: S603  our own words
        for _ in range(arguments.rounds)
    ]
    theirs = min(runs, key=lambda run: float(run["cpu_s"]))
    cycle = QuoteCycle(1, "1", "5", SOURCES[:1])
    cycle.start()
    ours = best(cycle, arguments, moving=True)
    return beside(theirs, ours)


def beside(theirs: dict[str, Any], ours: Cost) -> list[Figure]:
    """Return what a tick takes in both, and how many orders it replaces."""
    ticks, their_orders = int(theirs["ticks"]), int(theirs["orders"])
    their_us = 1e6 * float(theirs["cpu_s"]) / ticks
    return [
        Figure(f"NautilusTrader {theirs['version']}", round(their_us, 1), "us CPU per tick"),
        Figure("NautilusTrader: orders", round(their_orders / ticks, 2), "per tick"),
        Figure("ours, one size a side", round(ours.us_each, 1), "us CPU per tick", "ahead", ours.us_each < their_us),
        Figure("ours, one size a side: orders", round(ours.orders / ours.updates, 2), "per tick"),
    ]


def installed() -> Path | None:
    """Return the interpreter of an environment of its own that has NautilusTrader, made where it is not there."""
    python = NAUTILUS / "bin" / "python"
    ask = [str(python), "-c", "import nautilus_trader"]
    if python.is_file() and subprocess.run(ask, check=False, capture_output=True).returncode == 0:  # noqa: S603  our own words
        return python
    print("installing NautilusTrader beside the project", flush=True)
    try:
        venv.create(NAUTILUS, with_pip=True, clear=True)
        subprocess.run(  # noqa: S603  our own words
            [str(python), "-m", "pip", "install", "--quiet", "nautilus_trader"],
            check=True,
            stdout=sys.stderr,
            timeout=INSTALL_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        print(f"NautilusTrader does not install: {error}", flush=True)
        return None
    return python


def main(options: list[str]) -> list[Figure]:
    """Measure one bot, many bots, and the other platform."""
    arguments = parsed(options)
    cycle = QuoteCycle(1)
    cycle.start()
    found = of_one(cycle, arguments)
    found += of_many(arguments)
    return found if arguments.no_nautilus else found + of_nautilus(arguments)
