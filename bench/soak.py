"""Slow leaks: ten markets for half an hour, growth rates of memory, objects, descriptors, streams and files.

The first half fills what has a bound (decision records, ended orders, price histories); the second half is measured.
Memory may grow by at most 10 MB an hour with 95 % confidence in every process. A stream that reaches its size before
its age, or within a week, holds less than its age says: it is listed with the time it holds at this rate.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import nats
from _slopes import Slope, slope_of
from _ten_markets import ASSETS, TenMarkets
from common.bus.permissions import OPERATOR
from common.streams import DAY_S, JETSTREAM_API, MIB, STREAMS
from prometheus_client.parser import text_string_to_metric_families
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import MINUTES_MAX, number
from toolkit.layout import nats_password_file

SAMPLE_S = 5.0
OBJECTS_S = 60.0
"""Counting collects garbage first, so it must be rare beside the collector's own rounds."""
MEMORY_MB_PER_HOUR = 10.0
OBJECTS_PER_HOUR = 2_000
"""Of one type: beyond it, with 95 % confidence, something is kept that should have gone."""
WEEK_S = 7 * DAY_S
ORDERS_KEPT, MARKETS_KEPT = "200", "20"
"""Of the exchange: so few that its histories are full before the second half begins."""
COUNTED = ("feed", "pricer", "quoter", "risk", "watchdog", "gateway")
"""Processes that tell how many objects of each type live in them."""
PAGE_BYTES = 4_096


@dataclass
class Samples:
    """What was seen, each a list of (seconds since the start, value)."""

    memory_bytes: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    descriptors: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    objects: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    streams: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    folders: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    def after(self, begin_s: float) -> Samples:
        """Return the samples from a time on."""
        kept = Samples()
        for name in ("memory_bytes", "descriptors", "objects", "streams", "folders"):
            getattr(kept, name).update(
                {
                    key: [each for each in rows if each[0] >= begin_s]
                    for key, rows in getattr(self, name).items()
                    # What was first seen later has no history to judge.
                    if rows and rows[0][0] <= max(begin_s, 2 * OBJECTS_S)
                }
            )
        return kept


def per_hour(rows: list[tuple[float, float]]) -> Slope:
    """Return the growth per hour of samples taken in seconds."""
    return slope_of([at_s / 3_600 for at_s, _ in rows], [value for _, value in rows])


async def watch(trial: TenMarkets, seconds: float) -> Samples:
    """Sample everything for so long, saying now and then how much is left."""
    samples, began_s = Samples(), time.monotonic()
    client = await nats.connect(
        f"nats://127.0.0.1:{trial.ports.nats}",
        user=OPERATOR,
        password=nats_password_file(trial.data_dir, OPERATOR).read_text().strip(),
        inbox_prefix=f"_INBOX_{OPERATOR}",
    )
    try:
        said_s = counted_s = began_s
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as http:
            while (now_s := time.monotonic()) - began_s < seconds:
                at_s = now_s - began_s
                _sample_processes(trial, samples, at_s)
                if now_s - counted_s >= OBJECTS_S:
                    counted_s = now_s
                    await _sample_objects(trial, http, samples, at_s)
                for stream in STREAMS:
                    answer = await client.request(f"{JETSTREAM_API}.STREAM.INFO.{stream.name}", b"")
                    samples.streams[stream.name].append((at_s, float(json.loads(answer.data)["state"]["bytes"])))
                for folder in sorted(each for each in trial.data_dir.iterdir() if each.is_dir()):
                    samples.folders[folder.name].append((at_s, float(_size(folder))))
                if now_s - said_s >= 60.0:
                    said_s = now_s
                    print(f"{(seconds - at_s) / 60:.0f} min left; {_memory(samples)}", flush=True)
                await asyncio.sleep(SAMPLE_S)
    finally:
        await client.close()
    return samples


def _sample_processes(trial: TenMarkets, samples: Samples, at_s: float) -> None:
    for name, pid in trial.pids().items():
        try:
            resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
            descriptors = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:  # it is between two lives, which the count of restarts tells
            continue
        samples.memory_bytes[name].append((at_s, float(resident)))
        samples.descriptors[name].append((at_s, float(descriptors)))


async def _sample_objects(trial: TenMarkets, http: httpx.AsyncClient, samples: Samples, at_s: float) -> None:
    for name in COUNTED:
        answer = await http.get(f"http://127.0.0.1:{trial.admin_port(name)}/metrics")
        for kind, count in objects_of(answer.text).items():
            samples.objects[name, kind].append((at_s, count))


