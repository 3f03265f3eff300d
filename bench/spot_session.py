"""Hours of spot market making in virtual time: our spot bot with each way to hedge, and the fixed bot beside it.

A coin is quoted for yen at the target; its source price and its hedges are at a venue for dollars, and the yen of a
dollar moves too. Both venues are the exchange's own matching. What the coin costs moves each 250 ms, as a diffusion of
50 % a year with 100 jumps an hour of 5 bps, which is what the recorded minutes look like; the dollar moves 10 % a year.
Our feed has both 50 ms later, orders and their answers take 50 ms each.

Customers of the target come at random; of those who know nothing the number falls off with the distance from the true
price as it does in the recording, but half as many come and go eight times as far, since the target is a thinner
market. Sizes are those of the recording from 0.001 to 0.5 coins. An informed one knows the price 500 ms ahead and takes
what will be worth half a basis point more than it costs. A rival quotes 0.3 coins 6 bps from what was true 0.3 to 0.6 s
ago. Fees: nothing for quotes at the target and 1 bp for who takes there; 1 bp for hedges that rest, 2 for those that
take. A currency hedger brings dollars back in the same way, for 0.1 or 0.2 bps. The hedge venue shows ten levels a side
from 0.3 bps on, 0.3 coins in the first; what is taken comes back in seconds.

The spot bot and the fixed bot quote the same size at the same distance; the fixed bot takes its middle from what others
show at the target and does not hedge. Cases are the ways to hedge times the shares of informed customers. Profit is
divided into spread, slippage of hedges, inventory, fees and the dollar, which add up to what the accounts have gained.

`--rows` writes what came of each hour as it ends, and with `--resume` an interrupted run does not repeat it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

from _runs import Runs
from _spot_flow import RECORDED, Flow, arrivals, fitted
from _spot_hour import FIXED, STYLES, Row, Task, run
from _spot_makers import sections_with
from _spot_plot import spot_svg
from _spot_report import case_of, report
from common.errors import ConfigError
from toolkit.checking.bench import Figure
from toolkit.checking.bench_options import WORKERS_MAX, existing_file, shares, whole_number

HOURS = Runs(run, Task, Row, case_of, "hours")


def parsed(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench spot-session", description=__doc__)
    parser.add_argument("--hours", type=whole_number(), default=20, help="per case")
    parser.add_argument("--minutes", type=whole_number(1, 60), default=60, help="of each hour")
    parser.add_argument("--cases", type=shares, default=[0.0, 0.1, 0.2, 0.3], help="shares of informed takers")
    parser.add_argument("--maker", choices=(*STYLES, FIXED), action="append", help="may be given several times")
    parser.add_argument("--workers", type=whole_number(1, WORKERS_MAX), default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="of the spot bot")
    parser.add_argument("--recording", type=existing_file, help="fit the flow on this one, not on the one of the docs")
    parser.add_argument("--plot", type=Path, default=Path("spot-session.svg"))
    parser.add_argument("--rows", type=Path, help="write what came of each hour there, as lines of JSON")
    parser.add_argument("--resume", action="store_true", help="keep what --rows holds and run what is missing there")
    arguments = parser.parse_args(list(options))
    try:
        sections_with(STYLES[0], arguments.set)
    except ConfigError as error:
        parser.error(f"--set: {error}")
    if arguments.resume and arguments.rows is None:
        parser.error("--resume: goes on with the file that --rows names")
    return arguments


def tasks_of(arguments: argparse.Namespace, flow: Flow) -> list[Task]:
    """Return every hour to run, a whole case after the other."""
    return [
        Task(
            arguments.seed,
            hour,
            informed,
            maker,
            flow,
            tuple(arguments.set) if maker != FIXED else (),
            arguments.minutes,
        )
        for maker in arguments.maker or (*STYLES, FIXED)
        for informed in arguments.cases
        for hour in range(arguments.hours)
    ]


def main(options: list[str]) -> list[Figure]:
    """Run the cases and return what the makers did, and the aims."""
    arguments = parsed(options)
    flow = fitted(*arrivals(arguments.recording)) if arguments.recording else RECORDED
    print(__doc__)
    print(
        f"recorded flow: {flow.per_s:.4g} orders/s x exp(-d / {flow.reach_bps:.4g} bps), {flow.size_median:.3g} coins"
    )
    tasks = tasks_of(arguments, flow)
    # One thread per worker: the arrays are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    rows, took_s = HOURS.run_or_take(tasks, arguments.workers, arguments.rows, resume=arguments.resume)
    by_case: dict[str, list[Row]] = {}
    first: dict[str, Task] = {}
    for task, row in zip(tasks, rows, strict=True):
        first.setdefault(case_of(task), task)
        by_case.setdefault(case_of(task), []).append(row)
    arguments.plot.write_text(spot_svg(by_case))
    print(f"profit by part, its sum and the nets drawn to {arguments.plot}")
    figures = report(by_case, first)
    figures.append(Figure("hours", len(tasks), "runs"))
    figures.append(Figure("real time per hour", round(took_s, 2), "core s"))
    return figures
