import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toolkit.platform.listening import free_port
from toolkit.platform.processes import Process

FAKE_SERVICE = Path(__file__).with_name("fake_service.py")

END_WAIT_MS = 20_000


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events"
    path.touch()
    return path


@pytest.fixture
def fake_process(events: Path) -> Callable[..., Process]:
    """Return a maker of processes that run the fake service on a free port."""

    def make(
        name: str, *options: str, after: tuple[str, ...] = (), stop_wave: int = 0, stop_grace_s: float = 10.0
    ) -> Process:
        port = free_port()
        return Process(
            name=name,
            argv=(sys.executable, str(FAKE_SERVICE), name, str(port), str(events), *options),
            environment={},
            after=after,
            health_url=f"http://127.0.0.1:{port}/health",
            ready_url=f"http://127.0.0.1:{port}/ready",
            stop_wave=stop_wave,
            stop_grace_s=stop_grace_s,
        )

    return make


@pytest.fixture
def ends() -> Callable[[int], bool]:
    """Return what waits until a process, ours or not, has ended and says whether it has."""
    return wait_for_end


def wait_for_end(pid: int) -> bool:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        waiting = select.poll()
        waiting.register(pidfd, select.POLLIN)
        return bool(waiting.poll(END_WAIT_MS))
    finally:
        os.close(pidfd)
