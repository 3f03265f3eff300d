"""Thousands of five-minute markets in virtual time: our maker, and on request the source's own sketch beside it.

The exchange's core matches and settles; ours is the pricer's and the quoter's core with nothing but their defaults,
which `--set section.field=value` changes. Prices move each 100 ms as a diffusion of 50 % a year; our feed has them 50
ms later, orders and answers take 50 ms each. Nobody is told the volatility: makers estimate it from half an hour of
prices before the market and from what follows.

Takers arrive at random, one in 2 s, with lognormal sizes (median 20, sigma 1.2). One who knows nothing chooses a side
at random and takes at the market, up to his size and to 0.99. An informed one knows the price that our feed will show
500 ms later and takes what is then mispriced by more than a cent, if anything is. Without `--fees`, which puts the
exchange's schedule in force, nobody pays anything. Without rivals nobody else quotes: nothing but takers can flatten a
position.

Worlds: `base` as described; `regime` with 20 % volatility before the market and 100 % within it; `thin` with one taker
in 10 s; `one-sided` where 80 % of those who know nothing buy YES; `jumps` with 6 jumps an hour of 0.15 % on top.
Rivals: `1c` and `2c` put a maker beside ours who quotes that far around the true value, a moment late. Asked for
neither, it runs every world without rivals and the base world with both, 10 % informed: seven cases.

`--rows` writes what came of each market; `--against` compares with such a file, market by market, whatever code or
settings made it. Without it the cases are compared with what the bot did at commit f56519c, as far as that is stored.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from _session_market import NO_RIVALS, Maker, Row, Task, run
from _session_ours import TIMER_MS, sections_with
from _session_plot import session_svg
from _session_report import compared, of_maker
from _session_rival import HALF_SPREADS
from _session_rows import case_of, earlier_of, paired, write_rows
from _session_world import KINDS
from common.errors import ConfigError
from toolkit.bench import Figure

PROGRESS_S = 5.0
CHUNK = 4
BASELINE = Path(__file__).parent / "binary-session-f56519c.jsonl"
"""What the bot of that commit made of these markets (its cores, this benchmark, seed 1)."""
CASES = [*((world, NO_RIVALS) for world in KINDS), *(("base", rivals) for rivals in HALF_SPREADS)]
"""World and rivals of what is run when nothing is asked for."""


def shares_of(text: str) -> list[float]:
    """Return shares of informed takers such as '0,0.1,0.4'."""
    shares = [float(part) for part in text.split(",")]
    if not all(0.0 <= share <= 1.0 for share in shares):
        raise argparse.ArgumentTypeError("must lie between 0 and 1")
    return shares


def parsed(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench binary-session", description=__doc__)
    parser.add_argument("--markets", type=int, default=300, help="per case")
    parser.add_argument("--cases", type=shares_of, default=[0.1], help="shares of informed takers")
    parser.add_argument("--world", choices=tuple(KINDS), action="append", help="may be given several times")
    parser.add_argument("--rivals", choices=(NO_RIVALS, *HALF_SPREADS), action="append", help="likewise")
    parser.add_argument("--makers", choices=("both", "ours", "sketch"), default="ours")
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
    parser.add_argument("--against", type=Path, help="rows of an earlier run to compare with, market by market")
    arguments = parser.parse_args(list(options))
    try:
        sections_with(arguments.set)
    except ConfigError as error:
        parser.error(f"--set: {error}")
    if min(arguments.markets, arguments.workers, arguments.timer_ms) < 1:
        parser.error("--markets, --workers and --timer-ms must be at least 1")
    if arguments.against is not None and not arguments.against.is_file():
        parser.error(f"--against: {arguments.against} is not there")
    return arguments


def tasks_of(arguments: argparse.Namespace) -> list[Task]:
    """Return every market to run, a whole case after the other."""
    makers: tuple[Maker, ...] = ("ours", "sketch") if arguments.makers == "both" else (arguments.makers,)
    cases = CASES
    if arguments.world or arguments.rivals:
        cases = [
            (world, rivals) for rivals in arguments.rivals or (NO_RIVALS,) for world in arguments.world or ("base",)
        ]
    return [
        Task(
            arguments.seed,
            market,
            informed,
            world,
            rivals,
            maker,
            tuple(arguments.set) if maker == "ours" else (),
            arguments.fees,
            arguments.timer_ms,
        )
        for world, rivals in cases
        for informed in arguments.cases
        for maker in makers
        for market in range(arguments.markets)
    ]


def run_all(tasks: Sequence[Task], workers: int) -> list[Row]:
    """Run the tasks, each in a process of its own choice, and return their rows in the order of the tasks."""
    if workers == 1:
        return _told(map(run, tasks), len(tasks))
    with multiprocessing.get_context("spawn").Pool(min(workers, len(tasks))) as pool:
        return _told(pool.imap(run, tasks, CHUNK), len(tasks))


def _told(rows: Iterable[Row], of: int) -> list[Row]:
    """Take the rows as they come and say now and then how many there are."""
    began = said = time.monotonic()
    found = []
    for row in rows:
        found.append(row)
        if time.monotonic() - said > PROGRESS_S:
            said = time.monotonic()
            print(f"{len(found)} of {of} markets, {said - began:.0f} s", flush=True)
    return found


def main(options: list[str]) -> list[Figure]:
    """Run the cases and return what the makers did, and the aims."""
    arguments = parsed(options)
    tasks = tasks_of(arguments)
    # One thread per worker: the arrays are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    began = time.monotonic()
    rows = run_all(tasks, arguments.workers)
    took_s = time.monotonic() - began
    if arguments.rows:
        write_rows(arguments.rows, tasks, rows)
    # With fees nothing is as it was measured then.
    earlier = earlier_of(arguments.against or BASELINE) if arguments.against or not arguments.fees else {}
    by_case: dict[str, dict[str, list[Row]]] = {}
    first: dict[str, Task] = {}
    for task, row in zip(tasks, rows, strict=True):
        case = case_of(task)
        first.setdefault(case, task)
        by_case.setdefault(case, {}).setdefault(task.maker, []).append(row)
    arguments.plot.write_text(session_svg(by_case))
    print(f"profits and holdings drawn to {arguments.plot}")
    figures = []
    for case, found in by_case.items():
        if "ours" in found:
            figures += compared(case, first[case], found["ours"], found.get("sketch", []))
            figures += paired(case, first[case], found["ours"], earlier)
        for maker, each in found.items():
            figures += of_maker(f"{case}, {maker}", each)
    figures.append(Figure("markets", len(tasks), "runs"))
    figures.append(Figure("real time per market", round(took_s * arguments.workers / len(tasks), 3), "core s"))
    return figures
