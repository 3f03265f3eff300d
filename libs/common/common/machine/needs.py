"""What a process needs of its machine and nobody else would tell of: room on the disk, a clock that is not stepped."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from common.clock import NS_PER_S, AnchoredClock
from common.core import Sample
from common.events import Alert, AlertLevel

DISK_LOW_BYTES = 512 * 1024 * 1024
"""With less room there is an alert."""
DISK_FULL_BYTES = 32 * 1024 * 1024
"""With less the process is not ready: the next write may fail."""
STEP_LOOKS = 3
"""A wall clock found stepped this many times in a row stays stepped."""
ALERT_EVERY_NS = 60 * NS_PER_S
TEXT_CHARS_MAX = 500


def free_bytes(path: Path) -> int:
    """Return the room left for us on the file system that holds a path, or will hold it."""
    while not path.exists() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


class Machine:
    """Looks at the machine once a second and says what a person should know, at most once a minute for each kind."""

    def __init__(
        self,
        service: str,
        data_dir: Path,
        clock: AnchoredClock,
        *,
        free: Callable[[Path], int] = free_bytes,
        lines_lost: Callable[[], int] = lambda: 0,
    ) -> None:
        self._service, self.data_dir, self._clock = service, data_dir, clock
        self._free, self._lines_lost = free, lines_lost
        self._told_ns: dict[str, int] = {}
        self._waiting: list[tuple[str, AlertLevel, str]] = []
        self._lines_told = 0
        self._stepped_looks = 0
        self.free_bytes: int | None = None
        """Room at the last look; None before it and when the disk cannot be asked."""

    @property
    def clock_stepped(self) -> bool:
        """True when the wall clock was stepped for good: the process ends in order and restarts with its time."""
        return self._stepped_looks >= STEP_LOOKS

    def note(self, kind: str, text: str, level: AlertLevel = AlertLevel.WARNING) -> None:
        """Have something told with the next look."""
        self._waiting.append((kind, level, text))

    def look(self) -> list[Alert]:
        """Look at disk, clock and log; return the alerts that are due."""
        self._look_at_disk()
        self._look_at_clock()
        lost = self._lines_lost()
        if lost > self._lines_told:
            self.note("log_lines_lost", f"{lost - self._lines_told} log lines could not be written")
            self._lines_told = lost
        return self._due(self._clock.now_ns())

    def unready(self) -> list[str]:
        if self.free_bytes is None or self.free_bytes >= DISK_FULL_BYTES:
            return []
        return [f"disk of {self.data_dir}: {self.free_bytes >> 20} MiB free, needs {DISK_FULL_BYTES >> 20}"]

    def samples(self) -> Iterable[Sample]:
        yield Sample("mm_log_lines_lost", "counter", "Log lines that could not be written", {}, self._lines_lost())
        yield Sample("mm_clock_drift_seconds", "gauge", "Wall clock minus ours", {}, self._clock.drift_ns() / 1e9)
        if self.free_bytes is not None:
            directory = {"directory": str(self.data_dir)}
            yield Sample("mm_disk_free_bytes", "gauge", "Room on the disk of a directory", directory, self.free_bytes)

    def _look_at_disk(self) -> None:
        try:
            self.free_bytes = self._free(self.data_dir)
        except OSError as error:
            self.free_bytes = None
            self.note("disk_unknown", f"the disk of {self.data_dir} cannot be asked: {error.strerror}")
            return
        if self.free_bytes < DISK_LOW_BYTES:
            full = self.free_bytes < DISK_FULL_BYTES
            level = AlertLevel.CRITICAL if full else AlertLevel.WARNING
            text = f"the disk of {self.data_dir} has {self.free_bytes >> 20} MiB left"
            self.note("disk_full" if full else "disk_low", text, level)

    def _look_at_clock(self) -> None:
        if not self._clock.stepped:
            self._stepped_looks = 0
            self._clock.follow()
            return
        self._stepped_looks += 1
        if self._stepped_looks != STEP_LOOKS:
            return
        text = f"the machine's clock was stepped by {self._clock.drift_ns() / 1e9:+.1f} s: restarts to follow it"
        self.note("clock_stepped", text, AlertLevel.CRITICAL)

    def _due(self, now_ns: int) -> list[Alert]:
        waiting, self._waiting = self._waiting, []
        alerts = []
        for kind, level, text in waiting:
            if now_ns - self._told_ns.get(kind, now_ns - ALERT_EVERY_NS) < ALERT_EVERY_NS:
                continue
            self._told_ns[kind] = now_ns
            alerts.append(
                Alert(
                    level=level,
                    algo_id="platform",
                    source=self._service,
                    kind=kind,
                    text=f"{self._service}: {text}"[:TEXT_CHARS_MAX],
                    ts_ns=now_ns,
                )
            )
        return alerts
