"""From a venue's frame to our order frame back at the venue: how long, and how much of it the platform adds.

The platform (feed, pricer, quoter, risk, broker and Redis, each a process of its own) runs against a stand-in venue;
a bare pipeline with the same hops and bytes and no logic runs alternately with it. Latencies are of ticks that were
acted on; the others were overtaken by a newer one. A ratio is the median over the rounds. The bare pipeline does not
conflate: where the machine cannot keep its rate, ticks queue up in it, and a ratio far below 1 says only that.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import shutil
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from _pipelines import BARE, PLATFORM, running
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import SECONDS_MAX, number, whole_number

RATES = (100, 1_000, 3_000, 6_000)
SECONDS = 5.0
ROUNDS = 3
WARM_UP_RATE, WARM_UP_S = 300, 2.0

# Above this rate the figures are stated without an aim.
AIM_RATE_MAX = 3_000
P50_RATIO_MAX = 1.3
P99_RATIO_MAX = 1.5

Reports = dict[str, dict[int, list[dict[str, Any]]]]
"""Reports of the venue by pipeline and rate, one per round."""


def main(argv: list[str]) -> list[Figure]:
    options = parse(argv)
    kinds = [options.only] if options.only else [PLATFORM, BARE]
    reports: Reports = {kind: {rate: [] for rate in options.rates} for kind in kinds}
    folder = Path(tempfile.mkdtemp(prefix="tick-to-order-"))
    try:
        for number in range(1, options.rounds + 1):
            for kind in kinds:
                asyncio.run(measure(kind, folder / f"{number}-{kind}", options, reports[kind]))
    except Exception:
        print(f"logs are in {folder}")
        raise
    shutil.rmtree(folder)
    return figures(reports, options.rates)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mm bench tick-to-order", description=__doc__)
    parser.add_argument("--rates", type=_rates, default=RATES, help="ticks per second, e.g. 100,1000")
    parser.add_argument(
        "--seconds", type=number(0.1, SECONDS_MAX), default=SECONDS, help="of ticks at each rate in each round"
    )
    parser.add_argument("--rounds", type=whole_number(), default=ROUNDS)
    parser.add_argument("--only", choices=(PLATFORM, BARE), help="measure one pipeline, without ratios")
    return parser.parse_args(argv)


def _rates(text: str) -> tuple[int, ...]:
    return tuple(whole_number()(part) for part in text.split(","))


async def measure(
    kind: str, data_dir: Path, options: argparse.Namespace, into: dict[int, list[dict[str, Any]]]
) -> None:
    """Run one pipeline through all rates once."""
    async with running(kind, data_dir, print) as pipeline:
        await pipeline.run(WARM_UP_RATE, WARM_UP_S)
        for rate in options.rates:
            report = await pipeline.run(rate, options.seconds)
            report["latencies_ns"].sort()
            into[rate].append(report)
            print(
                f"{kind} {rate}/s: sent {report['sent']} at {report['rate_achieved']:.0f}/s, "
                f"acted on {report['acted']}, "
                f"p50 {percentile_ms(report, 50):.3f} ms, p99 {percentile_ms(report, 99):.3f} ms, "
                f"never acted on {report['never_acted']}, order frames of "
                f"{report['order_bytes'] // max(1, report['order_frames'])} bytes"
            )


def percentile_ms(report: dict[str, Any], percent: float) -> float:
    """Return a percentile of the latencies in ms: the smallest one that at least so many per cent do not exceed.

    Example: the 50th of 1, 2, 3, 4 is 2. Without any tick acted on it is infinite.
    """
    ordered = report["latencies_ns"]
    if not ordered:
        return float("inf")
    return float(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]) / 1e6


def figures(reports: Reports, rates: tuple[int, ...]) -> list[Figure]:
    """Return the figures of all rates; those of the bare pipeline have no aim."""
    found = []
    for rate in rates:
        for kind, by_rate in reports.items():
            rounds = by_rate[rate]
            sent = sum(report["sent"] for report in rounds)
            acted = sum(report["acted"] for report in rounds)
            achieved = median(report["rate_achieved"] for report in rounds)
            found.append(Figure(f"{kind} rate achieved at {rate}/s", achieved, "ticks/s"))
            for percent in (50, 99):
                value = median(percentile_ms(report, percent) for report in rounds)
                found.append(Figure(f"{kind} p{percent} at {rate}/s", value, "ms"))
            found.append(Figure(f"{kind} ticks conflated at {rate}/s", sent - acted, f"of {sent}"))
            never = sum(report["never_acted"] for report in rounds)
            if kind == BARE:
                found.append(Figure(f"{kind} newest ticks never acted on at {rate}/s", never, "ticks"))
                continue
            found.append(at_most(f"{kind} newest ticks never acted on at {rate}/s", never, "ticks", 0))
            ambiguous = sum(report["ambiguous"] for report in rounds)
            found.append(Figure(f"{kind} orders that fitted several ticks at {rate}/s", ambiguous, "orders"))
        if len(reports) == 2:
            found += ratios(reports, rate)
    return found


def ratios(reports: Reports, rate: int) -> list[Figure]:
    """Return what the platform's latency is as a multiple of the bare pipeline's, round by round, in the middle."""
    found = []
    for percent, limit in ((50, P50_RATIO_MAX), (99, P99_RATIO_MAX)):
        pairs = zip(reports[PLATFORM][rate], reports[BARE][rate], strict=True)
        value = median(percentile_ms(ours, percent) / percentile_ms(bare, percent) for ours, bare in pairs)
        name = f"p{percent} ratio to the bare pipeline at {rate}/s"
        found.append(at_most(name, value, "×", limit) if rate <= AIM_RATE_MAX else Figure(name, value, "×"))
    return found
