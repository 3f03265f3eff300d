"""The cost of having the books on disk before they are acknowledged: tick latency, fills per second, disk writes.

One broker after the other takes the same load on the streams and accounts of the platform, in rounds, so that a busy
moment of the machine affects all configurations alike:

- `defaults`: the broker's own, which syncs every two minutes;
- `money`: what the platform configures: each write synced, the streams of ticks written later and never waited for;
- `all`: each write synced, ticks too;
- `second`: everything synced once a second.

Ticks go from a feed to a pricer, which publishes a fair value for each, to a quoter: two hops, as on the platform.
Beside them the quoter publishes fills and order updates, acked. Latencies count from when a tick or a fill was due, so
that a stall shows in everything that waited behind it. What is in flight at the end of a round is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import uvloop
from common.bus.features import ALWAYS, ONCE_A_SECOND, Features, features_of
from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection, ack_headers
from common.bus.permissions import ADMINISTRATOR
from common.errors import BusUnavailable
from common.events import Event, OrderUpdate, OrderUpdates, TopOfBook, address_filter, decode, encode
from common.instruments import Outcome, Side
from common.orders import OrderState
from common.settings import ServiceSettings
from common.streams import STREAMS
from nats.aio.msg import Msg
from risk.testing.events import a_fill
from toolkit.checking.bench import Figure, at_most
from toolkit.checking.bench_options import SECONDS_MAX, number, whole_number
from toolkit.layout import nats_password_file
from toolkit.ports import Ports, port_map
from toolkit.servers.broker import broker_process
from toolkit.servers.programs import NATS, Server, find_server, wished_for
from toolkit.setup import Addresses, prepare
from toolkit.testing.trial import free_port_base

Floats = np.ndarray[Any, np.dtype[np.float64]]

TICKS_PER_S = 1_000
FILLS_PER_S = 20
ORDER_NEWS_PER_S = 50
DRAIN_S_MAX = 5.0
"""What has not arrived so long after the last tick is lost."""
IN_FLIGHT = 64
"""Fills that wait for their acknowledgement at once when as many as possible are stored."""
FLOOR_S = 1.0
SECONDS_MIN = 0.1
"""In less there is no fill beside the ticks."""
RECORD_BYTES = 400
TAIL_MAX = 1.1
DEFAULTS, MONEY, ALL, SECOND = "defaults", "money", "all", "second"


def ways(version_features: Features) -> dict[str, Features]:
    """Return the ways of storing that a broker offers, by name."""
    plain = replace(version_features, sync_interval="", async_persistence=False)
    if not version_features.async_persistence:
        return {DEFAULTS: plain}
    return {
        DEFAULTS: plain,
        MONEY: version_features,
        ALL: replace(plain, sync_interval=ALWAYS),
        SECOND: replace(plain, sync_interval=ONCE_A_SECOND),
    }


@dataclass
class Taken:
    """What was measured of one way of storing, one entry per round."""

    tick_ms: list[Floats] = field(default_factory=list)
    ack_ms: list[Floats] = field(default_factory=list)
    fills_per_s: list[float] = field(default_factory=list)
    written: list[tuple[Written, int]] = field(default_factory=list)
    """What the disk did, and during how many ticks."""
    lost: list[int] = field(default_factory=list)
    """Ticks that never arrived."""

    def tick(self, percentile: float) -> list[float]:
        """Return a percentile of the ticks' latency in each round, in ms."""
        return [float(np.percentile(each, percentile)) for each in self.tick_ms]

    def ack(self, percentile: float) -> list[float]:
        return [float(np.percentile(each, percentile)) for each in self.ack_ms]


