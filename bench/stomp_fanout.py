"""Fan-out of the C2 API: one package told to many readers, beside a bare `websockets` broadcast of the same bytes.

Server and readers are processes of their own, each on a core where there are two; rounds of ours and the bare one take
turns, so that a busy moment affects both. `messages` is the median of the rounds with everybody served as fast as they
take it; `late` is from when a package was made to when a reader had it, at 10,000 messages a second over all readers.
With a tenth of the readers stalled, who take nothing: what each of the others gets less than without them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvloop
from _fanout_readers import Seen, close, open_readers
from toolkit.checking.bench import Figure, at_least, at_most
from toolkit.checking.bench_options import SECONDS_MAX, number, whole_number

RATE_PER_S = 10_000
STALLED_SHARE = 0.1
RATIO_AIM = 0.8
STALLED_AIM_PERCENT = 10
MEMORY_AIM_KB = 100
SETTLE_S = 0.5
POLL_S = 0.01


class Server:
    """One of the two servers as a process."""

    def __init__(self, kind: str) -> None:
        script = Path(__file__).with_name("_fanout_server.py")
        command = [sys.executable, str(script), kind]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) > 1:
            os.sched_setaffinity(self._process.pid, {cores[0]})
        self.port: int = self._line()["port"]

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server has ended with {self._process.wait()}")
        return json.loads(line)

    async def ask(self, *words: object) -> Any:
        """Order the server and return its answer, while the readers of this process go on reading."""
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)
        return await asyncio.to_thread(self._line)

    async def have(self, readers: int) -> int:
        """Wait until so many read, and return what the server holds in memory then, in bytes."""
        while True:
            told = await self.ask("readers")
            if told["readers"] == readers:
                return int(told["memory"])
            await asyncio.sleep(POLL_S)

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)


class Round:
    """What one round of one server came to."""

    def __init__(self, ran: Any, seen: Seen, bytes_before: int, size: float) -> None:
        self.per_s = (seen.bytes - bytes_before) / size / ran["seconds"]
        self.cpu_us = ran["cpu_seconds"] / max(1, ran["messages"]) * 1e6
        self.late_ns = sorted(seen.late_ns)


async def message_bytes(server: Server) -> float:
    """Return how long one message is on the wire, as one reader alone sees it."""
    seen, readers = await open_readers(server.port, 1, 0)
    before = seen.bytes
    ran = await server.ask("run", 0.2, 1_000)
    await asyncio.sleep(SETTLE_S)
    close(readers)
    size: float = (seen.bytes - before) / ran["messages"]
    await server.have(0)
    return size


async def measure(server: Server, readers_count: int, stalled: int, seconds: float, rate: float, size: float) -> Round:
    """Run one round with so many readers and return what the living ones got."""
    seen, readers = await open_readers(server.port, readers_count, stalled)
    await server.have(readers_count)
    before = seen.bytes
    ran = await server.ask("run", seconds, rate)
    made = Round(ran, seen, before, size)
    close(readers)
    await server.have(0)
    return made


async def memory_kb(server: Server, count: int) -> float:
    """Return what one reader costs the server while he reads nothing in particular."""
    before = await server.have(0)
    _, readers = await open_readers(server.port, count, 0)
    after = await server.have(count)
    close(readers)
    await server.have(0)
    return (after - before) / count / 1024


async def compare(counts: list[int], rounds: int, seconds: float) -> list[Figure]:
    """Return the figures of both servers for each number of readers."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[-1]})
    figures: list[Figure] = []
    ours, bare = Server("ours"), Server("bare")
    try:
        per_reader = await memory_kb(ours, max(counts))
        sizes = {server: await message_bytes(server) for server in (ours, bare)}
        figures.append(Figure("message", round(sizes[ours]), "bytes"))
        for count in counts:
            told: dict[Server, list[Round]] = {ours: [], bare: []}
            slowed: list[Round] = []
            for number_of in range(rounds):
                for server in (ours, bare) if number_of % 2 else (bare, ours):
                    told[server].append(await measure(server, count, 0, seconds, 0, sizes[server]))
                slowed.append(await measure(ours, count, int(count * STALLED_SHARE), seconds, 0, sizes[ours]))
                print(
                    f"{count} readers, round {number_of + 1}: {told[ours][-1].per_s:,.0f} messages/s,"
                    f" bare {told[bare][-1].per_s:,.0f}, a tenth stalled {slowed[-1].per_s:,.0f}"
                )
            steady = await measure(ours, count, 0, seconds, RATE_PER_S, sizes[ours])
            figures += _figures(count, told[ours], told[bare], slowed, steady)
        figures.append(at_most("memory per reader", round(per_reader, 1), "KB", MEMORY_AIM_KB))
    finally:
        ours.end()
        bare.end()
    return figures


def _figures(count: int, ours: list[Round], bare: list[Round], slowed: list[Round], steady: Round) -> list[Figure]:
    middle = statistics.median(each.per_s for each in ours)
    ratios = [mine.per_s / theirs.per_s for mine, theirs in zip(ours, bare, strict=True)]
    # By reader: nine tenths of them share what is counted.
    reading = 1 - int(count * STALLED_SHARE) / count
    losses = [100 * (1 - slow.per_s / reading / full.per_s) for slow, full in zip(slowed, ours, strict=True)]
    late = steady.late_ns or [0]
    return [
        Figure(f"{count} readers: messages", round(middle), "1/s"),
        Figure(f"{count} readers: bare", round(statistics.median(each.per_s for each in bare)), "1/s"),
        at_least(f"{count} readers: ratio to bare", round(statistics.median(ratios), 2), "", RATIO_AIM),
        Figure(f"{count} readers: CPU", round(statistics.median(each.cpu_us for each in ours), 1), "µs/message"),
        Figure(f"{count} readers: late p50", round(late[len(late) // 2] / 1e6, 2), "ms"),
        Figure(f"{count} readers: late p99", round(late[len(late) * 99 // 100] / 1e6, 2), "ms"),
        at_most(
            f"{count} readers: lost by the others with a tenth stalled",
            round(statistics.median(losses), 1),
            "%",
            STALLED_AIM_PERCENT,
        ),
    ]


def main(options: list[str]) -> list[Figure]:
    """Return messages a second, the ratio to the bare server, lateness, the effect of stalled readers, and memory."""
    parser = argparse.ArgumentParser(prog="bench stomp-fanout")
    parser.add_argument("--readers", nargs="+", type=whole_number(most=2_000), default=[20, 200, 1_000])
    parser.add_argument("--rounds", type=whole_number(), default=5)
    parser.add_argument("--seconds", type=number(0.05, SECONDS_MAX), default=3.0)
    arguments = parser.parse_args(options)
    return uvloop.run(compare(arguments.readers, arguments.rounds, arguments.seconds))
