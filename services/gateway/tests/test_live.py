"""The gateway as a process, on a real broker with its real permissions and a real Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
import websockets
from common.bus.accounts import render_server_config
from common.bus.features import features_of
from common.bus.nats import NatsConnection
from common.bus.permissions import USERS
from common.clock import AnchoredClock
from common.orders import OrderState
from common.settings import ServiceSettings
from gateway.state.view import View
from gateway.testing.platform import Story
from toolkit.keys.keyring import KeyPlaces, Keyring
from toolkit.platform.listening import free_port
from toolkit.servers.programs import NATS, REDIS
from toolkit.testing.servers import server_here

PLATFORM_ID = "gateway-tests"

ROOT = Path(__file__).parents[3]
WAIT_S = 40.0
POLL_S = 0.05


class Platform:
    """A broker, a Redis, the streams, and gateways on top, below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.nats_port, self.redis_port = free_port(), free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.keyring = Keyring(KeyPlaces.of(directory / "data"), PLATFORM_ID)
        self.keyring.ensure()
        for name in (*USERS, "redis-password", "admin-token"):
            (directory / name).write_text(f"secret-of-{name}")
        broker = server_here(NATS)
        config = render_server_config(
            {user: f"secret-of-{user}" for user in USERS},
            store_dir=str(directory / "jetstream"),
            port=self.nats_port,
            monitor_port=free_port(),
            features=features_of(broker.version),
        )
        (directory / "nats.conf").write_text(config)
        (directory / "redis.conf").write_text(
            f"port {self.redis_port}\nbind 127.0.0.1\nrequirepass secret-of-redis-password\nsave ''\ndir {directory}\n"
        )
        self.start([*broker.command, "--config", str(directory / "nats.conf")])
        self.start([*server_here(REDIS).command, str(directory / "redis.conf")])
        subprocess.run(
            [sys.executable, "-m", "common.streams"],
            env=self.environment("streams", **self.key_environment("streams")),
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=WAIT_S,
        )

    def environment(self, user: str, **own: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        return kept | {
            "MM_NATS_URL": f"nats://127.0.0.1:{self.nats_port}",
            "MM_NATS_USER": user,
            "MM_NATS_PASSWORD_FILE": str(self.directory / user),
            "MM_DATA_DIR": str(self.directory / "data"),
            "MM_PLATFORM_ID": PLATFORM_ID,
            **own,
        }

    def key_environment(self, role: str) -> dict[str, str]:
        return {f"MM_{name.upper()}": str(path) for name, path in self.keys(role, role).items()}

    def keys(self, role: str, instance: str) -> dict[str, Path]:
        """Return where a process of a role finds its keys; every replica has one of its own."""
        path = self.directory / f"{instance}.key"
        if not path.exists():
            self.keyring.place(self.keyring.list_new(role, instance), path)
        places = self.keyring.places
        return {
            "signing_key_file": path,
            "public_keys_file": places.public_keys,
            "root_key_file": places.root_public,
        }

    def start(
        self, command: list[str], environment: dict[str, str] | None = None, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        with (log or Path(os.devnull)).open("ab") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        self.processes.append(process)
        return process

    def gateway(self, instance: str) -> Gateway:
        port = free_port()
        keys = {f"MM_{name.upper()}": str(path) for name, path in self.keys("gateway", instance).items()}
        environment = self.environment(
            "gateway",
            **keys,
            MM_INSTANCE=instance,
            MM_GATEWAY_PORT=str(port),
            MM_CONFIG_DIR=str(ROOT / "config"),
            MM_REDIS_URL=f"redis://127.0.0.1:{self.redis_port}/0",
            MM_REDIS_PASSWORD_FILE=str(self.directory / "redis-password"),
            MM_ADMIN_TOKEN_FILE=str(self.directory / "admin-token"),
        )
        log = self.directory / f"{instance}.log"
        return Gateway(self.start([sys.executable, "-m", "gateway"], environment, log), port, log)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Gateway:
    """A gateway's process and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.log = process, log
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)

    async def answering(self) -> None:
        async with asyncio.timeout(WAIT_S):
            while True:
                assert self.process.poll() is None, self.log.read_text()
                try:
                    await self.client.get("/")
                    return
                except httpx.HTTPError:
                    await asyncio.sleep(POLL_S)

    async def log_in(self, password: str) -> dict[str, str]:
        form = {"grant_type": "password", "username": "admin", "password": password}
        answer = await self.client.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    async def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, WAIT_S)


@pytest_asyncio.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    platform = await asyncio.to_thread(Platform, tmp_path)
    yield platform
    platform.stop()


async def test_first_start_two_replicas_conflicts_restart_and_an_orderly_end(platform: Platform) -> None:
    first = platform.gateway("first")
    await first.answering()
    path = platform.directory / "data" / "gateway" / "admin-password"
    password = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert first.log.read_text().count(f"admin password written to {path}") == 1
    assert password not in first.log.read_text()

    second = platform.gateway("second")
    await second.answering()
    assert "admin password" not in second.log.read_text()
    here, there = await first.log_in(password), await second.log_in(password)
    # One login is good at both replicas.
    bots = (await second.client.get("/api/bots", headers=here)).json()["bots"]
    assert [(each["algo_id"], each["kind"]) for each in bots] == [("1", "binary"), ("2", "fixed")]
    bot = bots[0]
    assert (bot["algo_id"], bot["revision"], bot["configured_running"]) == ("1", 1, True)

    # Both change revision 1 at the same moment: the broker lets exactly one win, and says so to the other.
    changes = [
        {
            "kind": "binary",
            "running": True,
            "sections": {**bot["sections"], "quoting": {"spread": spread}},
            "revision": 1,
        }
        for spread in (0.06, 0.08)
    ]
    answers = await asyncio.gather(
        first.client.put("/api/bots/1", json=changes[0], headers=here),
        second.client.put("/api/bots/1", json=changes[1], headers=there),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    won = next(answer.json()["bot"] for answer in answers if answer.status_code == 200)

    halted = await first.client.post("/api/halts", json={"scope": "bot-1"}, headers=here)
    assert halted.status_code == 201
    async with asyncio.timeout(WAIT_S):
        while not (await second.client.get("/api/halts", headers=there)).json()["halts"]:  # noqa: ASYNC110 - over the bus
            await asyncio.sleep(POLL_S)
    assert (await second.client.delete("/api/halts/bot-1/manual", headers=there)).status_code == 200

    # Who reads topics does not keep a stopping gateway.
    address = str(first.client.base_url).replace("http://", "ws://").rstrip("/")
    async with websockets.connect(f"{address}/websocket/v0") as socket:
        await socket.send(f"CONNECT\nauthorization:{here['authorization']}\naccept-version:1.2\n\n\0")
        await socket.send("SUBSCRIBE\nid:0\ndestination:/topic/v1/picture\n\n\0")
        async with asyncio.timeout(WAIT_S):
            assert str(await socket.recv()).startswith("CONNECTED")
            assert '"bots"' in str(await socket.recv())
        assert await first.terminate() == 0
    assert await second.terminate() == 0

    again = platform.gateway("again")
    await again.answering()
    # The login outlives the process, and so does the change.
    kept = (await again.client.get("/api/bots/1", headers=here)).json()
    assert (kept["revision"], kept["sections"]) == (2, won["sections"])
    rows = (await again.client.get("/api/bots/1/history", headers=here)).json()["history"]
    assert [(row["revision"], row["changed_by"]) for row in rows] == [(2, "admin"), (1, "first-start")]
    assert rows[0]["fields"]["quoting.spread"] == [0.04, won["sections"]["quoting"]["spread"]]
    assert path.read_text().strip() == password
    assert (await again.client.get("/api/halts", headers=here)).json() == {"halts": []}
    assert await again.terminate() == 0


async def test_a_forwarded_address_does_not_escape_the_login_throttle(platform: Platform) -> None:
    gateway = platform.gateway("guessed")
    await gateway.answering()
    form = {"grant_type": "password", "username": "admin", "password": "a wrong guess"}
    statuses = []
    for number in range(12):
        headers = {"x-forwarded-for": f"10.0.0.{number}"}
        statuses.append((await gateway.client.post("/oauth/token", data=form, headers=headers)).status_code)
    assert statuses[:4] == [400] * 4
    assert 429 in statuses


async def test_a_restarted_gateway_still_shows_the_last_fills_and_orders(platform: Platform) -> None:
    story = Story(View(admin_urls={}, quoted_venues=[]), AnchoredClock())
    keys: dict[str, Any] = platform.keys("quoter", "quoter")
    settings = ServiceSettings(
        nats_url=f"nats://127.0.0.1:{platform.nats_port}",
        nats_password_file=platform.directory / "quoter",
        data_dir=platform.directory / "data",
        platform_id=PLATFORM_ID,
        **keys,
    )
    quoter = NatsConnection(settings, "quoter")
    await quoter.connect()
    for number in range(3):
        await quoter.publish_acked(story.fill(str(number), 50, 10))
    for state in (OrderState.SUBMITTING, OrderState.LIVE):
        await quoter.publish_acked(story.order(7, 50, state=state))
    gateway = platform.gateway("late")
    await gateway.answering()
    password = (platform.directory / "data" / "gateway" / "admin-password").read_text().strip()
    headers = await gateway.log_in(password)
    await quoter.publish_acked(story.fill("new", 51, 10))

    async def shown() -> tuple[list[str], list[str]]:
        fills = (await gateway.client.get("/api/fills", headers=headers)).json()["fills"]
        orders = (await gateway.client.get("/api/orders", headers=headers)).json()["orders"]
        return [fill["venue_trade_id"] for fill in fills], [order["state"] for order in orders]

    async with asyncio.timeout(WAIT_S):
        while await shown() != (["new", "2", "1", "0"], ["live"]):  # noqa: ASYNC110 - over the bus
            await asyncio.sleep(POLL_S)
    await quoter.close()
    assert await gateway.terminate() == 0