class Ticks:
    """Ticks under way, each known by its bid: when it was due, and how long after that it arrived."""

    def __init__(self) -> None:
        self.latencies_ms: list[float] = []
        self._due_s: dict[float, float] = {}
        self._all_here = asyncio.Event()

    def sent(self, bid: float, due_s: float) -> None:
        self._due_s[bid] = due_s
        self._all_here.clear()

    def arrived(self, bid: float) -> None:
        self.latencies_ms.append((time.perf_counter() - self._due_s.pop(bid)) * 1e3)
        if not self._due_s:
            self._all_here.set()

    async def lost(self, patience_s: float) -> int:
        """Return how many have not arrived when all have or after so many seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_here.wait(), patience_s)
        return len(self._due_s)


class Running:
    """A broker with the streams of the platform, and connections of its services."""

    def __init__(self, data_dir: Path, ports: Ports) -> None:
        self.data_dir, self.ports = data_dir, ports

    @asynccontextmanager
    async def connection(self, user: str, features: Features) -> AsyncIterator[NatsConnection]:
        settings = ServiceSettings(
            nats_url=f"nats://127.0.0.1:{self.ports.nats}",
            nats_user=user,
            nats_password_file=nats_password_file(self.data_dir, user),
            data_dir=self.data_dir,
            platform_id="bench",
        )
        connection = NatsConnection(settings, user)
        await connection.connect()
        connection.features = features
        try:
            yield connection
        finally:
            await connection.close()


class Written(NamedTuple):
    """What a disk has done since the machine's start, as the kernel counts it."""

    writes: int
    kib: int
    flushes: int

    def __sub__(self, other: Written) -> Written:
        return Written(self.writes - other.writes, self.kib - other.kib, self.flushes - other.flushes)


def written_on(folder: Path) -> Written:
    """Return the counts of the disk a folder lies on; all 0 where the kernel does not tell (see its iostats.rst)."""
    device = folder.stat().st_dev
    wanted = [str(os.major(device)), str(os.minor(device))]
    for line in Path("/proc/diskstats").read_text().splitlines():
        numbers = line.split()
        if numbers[:2] == wanted:
            flushes = int(numbers[18]) if len(numbers) > 18 else 0
            return Written(int(numbers[7]), int(numbers[9]) // 2, flushes)
    return Written(0, 0, 0)


@contextmanager
def running(server: Server, features: Features, folder: Path) -> Iterator[Running]:
    """Start a broker on an empty store; its configuration is the platform's but for how it syncs."""
    data_dir, ports = Path(tempfile.mkdtemp(dir=folder)), port_map(free_port_base())
    prepare(data_dir, Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis), features=features)
    with broker_process(server, data_dir, ports):
        yield Running(data_dir, ports)


async def measure(platform: Running, features: Features, seconds: float, taken: Taken) -> None:
    """Add one round to what was taken."""
    numbers = itertools.count(1)
    async with (
        platform.connection(ADMINISTRATOR, features) as administrator,
        platform.connection("feed", features) as feed,
        platform.connection("pricer", features) as pricer,
        platform.connection("quoter", features) as quoter,
    ):
        api = JetStreamApi(administrator)
        for stream in STREAMS:
            await api.ensure_stream(stream, 1)
        await _ticks_beside_money(feed, pricer, quoter, platform, seconds, taken, numbers)
        taken.fills_per_s.append(await _fills_alone(quoter, seconds / 2, numbers))


async def _ticks_beside_money(
    feed: NatsConnection,
    pricer: NatsConnection,
    quoter: NatsConnection,
    platform: Running,
    seconds: float,
    taken: Taken,
    numbers: Iterator[int],
) -> None:
    """Add the latencies of all ticks and of all fills' acknowledgements; BusUnavailable when no tick arrives."""
    ticks, sent, acks = Ticks(), itertools.count(1), list[float]()

    async def price(message: Msg) -> None:
        await pricer.publish_bytes(fair_subject, message.data)

    async def quote(message: Msg) -> None:
        ticks.arrived(decode(TopOfBook, message.data).bid)

    async def tick(due_s: float) -> None:
        event = a_top(next(sent))
        ticks.sent(event.bid, due_s)
        await feed.publish(event)

    fair_subject = "px.fair.1.BTC-5M"
    await pricer.subscribe(address_filter(TopOfBook), price)
    await quoter.subscribe(fair_subject, quote)
    for each in (pricer, quoter):
        await each.client.flush()  # the broker knows the subscriptions
    before = written_on(platform.data_dir)
    await asyncio.gather(
        at_rate(TICKS_PER_S, seconds, tick),
        at_rate(FILLS_PER_S, seconds, lambda due_s: _timed_fill(quoter, next(numbers), due_s, acks)),
        at_rate(ORDER_NEWS_PER_S, seconds, lambda _: _say(quoter, order_news(next(numbers)))),
    )
    taken.lost.append(await ticks.lost(DRAIN_S_MAX))
    if not ticks.latencies_ms:
        raise BusUnavailable(f"none of {taken.lost[-1]} ticks has arrived {DRAIN_S_MAX:g} s after the last")
    taken.written.append((written_on(platform.data_dir) - before, next(sent) - 1))
    taken.tick_ms.append(np.array(ticks.latencies_ms))
    taken.ack_ms.append(np.array(acks))


