"""The two pipelines that are compared, each as a table of processes with broker and stand-in venue of its own."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from _load import idle_share, load_of, used_between
from _ticks import HALF_SPREAD_CENTS
from common.bus.features import features_of
from common.bus.nats import NatsConnection
from common.events import BotConfig
from common.settings import ServiceSettings
from toolkit.instance import Instance
from toolkit.keys.private_files import write_private
from toolkit.layout import (
    nats_password_file,
    public_keys_file,
    root_key_file,
    signing_key_file,
    venue_keys_dir,
)
from toolkit.paths import CONFIG_DIR
from toolkit.platform.listening import taken_ports
from toolkit.platform.processes import Process, ServerCommands, process_table
from toolkit.platform.supervisor import Supervisor
from toolkit.ports import Ports, port_map
from toolkit.servers.programs import wished_for
from toolkit.servers.record import servers_for
from toolkit.setup import Addresses, prepare

HERE = Path(__file__).parent
PORT_BASES = range(20_000, 30_000, 100)
QUOTING_TIMEOUT_S = 30.0
POLL_S = 0.1
ASK_TIMEOUT_S = 5.0
RUN_GRACE_S = 60.0
ACCOUNT = "mm1"
ASSETS = ("BTC", "ETH", "SOL")

# The account's message budget would hold back most ticks; what is measured is how fast, not how politely.
UNTHROTTLED = {"quoter": {"MM_MESSAGES_PER_S": "100000"}}

PLATFORM = "platform"
BARE = "bare"

# The platform as it runs, but for those that stand beside the path of a tick: people's gateway and the watchdog.
PLATFORM_PARTS = ("nats", "redis", "exchange", "streams", "risk", "feed", "pricer", "quoter")
BARE_PARTS = ("nats", "exchange", "streams")


class NotQuotingError(Exception):
    """A pipeline was started and does not quote; the message holds what its parts say."""


class Pipeline:
    """A running pipeline: send it ticks, get back what became of them."""

    def __init__(self, kind: str, ports: Ports, supervisor: Supervisor, client: httpx.AsyncClient) -> None:
        self._kind, self._ports = kind, ports
        self._venue_url = f"http://127.0.0.1:{ports.exchange}"
        self._supervisor, self._client = supervisor, client

    async def run(self, rate: int, seconds: float) -> dict[str, Any]:
        """Send ticks at a rate (per second, all symbols together) and return the venue's report, and what it took.

        `cpu_ns` is by process as both pipelines name it, `idle_share` 0 to 1; `passes` are the quoter's looks at a
        market and `bus_messages` what the broker was sent.
        """
        counts, load = await self._counts(), load_of(self._pids())
        answer = await self._client.get(
            f"{self._venue_url}/bench/run",
            params={"rate": rate, "seconds": seconds, "conflates": int(self._kind == PLATFORM)},
            timeout=2 * seconds + RUN_GRACE_S,
        )
        answer.raise_for_status()
        after = load_of(self._pids())
        taken = {name: count - counts[name] for name, count in (await self._counts()).items()}
        return {**answer.json(), **taken, "cpu_ns": used_between(load, after), "idle_share": idle_share(load, after)}

    def _pids(self) -> dict[str, int]:
        children = self._supervisor.children.items()
        return {name.removeprefix(f"{BARE}-"): child.pid for name, child in children if child.pid is not None}

    async def _counts(self) -> dict[str, int]:
        """Return what quoter and broker have counted so far; a bare quoter counts nothing."""
        monitor = f"http://127.0.0.1:{self._ports.nats_monitor}/varz"
        counts = {"bus_messages": int((await self._client.get(monitor, timeout=ASK_TIMEOUT_S)).json()["in_msgs"])}
        if self._kind == PLATFORM:
            url = f"http://127.0.0.1:{self._ports.quoter_admin}/metrics"
            lines = (await self._client.get(url, timeout=ASK_TIMEOUT_S)).text.splitlines()
            values = [line.rpartition(" ")[2] for line in lines if line.startswith("mm_passes_total")]
            counts["passes"] = sum(round(float(value)) for value in values)
        return counts

    async def quoted(self) -> int:
        """Return how many markets have a bid and an offer."""
        answer = await self._client.get(f"{self._venue_url}/bench/quoted", timeout=ASK_TIMEOUT_S)
        return len(answer.json()["quoted"])


@asynccontextmanager
async def running(kind: str, data_dir: Path, say: Callable[[str], None]) -> AsyncIterator[Pipeline]:
    """Start a pipeline, yield it once it quotes all markets on both sides, and stop every process of it."""
    ports = free_ports()
    data_dir.mkdir(parents=True)
    servers = servers_for(data_dir, say, wished_for())
    addresses = Addresses("127.0.0.1", ports.nats, ports.nats_monitor, ports.redis)
    platform_id = prepare(data_dir, addresses, features=features_of(servers.nats.version))
    config_dir = data_dir / "config"
    shutil.copytree(CONFIG_DIR, config_dir)
    keys = [
        {"name": f"{ACCOUNT}-trade", "api_key": "stand-in", "api_secret": "none", "scopes": ["read", "trade", "cancel"]}
    ]
    write_private(venue_keys_dir(data_dir) / f"{ACCOUNT}.json", json.dumps(keys))
    instance = Instance(
        data_dir, ports, platform_id, source="model", config_dir=config_dir, log_level="warning", overrides=UNTHROTTLED
    )
    table = table_of(kind, instance, servers.commands)
    supervisor = Supervisor(table, instance.logs_dir, say)
    supervisor.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            await supervisor.all_healthy()
            if kind == PLATFORM:
                await configure_bot(instance)
            pipeline = Pipeline(kind, ports, supervisor, client)
            await until_quoting(pipeline, table, client)
            yield pipeline
    finally:
        await supervisor.stop()


def free_ports() -> Ports:
    """Return ports of which none is taken; the start is drawn, so that two runs do not meet."""
    bases = list(PORT_BASES)
    random.shuffle(bases)
    for base in bases:
        ports = port_map(base)
        if not taken_ports(ports.listening()):
            return ports
    raise RuntimeError(f"no {len(port_map(bases[0]).listening())} free ports from {PORT_BASES.start} on")


def table_of(kind: str, instance: Instance, servers: ServerCommands) -> list[Process]:
    """Return the processes of a pipeline, with the stand-in venue in place of the exchange."""
    wanted = PLATFORM_PARTS if kind == PLATFORM else BARE_PARTS
    table = [process for process in process_table(instance, servers) if process.name in wanted]
    port = str(instance.ports.exchange)
    venue_argv = (sys.executable, str(HERE / "_stub_venue.py"), "--port", port)
    table = [
        replace(process, argv=venue_argv, environment={}) if process.name == "exchange" else process
        for process in table
    ]
    if kind == BARE:
        table += [bare_part(part, instance) for part in ("feed", "pricer", "quoter")]
    return table


def bare_part(part: str, instance: Instance) -> Process:
    """Return one process of the bare pipeline."""
    venue = f"127.0.0.1:{instance.ports.exchange}"
    password_file = str(nats_password_file(instance.data_dir, part))
    return Process(
        name=f"bare-{part}",
        argv=(
            sys.executable,
            str(HERE / "_bare_pipeline.py"),
            part,
            "--nats",
            f"nats://127.0.0.1:{instance.ports.nats}",
            "--venue",
            venue,
            "--password-file",
            password_file,
        ),
        environment={},
        after=("streams", "exchange"),
        # It serves nothing; that orders arrive at the venue shows that it works.
        health_url=f"http://{venue}/health",
    )


async def configure_bot(instance: Instance) -> None:
    """Publish, as the gateway would, the bot that is measured: one level, volatility pinned, nothing in its way."""
    settings = ServiceSettings(
        nats_url=f"nats://127.0.0.1:{instance.ports.nats}",
        nats_user="gateway",
        nats_password_file=nats_password_file(instance.data_dir, "gateway"),
        instance="tick-to-order",
        data_dir=instance.data_dir,
        platform_id=instance.platform_id,
        signing_key_file=signing_key_file(instance.data_dir, "gateway"),
        public_keys_file=public_keys_file(instance.data_dir),
        root_key_file=root_key_file(instance.data_dir),
    )
    sections: dict[str, Any] = {
        "instrument": {
            "venue": "degen",
            "account": ACCOUNT,
            "series": [f"{asset}-5M" for asset in ASSETS],
            "sources": {asset: [{"venue": "binance", "symbol": f"{asset}USDT"}] for asset in ASSETS},
        },
        "pricing": {
            "distribution": "diffusion",
            "volatility_floor": 0.5,
            "volatility_prior": 0.5,
            "volatility_cap": 0.5,
        },
        "quoting": {"spread": 2 * HALF_SPREAD_CENTS / 100, "levels": 1, "size": 100},
        "risk_limits": {"max_messages_per_s": 100_000, "max_cancels_per_s": 100_000, "price_collar": 0.5},
    }
    connection = NatsConnection(settings, "gateway")
    await connection.connect()
    try:
        config = BotConfig(
            algo_id="1",
            kind="binary",
            revision=1,
            running=True,
            sections=sections,
            actor="bench",
            reason="tick to order",
            ts_ns=time.time_ns(),
        )
        await connection.publish_acked(config, expected_last_sequence=0)
    finally:
        await connection.close()


async def until_quoting(pipeline: Pipeline, table: list[Process], client: httpx.AsyncClient) -> None:
    """Return when every market has a bid and an offer; NotQuotingError with what the parts say when none comes."""
    for _ in range(round(QUOTING_TIMEOUT_S / POLL_S)):
        if await pipeline.quoted() == len(ASSETS):
            return
        await asyncio.sleep(POLL_S)
    said = [f"{process.name}: {await _faults(process, client)}" for process in table if process.ready_url]
    raise NotQuotingError("the pipeline does not quote; " + "; ".join(said))


async def _faults(process: Process, client: httpx.AsyncClient) -> str:
    assert process.ready_url is not None
    try:
        return (await client.get(process.ready_url, timeout=ASK_TIMEOUT_S)).text
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"