def objects_of(metrics: str) -> dict[str, float]:
    """Return the live objects by type in a process's /metrics."""
    return {
        sample.labels["type"]: sample.value
        for family in text_string_to_metric_families(metrics)
        if family.name == "mm_objects"
        for sample in family.samples
    }


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _memory(samples: Samples) -> str:
    return ", ".join(f"{name} {rows[-1][1] / MIB:.0f}" for name, rows in sorted(samples.memory_bytes.items())) + " MiB"


def holding_times(growth: Mapping[str, float]) -> dict[str, float]:
    """Return for how many seconds each stream that has no limit per subject holds what it is told, at these rates.

    `growth` is in bytes a second. A stream that keeps the last values of each subject is bounded by its subjects.
    """
    return {
        stream.name: min(stream.max_mib * MIB / rate, stream.max_age_s or float("inf"))
        for stream in STREAMS
        if not stream.max_msgs_per_subject and (rate := growth.get(stream.name, 0.0)) > 0
    }


def figures(samples: Samples, restarts: int) -> list[Figure]:
    """Return slopes with their errors; memory has an aim per process, objects and descriptors one each."""
    found = [Figure("processes started again", restarts, "")]
    for name, rows in sorted(samples.memory_bytes.items()):
        slope = per_hour([(at_s, value / 1e6) for at_s, value in rows])
        found += [
            Figure(f"{name}: memory", round(rows[-1][1] / 1e6, 1), "MB"),
            Figure(f"{name}: slope", round(slope.value, 2), "MB/h"),
            Figure(f"{name}: slope, standard error", round(slope.error, 2), "MB/h"),
            at_most(f"{name}: slope, upper 95 % bound", round(slope.upper, 2), "MB/h", MEMORY_MB_PER_HOUR),
        ]
    grows = {
        f"{process} {kind}": slope.value
        for (process, kind), rows in sorted(samples.objects.items())
        if (slope := per_hour(rows)).value - (slope.upper - slope.value) > OBJECTS_PER_HOUR
    }
    found.append(at_most("types of objects that grow", len(grows), "types", 0))
    found += [Figure(f"grows: {name}", round(rate), "objects/h") for name, rate in grows.items()]
    leaks = [
        name for name, rows in samples.descriptors.items() if (slope := per_hour(rows)).value > 3 * slope.error + 4
    ]
    found.append(at_most("processes whose descriptors grow", len(leaks), "processes", 0))
    found += [
        Figure(f"descriptors: {name}", int(rows[-1][1]), "") for name, rows in sorted(samples.descriptors.items())
    ]
    growth = {name: per_hour(rows).value / 3_600 for name, rows in samples.streams.items()}
    for stream in STREAMS:
        name, rate = stream.name, growth.get(stream.name, 0.0)
        found.append(Figure(f"stream {name}: growth", round(rate * DAY_S / MIB, 1), "MiB/day"))
    for name, held_s in holding_times(growth).items():
        if held_s < WEEK_S:
            found.append(Figure(f"stream {name}: holds", round(held_s / 3_600, 1), "h"))
    for name, rows in sorted(samples.folders.items()):
        found.append(Figure(f"folder {name}: growth", round(per_hour(rows).value * 24 / MIB, 1), "MiB/day"))
    return found


def main(options: list[str]) -> list[Figure]:
    """Run a platform of ten markets, watch it, stop it, and say what grows."""
    parser = argparse.ArgumentParser(prog="bench soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=number(1.0, MINUTES_MAX), default=30.0, help="half of it fills what has a bound"
    )
    arguments = parser.parse_args(options)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    # Histories at the venue are to be full before the second half begins, as they are after hours.
    settings = {
        "exchange.MM_SERIES_ASSETS": ",".join(ASSETS),
        "exchange.MM_ORDERS_KEPT": ORDERS_KEPT,
        "exchange.MM_MARKETS_KEPT": MARKETS_KEPT,
    }
    settings |= {f"{name}.MM_COUNT_OBJECTS": "true" for name in COUNTED}
    trial = TenMarkets(folder / "data", settings=settings)
    try:
        trial.data_dir.mkdir()
        trial.start()
        trial.wait("quotes on both sides of all markets", lambda: trial.quoted() == len(ASSETS), 180.0)
        seconds = 60.0 * arguments.minutes
        samples = asyncio.run(watch(trial, seconds))
        restarts = trial.restarts()
        trial.stop()
    except Exception:
        print(f"logs are in {folder}")
        raise
    finally:
        trial.close()
    shutil.rmtree(folder)
    return figures(samples.after(seconds / 2), restarts)
