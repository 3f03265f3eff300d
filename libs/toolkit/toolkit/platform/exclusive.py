"""One supervisor per data directory: a second is refused, and what a killed one left behind is cleared first."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from toolkit.instance import CannotStartError, find_running, read_control
from toolkit.platform.processes import QUOTER_STOP_GRACE_S
from toolkit.platform.screen import Screen


@contextlib.contextmanager
def sole_instance(data_dir: Path) -> Iterator[None]:
    """Hold the data directory: a second `mm up` on it is refused, whatever state the first is in."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (data_dir / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            running = find_running(data_dir)
            who = f" as pid {running.pid}" if running else ""
            raise CannotStartError(
                f"a platform runs on {data_dir} already{who}: stop it with ./mm down, or give another --data-dir"
            ) from None
        yield


def end_survivors(data_dir: Path, screen: Screen) -> None:
    """Wait for children of a supervisor that was killed (the quoter cancels its orders first), then kill the rest."""
    former = read_control(data_dir)
    if former is None:
        return
    deadline_s = time.monotonic() + QUOTER_STOP_GRACE_S
    if children := former.living_children():
        screen.say(f"waiting for {', '.join(children)} of the former start to end")
    while children and time.monotonic() < deadline_s:
        time.sleep(0.1)
        children = former.living_children()
    for pid in children.values():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
