"""One running platform: its data directory, its ports, what drives its prices, and the file that says it is up."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from common.machine.disk import write_whole

from toolkit.paths import CONFIG_DIR
from toolkit.ports import Ports

CONTROL_FILE = "up.json"


class CannotStartError(Exception):
    """The platform cannot be started; the message is one sentence for the person who asked."""


@dataclass(frozen=True)
class Instance:
    """What the person asked for, resolved: everything the process table is made from."""

    data_dir: Path
    ports: Ports
    platform_id: str
    profile: str = "demo"
    source: str = "model"
    replay_files: tuple[Path, ...] = ()
    # Named venues that the exchange hosts beside its own.
    spot_venues: tuple[str, ...] = ()
    log_level: str = "info"
    config_dir: Path = CONFIG_DIR
    # What the bots of the profile trade for, as ACCOUNT@VENUE.
    accounts: tuple[str, ...] = ("mm1@degen",)
    # Those of them that the exchange opens, ACCOUNT@NAME at a named venue.
    makers: tuple[str, ...] = ("mm1",)
    # Replicas of the gateway, which behave as one.
    gateways: int = 1
    # Settings given with --set, by process name.
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def logs_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.gateway}"


@dataclass(frozen=True)
class Running:
    """The control file's content: who supervises this data directory and how its children do."""

    pid: int
    pid_started_ticks: int
    started_at: str
    state: str
    source: str
    ports: Ports
    children: dict[str, dict[str, Any]]

    def alive(self) -> bool:
        return is_same_process(self.pid, self.pid_started_ticks)

    def living_children(self) -> dict[str, int]:
        """Return the pids of the children that are still there, by name."""
        return {
            name: int(row["pid"])
            for name, row in self.children.items()
            if row["pid"] and is_same_process(int(row["pid"]), int(row["pid_started_ticks"] or -1))
        }


def control_path(data_dir: Path) -> Path:
    return data_dir / CONTROL_FILE


def write_control(data_dir: Path, running: Running) -> None:
    """Replace the control file in one step, so that a reader never sees half of it."""
    write_whole(control_path(data_dir), json.dumps(asdict(running), indent=1).encode(), 0o644)


def read_control(data_dir: Path) -> Running | None:
    """Return what the control file says, or None when there is none or it cannot be read."""
    try:
        content = json.loads(control_path(data_dir).read_text())
        return Running(**{**content, "ports": Ports(**content["ports"])})
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def find_running(data_dir: Path) -> Running | None:
    """Return the live supervisor of a data directory; a file left by a dead one counts as none."""
    running = read_control(data_dir)
    return running if running is not None and running.alive() else None


def start_ticks(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot, or None when there is none (or only its zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may hold spaces and brackets, so fields are counted from its closing bracket.
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def is_same_process(pid: int, started_ticks: int) -> bool:
    """Say whether a pid still is the process it was: pids are reused, pid and start time together are not."""
    return start_ticks(pid) == started_ticks


def own_start_ticks() -> int:
    ticks = start_ticks(os.getpid())
    assert ticks is not None, "a running process has a start time"
    return ticks
