"""Thousands of five-minute markets in virtual time: our maker and the source's own sketch against the same takers.

The exchange's core matches and settles; ours is the pricer's and the quoter's core with nothing but their defaults,
which `--set section.field=value` changes. Prices move each 100 ms as a diffusion of 50 % a year, in half of the cases
with jumps on top (6 an hour of 0.15 %); our feed has them 50 ms later, orders and answers take 50 ms each. Nobody is
told the volatility: both makers estimate it from half an hour of prices before the market and from what follows.

Takers arrive at random, one in 2 s, with lognormal sizes (median 20, sigma 1.2). One who knows nothing chooses a side
at random and takes at the market, up to his size and to 0.99. An informed one knows the price that our feed will show
500 ms later and takes what is then mispriced by more than a cent, if anything is. Without `--fees`, which puts the
exchange's schedule in force, nobody pays anything. Nobody else quotes: nothing but takers can flatten a position.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from _session_market import Maker, Row, Task, run
from _session_ours import TIMER_MS, sections_with
from _session_plot import session_svg
from _session_report import compared, of_maker
from common.errors import ConfigError
from toolkit.bench import Figure

PROGRESS_S = 5.0
CHUNK = 4


def shares_of(text: str) -> list[float]:
    """Return shares of informed takers such as '0,0.1,0.4'."""
    shares = [float(part) for part in text.split(",")]
    if not all(0.0 <= share <= 1.0 for share in shares):
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return shares


def parsed(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench binary-session", description=__doc__)
    parser.add_argument("--markets", type=int, default=1_000, help="per case")
    parser.add_argument("--cases", type=shares_of, default=[0.0, 0.1, 0.2, 0.4], help="shares of informed takers")
    parser.add_argument("--jumps", choices=("both", "no", "yes"), default="both")
    parser.add_argument("--makers", choices=("both", "ours", "sketch"), default="both")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="of our bot")
    parser.add_argument("--fees", action="store_true", help="with the exchange's taker fee and maker rebate")
    parser.add_argument(
        "--timer-ms",
        type=int,
        default=TIMER_MS,
        help="of the quoter: live 50, which 100 agrees with; 400 is quicker and within a few per cent",
    )
    parser.add_argument("--plot", type=Path, default=Path("binary-session.svg"))
    parser.add_argument("--rows", type=Path, help="write what came of each market there, as lines of JSON")
    arguments = parser.parse_args(list(options))
    try:
        sections_with(arguments.set)
    except ConfigError as error:
        parser.error(f"--set: {error}")
    if min(arguments.markets, arguments.workers, arguments.timer_ms) < 1:
        parser.error("--markets, --workers and --timer-ms must be at least 1")
    return arguments


def tasks_of(arguments: argparse.Namespace) -> list[Task]:
    """Return every market to run, a whole case after the other."""
    kinds = {"both": (False, True), "no": (False,), "yes": (True,)}[arguments.jumps]
    makers: tuple[Maker, ...] = ("ours", "sketch") if arguments.makers == "both" else (arguments.makers,)
    return [
        Task(
            arguments.seed,
            market,
            informed,
            jumps,
            maker,
            tuple(arguments.set) if maker == "ours" else (),
            arguments.fees,
            arguments.timer_ms,
        )
        for jumps in kinds
        for informed in arguments.cases
        for maker in makers
        for market in range(arguments.markets)
    ]


def run_all(tasks: Sequence[Task], workers: int) -> list[Row]:
    """Run the tasks, each in a process of its own choice, and return their rows in the order of the tasks."""
    began = said = time.monotonic()
    rows = []
    if workers == 1:
        return [run(task) for task in tasks]
    with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
        for done, row in enumerate(pool.imap(run, tasks, CHUNK), 1):
            rows.append(row)
            if time.monotonic() - said > PROGRESS_S:
                said = time.monotonic()
                print(f"{done} of {len(tasks)} markets, {said - began:.0f} s", flush=True)
    return rows


def main(options: list[str]) -> list[Figure]:
    """Run the cases and return what both makers did, and the aims."""
    arguments = parsed(options)
    tasks = tasks_of(arguments)
    # One thread per worker: the arrays are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began = time.monotonic()
    rows = run_all(tasks, arguments.workers)
    took_s = time.monotonic() - began
    if arguments.rows:
        lines = [json.dumps({"task": asdict(task), "row": asdict(row)}) for task, row in zip(tasks, rows, strict=True)]
        arguments.rows.write_text("\n".join([*lines, ""]))
    informed_of: dict[str, float] = {}
    by_case: dict[str, dict[str, list[Row]]] = {}
    for task, row in zip(tasks, rows, strict=True):
        case = f"{'jumps' if task.jumps else 'no jumps'}, {100 * task.informed:g} % informed"
        informed_of[case] = task.informed
        by_case.setdefault(case, {}).setdefault(task.maker, []).append(row)
    arguments.plot.write_text(session_svg(by_case))
    print(f"profits and holdings drawn to {arguments.plot}")
    figures = []
    for case, found in by_case.items():
        if "ours" in found:
            figures += compared(case, informed_of[case], found["ours"], found.get("sketch", []))
        for maker, each in found.items():
            figures += of_maker(f"{case}, {maker}", each)
    figures.append(Figure("markets", len(tasks), "runs"))
    figures.append(Figure("real time per market", round(took_s * arguments.workers / len(tasks), 3), "core s"))
    return figures
