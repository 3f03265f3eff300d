"""A broker whose disk runs full: JetStream does not come back by itself, so its supervisor starts the broker again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import nats
import pytest
from common.streams import JETSTREAM_API, SERVER_API
from nats.errors import Error as NatsError
from toolkit.platform.health import jetstream_answers
from toolkit.platform.listening import free_port
from toolkit.platform.processes import EVERY_STREAM, JETSTREAM_ENABLED, JetStreamLogin, Process
from toolkit.platform.supervisor import Supervisor
from toolkit.servers.programs import NATS
from toolkit.testing.servers import programs_here

PROGRAMS = programs_here(NATS)
SMALL, LARGE = "16m", "96m"
BLOCK = b"x" * 250_000
PATIENCE_S = 60
USER, PASSWORD = "operator", "not-secret"


class Disk:
    """A file system of its own that is too small; where none may be mounted, one that never fills."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(folder)]
        self.mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0

    def enlarge(self) -> None:
        if self.mounted:
            subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(self.folder)], check=True)

    def remove(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.remove()


def broker(disk: Disk, tmp_path: Path, program: Path) -> Process:
    port, monitor = free_port(), free_port()
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    config = tmp_path / "nats.conf"
    config.write_text(
        f'listen: "127.0.0.1:{port}"\nhttp: "127.0.0.1:{monitor}"\n'
        f'jetstream {{ store_dir: "{disk.folder}", max_file_store: 1GB, max_memory_store: 16MB }}\n'
        f"authorization {{ users = [ {{ user: {USER}, password: {PASSWORD} }} ] }}\n"
        f'mappings: {{ "{JETSTREAM_API}.>": "{SERVER_API}.>" }}\n'
    )
    return Process(
        name="nats",
        argv=(str(program), "--config", str(config)),
        environment={},
        health_url=f"http://127.0.0.1:{monitor}{JETSTREAM_ENABLED}",
        ready_url=f"http://127.0.0.1:{monitor}{EVERY_STREAM}",
        jetstream=JetStreamLogin(f"nats://127.0.0.1:{port}", USER, password),
        restart_unhealthy_s=0.2,
        store=disk.folder,
        stop_grace_s=1.0,
    )


async def fill(login: JetStreamLogin) -> None:
    """Publish until JetStream stores nothing more."""
    client = await nats.connect(login.url, user=USER, password=PASSWORD, allow_reconnect=False)
    stream = client.jetstream()
    await stream.add_stream(name="A", subjects=["a"])
    with contextlib.suppress(NatsError):
        for _ in range(200):
            await stream.publish("a", BLOCK, timeout=1)
    with contextlib.suppress(NatsError):
        await client.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", PROGRAMS)
async def test_r80_a_broker_that_stores_nothing_after_a_full_disk_is_started_again(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """On a full disk an old broker's JetStream is silent, and a newer one's stream names its write error."""
    monkeypatch.setattr("toolkit.platform.health.ASK_TIMEOUT_S", 1.0)
    monkeypatch.setattr("toolkit.platform.supervisor.WATCH_POLL_S", 0.1)
    process = broker(disk, tmp_path, PROGRAMS[name])
    login = process.jetstream
    assert login is not None
    if disk.mounted:
        # Long before its patience ends: as soon as there is room.
        process = replace(process, restart_unhealthy_s=3_600.0)
    supervisor = Supervisor([process], tmp_path / "logs", lambda text: None)
    supervisor.start()
    await supervisor.all_healthy()
    child = supervisor.children["nats"]
    first_pid = child.pid
    assert first_pid is not None
    if disk.mounted:
        await fill(login)
        await until(lambda: child.out_of_room)
        disk.enlarge()
    else:
        os.kill(first_pid, signal.SIGSTOP)
    await until(lambda: child.pid not in (None, first_pid) and child.state in ("up", "ready"))
    await until(lambda: child.state == "ready")
    assert await jetstream_answers(login)
    assert child.restarts >= 1
    assert await supervisor.stop() == []
