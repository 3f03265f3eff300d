"""A real Redis of the tests' own: a local process on a free port, its data in the test's folder."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from toolkit.listening import free_port

REDIS_START_S_MAX = 20.0
PASSWORD = SecretStr("of-the-tests")


class RedisServer:
    """A Redis that can be stopped, started again and emptied."""

    def __init__(self, port: int, command: list[str]) -> None:
        self.url = f"redis://127.0.0.1:{port}/0"
        self._port, self._command = port, command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + REDIS_START_S_MAX
        while not answers(self._port):
            assert time.monotonic() < deadline, "redis-server did not start"
            assert self._process.poll() is None, "redis-server ended at once"
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(("127.0.0.1", port)):
            return False
        try:
            probe.sendall(f"AUTH {PASSWORD.get_secret_value()}\r\n".encode())
            return probe.recv(16).startswith(b"+OK")
        except OSError:
            return False


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    port = free_port()
    assert shutil.which("redis-server"), "redis-server is not on the PATH: ./mm test installs it"
    config = tmp_path / "redis.conf"
    config.write_text(
        f'port {port}\nbind 127.0.0.1\ndir "{tmp_path}"\nsave ""\nappendonly no\n'
        f"requirepass {PASSWORD.get_secret_value()}\n"
    )
    server = RedisServer(port, ["redis-server", str(config)])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_password() -> SecretStr:
    return PASSWORD
