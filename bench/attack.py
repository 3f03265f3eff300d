"""Kills, freezes, partitions, lost stores and full disks, under load, until an invariant breaks.

The attack is a function of its seed: segments of scenarios, each segment on a platform of its own, whose books are
reconciled with the venue's at its end. Finished segments are kept in a file, so that an interrupted attack resumes
where it was (`--state FILE`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from _attack_plan import FULL, QUICK, Amounts, Kind, Loss, Scenario, Segment, plan
from _attack_platform import HALTED, Attacked
from _attack_signing import signing_figures
from toolkit.checking.bench import Figure, at_least, at_most
from toolkit.checking.bench_options import whole_number
from toolkit.testing.trial import TrialError

QUOTING_S = 5.0
ROLLED_BACK_S = 40.0
STANDING_S = 10.0
"""How long it is watched that a platform which must stand still does."""


@dataclass
class Result:
    """What one segment showed."""

    segment: str
    fills: int = 0
    lost: int = 0
    doubled: int = 0
    cash_apart: float = 0.0
    orders_left: int = 0
    halts_lost: int = 0
    worst_s: dict[str, float] = field(default_factory=dict)
    """Seconds to new quotes after the worst blow, by scenario, where no person is needed."""
    resumed_s: dict[str, float] = field(default_factory=dict)
    """Likewise where one is: with the time it is watched standing still, resume and lift."""
    stood_still: dict[str, bool] = field(default_factory=dict)
    """Of the store losses: whether nothing was quoted until a person resumed."""
    failed: list[str] = field(default_factory=list)


def main(options: list[str]) -> list[Figure]:
    """Carry the attack out, or what is left of it, and return what held."""
    parser = argparse.ArgumentParser(prog="bench attack", description=__doc__)
    parser.add_argument("--seed", type=whole_number(0), default=1)
    parser.add_argument("--quick", action="store_true", help="a fifth of the attacks, one loss of each kind")
    parser.add_argument("--only", type=Kind, choices=list(Kind))
    parser.add_argument("--state", type=Path, help="where finished segments are kept")
    arguments = parser.parse_args(options)
    amounts = QUICK if arguments.quick else FULL
    done = read_state(arguments.state, arguments.seed, amounts) if arguments.state else {}
    results = []
    segments = plan(arguments.seed, amounts, arguments.only)
    for place, segment in enumerate(segments, start=1):
        result = done.get(segment.name)
        if result is None:
            print(f"── {segment.name} ({place} of {len(segments)}): {len(segment.scenarios)} scenarios", flush=True)
            result = carry_out(segment)
            if arguments.state:
                keep(arguments.state, arguments.seed, amounts, result)
        results.append(result)
    return [*figures(results), *signing_figures()]


# --- finished segments ------------------------------------------------------------------------------------------


def read_state(path: Path, seed: int, amounts: Amounts) -> dict[str, Result]:
    """Return the segments that a file says are finished; those of another attack do not count."""
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return {
        row["result"]["segment"]: Result(**row["result"])
        for row in rows
        if row["seed"] == seed and row["amounts"] == asdict(amounts)
    }


def keep(path: Path, seed: int, amounts: Amounts, result: Result) -> None:
    with path.open("a") as file:
        file.write(json.dumps({"seed": seed, "amounts": asdict(amounts), "result": asdict(result)}) + "\n")


# --- carrying out -----------------------------------------------------------------------------------------------


def carry_out(segment: Segment) -> Result:
    """Run a segment on a fresh platform; what fails is noted and the platform left, never the attack."""
    result = Result(segment.name)
    if segment.kind is Kind.DISK and os.geteuid() != 0:
        result.failed.append("not run: a small disk is mounted by root only")
        return result
    folder = Path(tempfile.mkdtemp(prefix="mm-attack-"))
    left = list(segment.scenarios)
    while left:
        disk = left[0].what if segment.kind is Kind.DISK else ""
        platform = Attacked(folder / f"data-{len(left)}", small_disk=disk)
        try:
            platform.begin()
            while left:
                scenario = left.pop(0)
                blow(platform, scenario, result)
            _compare_books(platform, result)
        except (TrialError, OSError) as error:
            print(f"   FAILED: {error}"[:4_000], flush=True)
            result.failed.append(str(error).splitlines()[0])
        finally:
            platform.close()
    if not result.failed:
        shutil.rmtree(folder)
    else:
        print(f"   data and logs are in {folder}")
    return result


def blow(platform: Attacked, scenario: Scenario, result: Result) -> None:
    """Deal one blow and note what came of it."""
    before = time.monotonic()
    if scenario.under_halt:
        platform.mm("halt", "global", HALTED)
    carry: Mapping[Kind, Callable[[Scenario], float]] = {
        Kind.KILL: platform.kill_and_wait,
        Kind.FREEZE: platform.freeze_and_wait,
        Kind.PARTITION: platform.cut_and_wait,
        Kind.DISK: platform.fill_disk_and_wait,
    }
    try:
        took_s = (
            _lose_store(platform, scenario, result) if scenario.kind is Kind.STORE else carry[scenario.kind](scenario)
        )
    except TrialError as error:
        raise TrialError(f"after {scenario}: {error}") from None
    if scenario.under_halt:
        if ("global", HALTED) not in platform.halts() or platform.open_orders():
            result.halts_lost += 1
        platform.mm("lift", "global", HALTED)
        platform.quoting_anew()
    else:
        worst_s = result.resumed_s if scenario.needs_person else result.worst_s
        worst_s[scenario.what] = max(worst_s.get(scenario.what, 0.0), round(took_s, 2))
    print(f"   {scenario}: {took_s:.1f} s ({time.monotonic() - before:.0f} s in all)", flush=True)


def _lose_store(platform: Attacked, scenario: Scenario, result: Result) -> float:
    losses: Mapping[str, Callable[[], None]] = {
        Loss.NATS_STOPPED: lambda: platform.empty_stopped(redis=False),
        Loss.NATS_LIVING: platform.empty_living,
        Loss.FILL_BACK: platform.roll_fill_back,
        Loss.BOTH: lambda: platform.empty_stopped(redis=True),
        Loss.QUOTER_DIR: platform.lose_quoter_dir,
        Loss.REDIS: platform.flush_redis,
    }
    if scenario.what == Loss.FILL_BACK:
        # Before the halt: without trading there is nothing to lose.
        platform.keep_fill(ROLLED_BACK_S)
    if scenario.needs_person:
        platform.mm("halt", "bot-1", HALTED)
    losses[scenario.what]()
    began = time.monotonic()
    if not scenario.needs_person:
        platform.quoting_anew()
        return time.monotonic() - began
    name = f"{scenario.what} {sum(key.startswith(scenario.what) for key in result.stood_still) + 1}"
    platform.until("standing still", platform.stands_still)
    earlier = platform.resting()
    time.sleep(STANDING_S)
    result.stood_still[name] = platform.stands_still() and not platform.resting() - earlier
    platform.resume()
    platform.until("the halt given before the loss", lambda: ("bot-1", HALTED) in platform.halts())
    platform.mm("lift", "bot-1", HALTED)
    platform.quoting_anew()
    return time.monotonic() - began


def _compare_books(platform: Attacked, result: Result) -> None:
    platform.mm("halt", "global", "end")
    platform.mm("cancel-all")
    for what, holds in (
        ("an empty book", lambda: not platform.open_orders()),
        ("agreement of the books", lambda: not platform.books_agree()),
    ):
        try:
            platform.until(what, holds, 60)
        except TrialError as error:
            result.failed.append(str(error).splitlines()[0])
    venue, bus = platform.fills_at_venue(), platform.fills_on_bus()
    ledger = platform.cash_in_ledger()
    result.fills += sum(venue.values())
    result.lost += sum((venue - bus).values())
    result.doubled += sum((bus - venue).values())
    result.cash_apart = max(result.cash_apart, abs(float((ledger or 0) - platform.cash_at_venue())))
    result.orders_left += len(platform.open_orders())
    platform.stop()


# --- figures ----------------------------------------------------------------------------------------------------


def figures(results: list[Result]) -> list[Figure]:
    """Return what held over all segments."""
    worst = _longest([result.worst_s for result in results])
    resumed = _longest([result.resumed_s for result in results])
    stood = [still for result in results for still in result.stood_still.values()]
    failed = [f"{result.segment}: {why}" for result in results for why in result.failed]
    found = [
        Figure("fills", sum(result.fills for result in results), "executions"),
        at_most("fills lost", sum(result.lost for result in results), "executions", 0),
        at_most("fills doubled", sum(result.doubled for result in results), "executions", 0),
        at_most("cash apart", max((result.cash_apart for result in results), default=0.0), "USD", 0),
        at_most("orders left", sum(result.orders_left for result in results), "orders", 0),
        at_most("halts lost", sum(result.halts_lost for result in results), "halts", 0),
        *[
            at_most(f"worst time to new quotes: {what}", took_s, "s", QUOTING_S)
            for what, took_s in sorted(worst.items())
        ],
        *[
            Figure(f"new quotes with a person's resume: {what}", took_s, "s")
            for what, took_s in sorted(resumed.items())
        ],
        at_most("segments with a failure", len(failed), "", 0),
        *[Figure(f"failure {place}", why, "") for place, why in enumerate(failed, start=1)],
    ]
    if stood:
        found.append(
            at_least("store losses that stood still until resumed", sum(stood), f"of {len(stood)}", len(stood))
        )
    return found


def _longest(found: list[dict[str, float]]) -> dict[str, float]:
    """Return the longest time of each scenario."""
    longest: dict[str, float] = {}
    for times in found:
        for what, took_s in times.items():
            longest[what] = max(longest.get(what, 0.0), took_s)
    return longest