async def at_rate(per_s: float, seconds: float, act: Callable[[float], Awaitable[None]]) -> None:
    """Do something so often a second, one after the other, and tell it when it was due (of `time.perf_counter`).

    What cannot be done when it is due is done as soon as it can be. An idle machine is some 0.1 ms late.
    """
    loop, due = asyncio.get_running_loop(), asyncio.Queue[float]()
    count = round(per_s * seconds)

    def call() -> None:
        began_s = time.perf_counter()
        for place in range(count):
            due_s = began_s + place / per_s
            time.sleep(max(0.0, due_s - time.perf_counter()))
            loop.call_soon_threadsafe(due.put_nowait, due_s)

    # A thread, since the loop's own timer counts whole milliseconds.
    calling = loop.run_in_executor(None, call)
    for _ in range(count):
        await act(await due.get())
    await calling


async def _say(quoter: NatsConnection, event: Event) -> None:
    """Publish acked and go on, as the outbox does."""
    number = quoter.expect_ack(event.address(), lambda _: None)
    await quoter.publish_for_ack(event.address(), encode(event), ack_headers(event, None, quoter.features), number)
    quoter.forget_ack(number)


async def _timed_fill(quoter: NatsConnection, number: int, due_s: float, acks: list[float]) -> None:
    await quoter.publish_acked(a_fill(number))
    acks.append((time.perf_counter() - due_s) * 1e3)


async def _fills_alone(quoter: NatsConnection, seconds: float, numbers: Iterator[int]) -> float:
    """Return how many fills a second are acknowledged, so many in flight and nothing else going on."""
    began_s = time.perf_counter()
    done = 0

    async def one_after_another() -> None:
        nonlocal done
        while time.perf_counter() - began_s < seconds:
            await quoter.publish_acked(a_fill(next(numbers)))
            done += 1

    await asyncio.gather(*[one_after_another() for _ in range(IN_FLIGHT)])
    return done / (time.perf_counter() - began_s)


def syncs_per_s(folder: Path) -> float:
    """Return how often a second a bare file takes a record and is synced: the floor under everything here."""
    descriptor, path = tempfile.mkstemp(dir=folder)
    try:
        began_s, done = time.perf_counter(), 0
        while time.perf_counter() - began_s < FLOOR_S:
            os.write(descriptor, bytes(RECORD_BYTES))
            os.fsync(descriptor)
            done += 1
        return done / (time.perf_counter() - began_s)
    finally:
        os.close(descriptor)
        os.unlink(path)


def a_top(number: int) -> TopOfBook:
    """Return a best bid and offer that bears its number."""
    now_ns = time.time_ns()
    return TopOfBook(
        venue="degen",
        symbol="BTC-5M",
        bid=float(number),
        ask=number + 1.0,
        bid_size=1.0,
        ask_size=1.0,
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )


def order_news(number: int) -> OrderUpdates:
    """Return news of two orders, a bid and an offer, as the quoter says them."""
    orders = [
        OrderUpdate(
            account="mm1",
            algo_id="1",
            venue="degen",
            order_id=2 * number + side,
            symbol="BTC-5M",
            outcome=Outcome.YES,
            side=(Side.BUY, Side.SELL)[side],
            price_ticks=40 + side,
            quantity_lots=100,
            leaves_lots=100,
            state=OrderState.SUBMITTING,
            order_sequence=1,
            ts_received_ns=time.time_ns(),
        )
        for side in range(2)
    ]
    return OrderUpdates(account="mm1", algo_id="1", update_sequence=number, orders=orders)


