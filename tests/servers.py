"""Real NATS and Redis servers for tests: in containers where an engine answers, otherwise as local processes.

Each has its own store, random passwords and free ports, can be killed without warning and comes back on its store.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

import docker
from common.bus.accounts import render_server_config
from common.bus.features import features_of
from common.bus.permissions import USERS
from common.settings import ServiceSettings
from common.signing.roles import ROLES
from common.streams import __main__ as step_of_streams
from common.versions import Version
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from toolkit.keys.keyring import KeyPlaces, Keyring
from toolkit.platform.listening import free_port
from toolkit.platform.processes import JETSTREAM_ENABLED
from toolkit.servers.programs import NATS, REDIS, Program, image_answer, what_it_is
from toolkit.testing.servers import programs_here, server_here

PLATFORM_ID = "tests"
READY_WAIT_S = 30.0
POLL_S = 0.02


class Runner(Protocol):
    """One server program that can be started again and again on the same files."""

    def start(self) -> None: ...

    def send_signal(self, number: signal.Signals) -> None: ...

    def stopped(self) -> bool:
        """Say whether SIGSTOP has reached all of it."""
        ...

    def wait(self) -> None:
        """Return when it has ended."""
        ...

    def remove(self) -> None:
        """Leave nothing behind of one that has ended, its files excepted."""
        ...


class LocalProcess:
    """A server as a child of the tests."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = list(command), log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def send_signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def stopped(self) -> bool:
        # A thread that waits for a processor has not stopped before it gets one.
        threads = Path(f"/proc/{self._process.pid}/task").iterdir() if self._process is not None else ()
        return all((thread / "stat").read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)

    def wait(self) -> None:
        if self._process is not None:
            self._process.wait(READY_WAIT_S)

    def remove(self) -> None:
        self._process = None


class Container:
    """A server in a container that shares the host's network and sees the same files under the same paths."""

    def __init__(self, image: str, command: Sequence[str], files: Path) -> None:
        self._container = (
            DockerContainer(image)
            .with_command(list(command))
            .with_volume_mapping(str(files), str(files), "rw")
            .with_kwargs(network_mode="host", user=f"{os.getuid()}:{os.getgid()}", entrypoint="")
        )
        self._started = False

    def start(self) -> None:
        if self._started:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._started = True

    def send_signal(self, number: signal.Signals) -> None:
        if not self._started:
            return
        with contextlib.suppress(DockerException):  # it has ended already
            self._container.get_wrapped_container().kill(signal=number.name)

    def stopped(self) -> bool:
        return True  # nobody can look at its threads from here

    def wait(self) -> None:
        if self._started:
            self._container.get_wrapped_container().wait(timeout=READY_WAIT_S)

    def remove(self) -> None:
        if self._started:
            self._container.stop()


def runner(program: Program, arguments: Sequence[str], files: Path, path: Path | None = None) -> Runner:
    """Return how to run a server here: a given one, a container where an engine has it, else as a start would."""
    if path is not None:
        return LocalProcess([str(path), *arguments], files / f"{program.name}.log")
    if _engine_has(program.image):
        return Container(program.image, [program.commands[0], *arguments], files)
    return LocalProcess([*server_here(program).command, *arguments], files / f"{program.name}.log")


_engine_answers: dict[str, bool] = {}


def _engine_has(image: str) -> bool:
    """Say whether a container engine answers and has the image, or can get it; asked once per image."""
    if image not in _engine_answers:
        # Its clean-up container would be one more image to have; we remove what we start.
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        try:
            client = docker.from_env(timeout=5)
            client.ping()
            if not client.images.list(image):
                client.images.pull(image)
            _engine_answers[image] = True
        except DockerException:
            _engine_answers[image] = False
    return _engine_answers[image]


def wait_until(ready: Callable[[], bool], what: str) -> None:
    """Ask again and again until it is so; AssertionError names what never came."""
    deadline_s = time.monotonic() + READY_WAIT_S
    while not ready():
        assert time.monotonic() < deadline_s, f"never came: {what}"
        time.sleep(POLL_S)


class BreakableServer:
    """What a test does to a server: kill it, freeze it, bring it back."""

    def __init__(self, run: Runner, ready: Callable[[], bool], what: str) -> None:
        self._run, self._ready, self._what = run, ready, what

    def start(self) -> None:
        self._run.start()
        wait_until(self._ready, f"{self._what} answers")

    def kill(self) -> None:
        """End it without warning, as a crash does."""
        self._run.send_signal(signal.SIGKILL)
        self._run.wait()

    def end(self) -> None:
        """End it as a person does: it writes what it holds."""
        self._run.send_signal(signal.SIGTERM)
        self._run.wait()

    def freeze(self) -> None:
        """Stop its clock: connections stay open and nothing answers."""
        self._run.send_signal(signal.SIGSTOP)
        wait_until(self._run.stopped, f"{self._what} stands still")

    def thaw(self) -> None:
        self._run.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.kill()
        self.start()

    def remove(self) -> None:
        """Kill it, frozen or not, and leave nothing behind but its files."""
        self.thaw()
        self.kill()
        self._run.remove()


def _nats_version(program: Path | None) -> Version:
    """Return the version of a NATS program, or of the one that `runner` finds."""
    if program is None and not _engine_has(NATS.image):
        return server_here(NATS).version
    said = image_answer(NATS).found if program is None else what_it_is(program)
    assert said is not None, f"{program or NATS.image} says what it is"
    return said[1]


