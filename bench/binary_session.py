"""Thousands of five-minute markets in virtual time: our maker, and on request the original script beside it.

The exchange's core matches and settles; ours is the pricer's and the quoter's core with nothing but their defaults,
which `--set section.field=value` changes. Prices move each 100 ms as a diffusion of 50 % a year; our feed has them 50
ms later, orders and answers take 50 ms each. Volatility is not given: makers estimate it from half an hour of prices
before the market and from what follows.

Takers arrive at random, one in 2 s, with lognormal sizes (median 20, sigma 1.2). An uninformed taker chooses a side at
random and takes at the market, up to its size and to 0.99. An informed one knows the price that our feed will show
500 ms later and takes what is then mispriced by more than a cent, if anything is. Without `--fees`, which applies the
exchange's schedule, there are no fees. Without rivals nobody else quotes: only takers can flatten a position.

Worlds: `base` as described; `regime` with 20 % volatility before the market and 100 % within it; `thin` with one taker
in 10 s; `one-sided` where 80 % of uninformed takers buy YES; `jumps` with 6 jumps an hour of 0.15 % on top. Rivals:
`1c` and `2c` add a maker that quotes that far around the true value, a moment late. By default it runs every world
without rivals and the base world with both, 10 % informed: seven cases.

`--hedge "1.2 0.7"` hedges the delta of what ours holds in the underlying: beyond 1.2 coins it is brought to 0.7, at
`--hedge-cost-bps` of the money, until `--hedge-stop-s` before the expiry; each market counts with and without.

`--rows` writes the result of each market as it ends, and with `--resume` an interrupted run does not repeat what is
written there. `--against` compares with such a file, market by market, whatever code or settings made it. Without it
the cases are compared with the bot of commit f56519c, where that is stored.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
from collections.abc import Sequence
from pathlib import Path

from _session_hedge import HedgeTerms
from _session_market import NO_RIVALS, Maker, Row, Task
from _session_ours import TIMER_MS, sections_with
from _session_plot import session_svg
from _session_report import compared, of_hedges, of_maker
from _session_rival import HALF_SPREADS
from _session_rows import MARKETS, case_of, earlier_of, paired
from _session_world import KINDS
from common.errors import ConfigError
from toolkit.checking.bench import Figure
from toolkit.checking.bench_options import WORKERS_MAX, existing_file, number, shares, whole_number

BASELINE = Path(__file__).parent / "binary-session-f56519c.jsonl"
"""What the bot of that commit made of these markets (its cores, this benchmark, seed 1)."""
CASES = [*((world, NO_RIVALS) for world in KINDS), *(("base", rivals) for rivals in HALF_SPREADS)]
"""World and rivals of what is run when nothing is asked for."""


def read_band(text: str) -> tuple[float, float]:
    """Return maximum and norm of a hedger, such as of '1.2 0.7'."""
    most, _, norm = text.partition(" ")
    found = number(0.0, 1_000.0)(most), number(0.0, 1_000.0)(norm)
    if found[1] > found[0]:
        raise argparse.ArgumentTypeError(f"must be a maximum and a norm below it, is {text!r}")
    return found


def parsed(options: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench binary-session", description=__doc__)
    parser.add_argument("--markets", type=whole_number(), default=300, help="per case")
    parser.add_argument("--cases", type=shares, default=[0.1], help="shares of informed takers")
    parser.add_argument("--world", choices=tuple(KINDS), action="append", help="may be given several times")
    parser.add_argument("--rivals", choices=(NO_RIVALS, *HALF_SPREADS), action="append", help="likewise")
    parser.add_argument("--makers", choices=("both", "ours", "sketch"), default="ours")
    parser.add_argument("--workers", type=whole_number(1, WORKERS_MAX), default=multiprocessing.cpu_count())
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="of our bot")
    parser.add_argument("--fees", action="store_true", help="with the exchange's taker fee and maker rebate")
    parser.add_argument(
        "--timer-ms",
        type=whole_number(),
        default=TIMER_MS,
        help="of the quoter: live 50, which 100 agrees with; 400 is quicker and within a few per cent",
    )
    parser.add_argument("--hedge", type=read_band, metavar="MAX NORM", help="hedge the delta of ours, in coins")
    parser.add_argument("--hedge-cost-bps", type=number(0.0, 100.0), default=1.0, help="half the spread and the fee")
    parser.add_argument("--hedge-stop-s", type=number(0.0, 300.0), default=60.0, help="before the expiry")
    parser.add_argument("--plot", type=Path, default=Path("binary-session.svg"))
    parser.add_argument("--rows", type=Path, help="write what came of each market there, as lines of JSON")
    parser.add_argument("--resume", action="store_true", help="keep what --rows holds and run what is missing there")
    parser.add_argument(
        "--against", type=existing_file, help="rows of an earlier run to compare with, market by market"
    )
    arguments = parser.parse_args(list(options))
    try:
        sections_with(arguments.set)
    except ConfigError as error:
        parser.error(f"--set: {error}")
    if arguments.resume and arguments.rows is None:
        parser.error("--resume: goes on with the file that --rows names")
    return arguments


def tasks_of(arguments: argparse.Namespace) -> list[Task]:
    """Return every market to run, a whole case after the other."""
    makers: tuple[Maker, ...] = ("ours", "sketch") if arguments.makers == "both" else (arguments.makers,)
    cases = CASES
    if arguments.world or arguments.rivals:
        cases = [
            (world, rivals) for rivals in arguments.rivals or (NO_RIVALS,) for world in arguments.world or ("base",)
        ]
    hedge = None
    if arguments.hedge:
        most, norm = arguments.hedge
        hedge = HedgeTerms(most, norm, arguments.hedge_cost_bps, arguments.hedge_stop_s)
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
            hedge if maker == "ours" else None,
        )
        for world, rivals in cases
        for informed in arguments.cases
        for maker in makers
        for market in range(arguments.markets)
    ]


def main(options: list[str]) -> list[Figure]:
    """Run the cases and return what the makers did, and the aims."""
    arguments = parsed(options)
    tasks = tasks_of(arguments)
    # One thread per worker: the arrays are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    rows, took_s = MARKETS.run_or_take(tasks, arguments.workers, arguments.rows, resume=arguments.resume)
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
            figures += of_hedges(case, found["ours"])
        for maker, each in found.items():
            figures += of_maker(f"{case}, {maker}", each)
    figures.append(Figure("markets", len(tasks), "runs"))
    figures.append(Figure("real time per market", round(took_s, 3), "core s"))
    return figures
