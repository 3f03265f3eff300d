"""How much of the machine was used between two moments, by process and in all, from /proc (see proc(5))."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

NS_PER_TICK = 10**9 // os.sysconf("SC_CLK_TCK")
IDLE_FIELDS = (3, 4)
"""`idle` and `iowait` of the line `cpu` in /proc/stat."""
COUNTED_FIELDS = 8
"""Up to `steal`; guests are counted among users already."""


class Load(NamedTuple):
    """What has been used since the machine's start."""

    cpu_ns: dict[str, int]
    """By process; kept by the kernel to a hundredth of a second or so."""
    idle: int
    total: int
    """Of all cores, in ticks of the kernel."""


def load_of(pids: Mapping[str, int]) -> Load:
    """Return what these processes, by name, and the machine have used; one that has ended is left out."""
    line = Path("/proc/stat").read_text().splitlines()[0]
    fields = [int(field) for field in line.split()[1 : 1 + COUNTED_FIELDS]]
    used = {name: cpu_ns(pid) for name, pid in pids.items()}
    return Load(
        {name: ns for name, ns in used.items() if ns is not None},
        sum(fields[place] for place in IDLE_FIELDS),
        sum(fields),
    )


def cpu_ns(pid: int) -> int | None:
    """Return the processor time of a process with all its threads, in ns; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (int(fields[11]) + int(fields[12])) * NS_PER_TICK


def used_between(before: Load, after: Load) -> dict[str, int]:
    """Return the processor time of each process that lived through, in ns."""
    return {name: ns - before.cpu_ns[name] for name, ns in after.cpu_ns.items() if name in before.cpu_ns}


def idle_share(before: Load, after: Load) -> float:
    """Return which share of the machine, 0 to 1, did nothing."""
    return (after.idle - before.idle) / max(1, after.total - before.total)