def programs(program: Program) -> dict[str, Path | None]:
    """Return the servers of one kind that tests run on here, by name; None is the one in a container."""
    container = {"container": None} if _engine_has(program.image) else {}
    return container | programs_here(program)


class Broker(BreakableServer):
    """A NATS server with the platform's users and permissions: a given program, or what `runner` finds."""

    def __init__(self, files: Path, program: Path | None = None) -> None:
        self.files = files
        self.port, self.monitor_port = free_port(), free_port()
        self._passwords = {user: secrets.token_urlsafe(24) for user in USERS}
        for user, password in self._passwords.items():
            self.password_file(user).touch(mode=0o600)
            self.password_file(user).write_text(password + "\n")
        self.keyring = Keyring(KeyPlaces.of(files / "data"), PLATFORM_ID)
        self.keyring.ensure()
        config = files / "nats.conf"
        config.touch(mode=0o600)
        config.write_text(
            render_server_config(
                self._passwords,
                store_dir=str(files / "jetstream"),
                port=self.port,
                monitor_port=self.monitor_port,
                features=features_of(_nats_version(program)),
            )
        )
        super().__init__(runner(NATS, ["-c", str(config)], files, program), self._healthy, "the broker")

    def password_file(self, user: str) -> Path:
        return self.files / f"{user}.password"

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def environment(self, user: str, **more: str) -> dict[str, str]:
        """Return the environment of a process that connects as this user."""
        ours = {
            "MM_NATS_URL": self.url,
            "MM_NATS_USER": user,
            "MM_NATS_PASSWORD_FILE": str(self.password_file(user)),
            "MM_DATA_DIR": str(self.files / "data"),
            "MM_PLATFORM_ID": PLATFORM_ID,
        }
        if user in ROLES:
            ours |= {f"MM_{name.upper()}": str(path) for name, path in self._key_files(user).items()}
        return {name: value for name, value in os.environ.items() if not name.startswith("MM_")} | ours | more

    def settings(self, user: str, **more: Any) -> ServiceSettings:
        """Return the settings of a service of this name."""
        return ServiceSettings(
            nats_url=self.url,
            nats_user=user,
            nats_password_file=self.password_file(user),
            data_dir=self.files / "data",
            platform_id=PLATFORM_ID,
            **(self._key_files(user) if user in ROLES else {}),
            **more,
        )

    def _key_files(self, service: str) -> dict[str, Any]:
        """Return the settings a service finds its keys by."""
        places = self.keyring.places
        return {
            "signing_key_file": places.signing_keys[service],
            "public_keys_file": places.public_keys,
            "root_key_file": places.root_public,
        }

    def _healthy(self) -> bool:
        return _answers(f"http://127.0.0.1:{self.monitor_port}{JETSTREAM_ENABLED}")


class RedisServer(BreakableServer):
    """A Redis server that appends every write to its file: a given program, or what `runner` finds."""

    def __init__(self, files: Path, program: Path | None = None) -> None:
        self.port = free_port()
        self._password = secrets.token_urlsafe(24)
        config = files / "redis.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'port {self.port}\nbind 127.0.0.1\ndir {files}\nappendonly yes\nsave ""\nrequirepass {self._password}\n'
        )
        super().__init__(runner(REDIS, [str(config)], files, program), self._listens, "Redis")

    @property
    def password(self) -> str:
        return self._password

    def _listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith((b"-NOAUTH", b"+PONG"))
        except OSError:
            return False


@contextlib.contextmanager
def running_broker(files: Path, program: Path | None = None) -> Iterator[Broker]:
    """Run a broker with all streams as the `streams` step makes them; kill it in the end."""
    made = Path(_set_up(program).name)
    for name in ("data", "jetstream"):
        shutil.copytree(made / name, files / name)
    broker = Broker(files, program)
    try:
        broker.start()
        yield broker
    finally:
        broker.remove()


@cache
def _set_up(program: Path | None) -> tempfile.TemporaryDirectory[str]:
    """Return a folder with the keys and the streams of a broker that has ended: one for all that begin with a copy.

    Making them takes many times as long as reading them.
    """
    folder = tempfile.TemporaryDirectory(prefix="broker-")
    broker = Broker(Path(folder.name), program)
    try:
        broker.start()
        run_python(["-m", "common.streams"], broker.environment("streams"))
        broker.end()
    finally:
        broker.remove()
    return folder


def make_streams(broker: Broker, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the `streams` step here, which spares a process; CalledProcessError when it fails."""
    said, complained = io.StringIO(), io.StringIO()
    environment = mock.patch.dict(os.environ, broker.environment("streams"), clear=True)
    # In a thread of its own, since it runs a loop.
    with (
        environment,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
        ThreadPoolExecutor(1) as thread,
    ):
        code = thread.submit(step_of_streams.main, arguments).result()
    done = subprocess.CompletedProcess(["streams", *arguments], code, said.getvalue(), complained.getvalue())
    done.check_returncode()
    return done


def run_python(arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], env=dict(environment), capture_output=True, text=True, check=True, timeout=60
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310  our own loopback address
            return bool(answer.status == 200)
    except OSError:
        return False
