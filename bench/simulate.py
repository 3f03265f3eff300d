"""Many whole platforms in virtual time, each with faults drawn from its seed: how many checkers fire (aim: none)."""

from __future__ import annotations

import argparse
import multiprocessing
import time

from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import WORKERS_MAX, whole_number
from toolkit.simulation.scenario import troubled
from toolkit.simulation.world import run_scenario

PROGRESS_EVERY = 10


def main(options: list[str]) -> list[Figure]:
    """Run the seeds and return what the checkers found and how fast virtual time ran."""
    parser = argparse.ArgumentParser(prog="bench simulate")
    parser.add_argument("--seeds", type=whole_number(), default=100, help="how many runs")
    parser.add_argument("--first", type=whole_number(0), default=0, help="the first seed")
    parser.add_argument("--workers", type=whole_number(1, WORKERS_MAX), default=multiprocessing.cpu_count())
    arguments = parser.parse_args(options)
    began = time.monotonic()
    bad, fills, orders, events, virtual_s = 0, 0, 0, 0, 0.0
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    with multiprocessing.get_context("spawn").Pool(arguments.workers) as pool:
        for number, row in enumerate(pool.imap_unordered(run_seed, seeds), 1):
            seed, findings, seed_fills, seed_orders, seed_events, seed_s = row
            fills, orders, events = fills + seed_fills, orders + seed_orders, events + seed_events
            virtual_s += seed_s
            if findings:
                bad += 1
                print(f"seed {seed}:")
                for finding in findings:
                    print(f"  {finding}")
            if number % PROGRESS_EVERY == 0:
                print(f"{number} of {arguments.seeds} runs, {bad} with findings, {time.monotonic() - began:.0f} s")
    took_s = time.monotonic() - began
    return [
        Figure("runs", arguments.seeds, "seeds"),
        at_most("runs with findings", bad, "seeds", 0),
        Figure("fills", fills, "executions"),
        Figure("orders", orders, "orders"),
        Figure("virtual time", round(virtual_s / 3600, 2), "h"),
        Figure("virtual time per real time", round(virtual_s / took_s, 1), "x"),
        Figure("events", events, "events"),
    ]


def run_seed(seed: int) -> tuple[int, list[str], int, int, int, float]:
    """Run one seed in a worker process."""
    scenario = troubled(seed)
    outcome = run_scenario(scenario)
    findings = [] if outcome.good else [str(scenario), *outcome.findings.rows]
    return seed, findings, outcome.fills, outcome.orders, outcome.events, scenario.end_s
