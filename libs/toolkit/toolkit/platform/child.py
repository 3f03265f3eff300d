"""One child process: its own process group, gone when the supervisor is gone, its output in a log of bounded size."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from toolkit.instance import start_ticks
from toolkit.platform.processes import Process

LOG_MAX_BYTES = 16 * 1024 * 1024
LOG_OLD_FILES = 3

# The rest of the caller's environment may hold secrets that are no business of a service.
PASSED_ON = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
)

_PR_SET_PDEATHSIG = 1
# Looked up before any fork: between fork and exec nothing may be imported.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class RunningChild:
    """A started process and the way to see it end."""

    def __init__(self, process: Process, logs_dir: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
        with _log_or_nothing(log_path(logs_dir, process.name)) as log:
            self._popen = subprocess.Popen(
                process.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=logs_dir,
                env={**environment, "PYTHONUNBUFFERED": "1", **process.environment},
                start_new_session=True,
                preexec_fn=_dies_with_parent(process.parent_death_signal),
            )
        self.pid = self._popen.pid
        self.started_ticks = start_ticks(self.pid)
        self._pidfd = os.pidfd_open(self.pid)
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    @property
    def exit_code(self) -> int | None:
        return self._popen.returncode

    async def ended(self) -> int:
        """Wait for the end; return the exit code, negative for the signal that ended it."""
        await self._ended.wait()
        assert self._popen.returncode is not None
        return self._popen.returncode

    def ask_to_stop(self) -> None:
        if self.exit_code is None:
            self._popen.send_signal(signal.SIGTERM)

    def kill_group(self) -> None:
        """Kill the process and whatever it started itself."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._popen.wait()
        self._ended.set()


def _log_or_nothing(path: Path) -> BinaryIO:
    """Open a log for appending; where that cannot be, its process runs without."""
    try:
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def log_path(logs_dir: Path, name: str) -> Path:
    return logs_dir / f"{name}.log"


def last_lines(logs_dir: Path, name: str, count: int) -> list[str]:
    """Return the end of a process's log, for the person who has to find out why it stopped."""
    try:
        with log_path(logs_dir, name).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 64 * 1024))
            return log.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def rotate(log: Path, max_bytes: int = LOG_MAX_BYTES, old_files: int = LOG_OLD_FILES) -> bool:
    """Move a log that has grown too long into `.1` and older ones one number up; say whether it was moved.

    The child keeps its descriptor (opened for appending), so the content is copied and the file emptied in place.
    """
    if not log.exists() or log.stat().st_size <= max_bytes:
        return False
    for number in range(old_files - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.with_name(f"{log.name}.1").write_bytes(log.read_bytes()[-max_bytes:])
    os.truncate(log, 0)
    return True


def _dies_with_parent(parent_death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def arm() -> None:
        _prctl(_PR_SET_PDEATHSIG, int(parent_death_signal))
        # The parent may have died before the line above took effect.
        if os.getppid() != parent:
            os._exit(1)

    return arm