def figures(taken: dict[str, Taken], floor: float) -> list[Figure]:
    """Return what was measured: medians over the rounds, ratios of rounds that followed each other."""
    found = [Figure("bare file, synced each time", round(floor), "records/s")]
    for way, each in taken.items():
        disk, ticks = [one for one, _ in each.written], sum(count for _, count in each.written)
        found += [
            Figure(f"{way}: tick p50", round(median(each.tick(50)), 3), "ms, two hops"),
            Figure(f"{way}: tick p99", round(median(each.tick(99)), 3), "ms, two hops"),
            Figure(f"{way}: ticks lost", sum(each.lost), f"of {ticks}"),
            Figure(f"{way}: fill acknowledged p50", round(median(each.ack(50)), 2), "ms, beside ticks"),
            Figure(f"{way}: fill acknowledged p99", round(median(each.ack(99)), 2), "ms, beside ticks"),
            Figure(f"{way}: fills alone", round(median(each.fills_per_s)), f"/s, {IN_FLIGHT} in flight"),
            Figure(f"{way}: disk writes per tick", round(sum(one.writes for one in disk) / ticks, 3), ""),
            Figure(f"{way}: disk KiB per tick", round(sum(one.kib for one in disk) / ticks, 3), ""),
            Figure(f"{way}: disk flushes per tick", round(sum(one.flushes for one in disk) / ticks, 4), ""),
        ]
    for way in (MONEY, ALL, SECOND):
        if way in taken:
            ratios = [mine / theirs for mine, theirs in zip(taken[way].tick(99), taken[DEFAULTS].tick(99), strict=True)]
            text = f"{way}: tick p99 over defaults"
            unit = f"x, rounds {min(ratios):.2f} to {max(ratios):.2f}"
            ratio = round(median(ratios), 3)
            found.append(at_most(text, ratio, unit, TAIL_MAX) if way == MONEY else Figure(text, ratio, unit))
    return found


def main(options: list[str]) -> list[Figure]:
    parser = argparse.ArgumentParser(prog="mm bench storing", description=__doc__)
    parser.add_argument("--rounds", type=whole_number(), default=8)
    parser.add_argument(
        "--seconds", type=number(SECONDS_MIN, SECONDS_MAX), default=6.0, help="per configuration and round"
    )
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="on the disk in question")
    chosen = parser.parse_args(options)
    try:
        place = tempfile.TemporaryDirectory(prefix=".storing-", dir=chosen.dir.resolve())
    except OSError as error:
        parser.error(f"argument --dir: cannot make a folder in {chosen.dir}: {error.strerror}")
    with place:
        folder = Path(place.name)
        server = find_server(NATS, folder, None, wished_for())
        offered = ways(features_of(server.version))
        taken = {way: Taken() for way in offered}
        floor = syncs_per_s(folder)
        print(f"{server}; a bare file takes {floor:.0f} synced records a second", flush=True)
        for round_ in range(1, chosen.rounds + 1):
            # Another one begins each round: a broker started later meets a disk that is busier.
            turn = round_ % len(offered)
            for way, features in [*list(offered.items())[turn:], *list(offered.items())[:turn]]:
                with running(server, features, folder) as platform:
                    uvloop.run(measure(platform, features, chosen.seconds, taken[way]))
                print(f"round {round_} of {chosen.rounds}: {_said(way, taken[way])}", flush=True)
    return figures(taken, floor)


def _said(way: str, taken: Taken) -> str:
    return (
        f"{way}: tick p50 {taken.tick(50)[-1]:.2f} ms, p99 {taken.tick(99)[-1]:.2f} ms, {taken.lost[-1]} lost, "
        f"fill acknowledged p50 {taken.ack(50)[-1]:.1f} ms, {taken.fills_per_s[-1]:.0f} fills/s alone"
    )
