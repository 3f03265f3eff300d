"""From a venue's frame to our order frame back at the venue: latency, and how much of it the platform adds.

The platform (feed, pricer, quoter, risk, broker and Redis, each a process of its own) runs against a stub venue; a bare
pipeline with the same hops and bytes and no logic runs alternately with it. Latencies are of ticks that were acted on;
the others were superseded by a newer one, inside one read or after waiting. A ratio is the median over the rounds. The
bare pipeline does not conflate: where the machine cannot keep its rate, ticks queue up in it, and a ratio far below 1
says only that. So latencies have an aim where the bare pipeline has no backlog and a tenth of the machine is idle
beside the platform. CPU per tick, sent or acted on, is reported for each process.
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
SUPERSEDED_WAITING_MAX_PERCENT = 2.0
QUOTER_CPU_RATIO_MAX = {1_000: 2.2, 3_000: 1.7}
"""By rate: CPU of the platform's quoter per tick as a multiple of the bare one's."""
IDLE_SHARE_MIN = 0.10
QUOTER = "quoter"
CPU_LEAST_US = 1.0
"""Below what any process takes: the kernel counts hundredths of a second, which in a short run may be none."""
UNDER_WAY_S = 0.010
"""As many ticks as are sent in this may be under way on average; more is a backlog."""

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
        aimed = has_aims(reports, rate)
        for kind, by_rate in reports.items():
            found += _of_pipeline(kind, by_rate[rate], rate, aimed)
        if len(reports) == 2:
            found += ratios(reports, rate, aimed)
    return found


def has_aims(reports: Reports, rate: int) -> bool:
    """Say whether the machine keeps this rate, so that a latency says more than that it does not."""
    if rate > AIM_RATE_MAX or len(reports) < 2:
        return False
    idle = median(float(report["idle_share"]) for report in reports[PLATFORM][rate])
    return median(map(under_way, reports[BARE][rate])) <= rate * UNDER_WAY_S and idle >= IDLE_SHARE_MIN


def under_way(report: dict[str, Any]) -> float:
    """Return how many ticks were under way on average: how many come in a second times how long each takes.

    Example: 1,000 ticks sent at 500/s, of 4 ms each, are 2. Little's law.
    """
    taken_s = sum(report["latencies_ns"]) / 1e9
    return float(taken_s * report["rate_achieved"] / max(1, report["sent"]))


def _of_pipeline(kind: str, rounds: list[dict[str, Any]], rate: int, aimed: bool) -> list[Figure]:
    sent = sum(report["sent"] for report in rounds)
    acted = sum(report["acted"] for report in rounds)
    waited = sum(report["superseded_waiting"] for report in rounds)
    found = [Figure(f"{kind} rate achieved at {rate}/s", median(each["rate_achieved"] for each in rounds), "ticks/s")]
    for percent in (50, 99):
        value = median(percentile_ms(report, percent) for report in rounds)
        found.append(Figure(f"{kind} p{percent} at {rate}/s", value, "ms"))
    found += [
        Figure(f"{kind} ticks conflated at {rate}/s", sent - acted, f"of {sent}"),
        Figure(f"{kind} superseded inside one read at {rate}/s", 100 * (sent - acted - waited) / sent, "% of ticks"),
    ]
    name, share, most = (
        f"{kind} superseded after waiting at {rate}/s",
        100 * waited / sent,
        SUPERSEDED_WAITING_MAX_PERCENT,
    )
    with_aim = aimed and kind == PLATFORM
    found.append(at_most(name, share, "% of ticks", most) if with_aim else Figure(name, share, "% of ticks"))
    name, never = f"{kind} newest ticks never acted on at {rate}/s", sum(report["never_acted"] for report in rounds)
    found.append(Figure(name, never, "ticks") if kind == BARE else at_most(name, never, "ticks", 0))
    if kind == PLATFORM:
        ambiguous = sum(report["ambiguous"] for report in rounds)
        found.append(Figure(f"{kind} orders that fitted several ticks at {rate}/s", ambiguous, "orders"))
    else:
        found.append(
            Figure(f"{kind} ticks under way at {rate}/s", round(median(map(under_way, rounds)), 1), "on average")
        )
    return found + _taken(kind, rounds, rate)


def _taken(kind: str, rounds: list[dict[str, Any]], rate: int) -> list[Figure]:
    """Return what a tick took: CPU by process, and what was done for it."""
    found = [
        Figure(
            f"{kind} {process} CPU per tick at {rate}/s",
            round(median(cpu_us(each, process) for each in rounds), 1),
            "µs",
        )
        for process in rounds[0]["cpu_ns"]
    ]
    for name, what in (
        ("passes", "looks at a market"),
        ("orders", "placed"),
        ("venue_frames", "in and out"),
        ("bus_messages", "sent"),
    ):
        if name in rounds[0]:
            each = sum(report[name] for report in rounds) / sum(report["sent"] for report in rounds)
            found.append(Figure(f"{kind} {name.replace('_', ' ')} per tick at {rate}/s", round(each, 2), what))
    idle = median(report["idle_share"] for report in rounds)
    return [*found, Figure(f"{kind} idle share of the machine at {rate}/s", round(100 * idle, 1), "%")]


def cpu_us(report: dict[str, Any], process: str) -> float:
    """Return the CPU of a process per tick sent, in µs; 0 for one that did not live through the run."""
    return float(report["cpu_ns"].get(process, 0)) / float(report["sent"]) / 1e3


def ratios(reports: Reports, rate: int, aimed: bool) -> list[Figure]:
    """Return what the platform takes as a multiple of the bare pipeline, round by round, in the middle."""
    found = []
    pairs = list(zip(reports[PLATFORM][rate], reports[BARE][rate], strict=True))
    for percent, limit in ((50, P50_RATIO_MAX), (99, P99_RATIO_MAX)):
        value = median(percentile_ms(ours, percent) / percentile_ms(bare, percent) for ours, bare in pairs)
        name = f"p{percent} ratio to the bare pipeline at {rate}/s"
        found.append(at_most(name, value, "×", limit) if aimed else Figure(name, value, "×"))
    value = median(cpu_us(ours, QUOTER) / max(cpu_us(bare, QUOTER), CPU_LEAST_US) for ours, bare in pairs)
    name, most = f"quoter CPU per tick, ratio to the bare one at {rate}/s", QUOTER_CPU_RATIO_MAX.get(rate)
    found.append(at_most(name, value, "×", most) if most is not None else Figure(name, value, "×"))
    return found
