"""Many whole platforms in virtual time, each with faults drawn from its seed: how many checkers fire (aim: none).

Worlds: `whole` has bots of every kind at all venues, with hedgers of bots and of a currency, for 27 s; `shares` has
YES/NO markets alone, for 170 s. `--rows` writes what came of each seed as it ends, and with `--resume` an interrupted
run does not repeat it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from _runs import Runs
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import WORKERS_MAX, whole_number
from toolkit.simulation.scenario import Scenario, troubled, whole
from toolkit.simulation.world import run_scenario

WORLDS: Mapping[str, Callable[[int], Scenario]] = {"whole": whole, "shares": troubled}


@dataclass(frozen=True, slots=True)
class Task:
    """One run."""

    world: str
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    findings: list[str]
    """Empty where no checker fired; the scenario stands before them."""
    fills: int
    orders: int
    events: int
    virtual_s: float
    core_s: float


def run_seed(task: Task) -> Row:
    """Run one seed, in a worker process."""
    scenario, began = WORLDS[task.world](task.seed), time.process_time()
    drawn, outcome = str(scenario), run_scenario(scenario)
    findings = [] if outcome.good else [drawn, *outcome.findings.rows]
    if findings:
        print(f"{task.world} {drawn}", *outcome.findings.rows, sep="\n  ", flush=True)
    took_s = round(time.process_time() - began, 3)
    return Row(findings, outcome.fills, outcome.orders, outcome.events, scenario.end_s, took_s)


SEEDS = Runs(run_seed, Task, Row, lambda task: task.world, "seeds")


def main(options: list[str]) -> list[Figure]:
    """Run the seeds and return what the checkers found and how fast virtual time ran."""
    parser = argparse.ArgumentParser(prog="bench simulate", description=__doc__)
    parser.add_argument("--seeds", type=whole_number(), default=100, help="how many runs of each world")
    parser.add_argument("--first", type=whole_number(0), default=0, help="the first seed")
    parser.add_argument("--world", choices=tuple(WORLDS), action="append", help="may be given twice; without it both")
    parser.add_argument("--workers", type=whole_number(1, WORKERS_MAX), default=multiprocessing.cpu_count())
    parser.add_argument("--rows", type=Path, help="a line of JSON for each seed")
    parser.add_argument("--resume", action="store_true", help="keep what --rows holds and run what is missing there")
    arguments = parser.parse_args(options)
    if arguments.resume and arguments.rows is None:
        parser.error("--resume: goes on with the file that --rows names")
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    tasks = [Task(world, seed) for world in arguments.world or WORLDS for seed in seeds]
    try:
        rows, _ = SEEDS.run_or_take(tasks, arguments.workers, arguments.rows, resume=arguments.resume)
    except ValueError as error:
        parser.error(f"--resume: {error}")
    return [
        Figure("runs", len(rows), "seeds"),
        at_most("runs with findings", sum(bool(row.findings) for row in rows), "seeds", 0),
        Figure("fills", sum(row.fills for row in rows), "executions"),
        Figure("orders", sum(row.orders for row in rows), "orders"),
        Figure("virtual time", round(sum(row.virtual_s for row in rows) / 3600, 2), "h"),
        *(_seconds(world, tasks, rows) for world in arguments.world or WORLDS),
        Figure("events", sum(row.events for row in rows), "events"),
    ]


def _seconds(world: str, tasks: list[Task], rows: list[Row]) -> Figure:
    taken = [row.core_s for task, row in zip(tasks, rows, strict=True) if task.world == world]
    return Figure(f"core seconds a seed, {world}", round(sum(taken) / len(taken), 2), "s")
