"""Servers for tests: which versions this machine has, and a Redis that a test may stop, start again and empty."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.versions import text_of
from pydantic import SecretStr

from toolkit.checking.not_run import not_run
from toolkit.platform.listening import free_port
from toolkit.servers.programs import NoServerError, Origin, Program, Server, candidates, find_server, wished_for
from toolkit.servers.table import Use

START_S_MAX = 20.0
POLL_S = 0.02
PASSWORD_BYTES = 16


def programs_here(program: Program) -> dict[str, Path]:
    """Return the servers of one kind that tests can run here, by name and version: 'NATS-2.15.1'.

    A test with none of them as its parameter is listed as NOT RUN.
    """
    return {
        f"{server.kind.value}-{text_of(server.version)}": Path(server.command[0])
        for origin in (Origin.SYSTEM, Origin.WHEELS)
        for server in candidates(program, Path(), origin.value)
        if server.row.use is not Use.REFUSED
    }


def server_here(program: Program) -> Server:
    """Return the server that a fresh start would run here, as the environment wishes; without one nothing is tested."""
    try:
        return find_server(program, Path(), None, wished_for())
    except NoServerError as error:
        not_run(str(error))


class LocalRedis:
    """A Redis of a test's own: a local process on a free port that keeps nothing when it is stopped."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.password = SecretStr(secrets.token_urlsafe(PASSWORD_BYTES))
        config = folder / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'port {self._port}\nbind 127.0.0.1\ndir "{folder}"\nsave ""\nappendonly no\n'
            f"requirepass {self.password.get_secret_value()}\n"
        )
        self._command = [str(program), str(config)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers to its password."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline_s = time.monotonic() + START_S_MAX
        while not self._answers():
            assert time.monotonic() < deadline_s, f"{self._command[0]} did not start"
            assert self._process.poll() is None, f"{self._command[0]} ended at once"
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End it without warning."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", self._port)):
                return False
            try:
                probe.sendall(f"AUTH {self.password.get_secret_value()}\r\n".encode())
                return probe.recv(16).startswith(b"+OK")
            except OSError:
                return False


@contextmanager
def running_redis(program: Path, folder: Path) -> Iterator[LocalRedis]:
    """Run a Redis of a test's own; kill it in the end."""
    server = LocalRedis(program, folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
