"""A broker with all streams: one of its own for a test that breaks it, a shared one for tests that only use it.

Every test runs on every version of the server that this machine has: the one that comes with the platform, and the
system's.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from common.bus import durable, ordered
from toolkit.checking.not_run import not_run
from toolkit.servers.programs import NATS

from tests.integration.tiny import Run, Tiny
from tests.servers import Broker, programs, running_broker

PROGRAMS = programs(NATS)


@pytest.fixture(params=PROGRAMS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path, PROGRAMS[request.param]) as own:
        yield own


@pytest.fixture
def broker_of_ours(tmp_path: Path) -> Iterator[Broker]:
    """The one that comes with the platform, for what older ones do not do."""
    program = NATS.in_wheel() or not_run("the wheel of NATS, which there is none of for this machine")
    with running_broker(tmp_path, program) as own:
        yield own


@pytest.fixture(scope="module", params=PROGRAMS)
def shared_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker"), PROGRAMS[request.param]) as shared:
        yield shared


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let readers take a shorter silence for a fault, to wait less."""
    monkeypatch.setattr(durable, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(durable, "SILENCE_MAX_S", 0.6)
    monkeypatch.setattr(ordered, "LOOK_S", 0.2)


@pytest.fixture
def run(broker: Broker) -> Iterator[Run]:
    """Start tiny services; whatever still runs in the end is killed."""
    started: list[Tiny] = []

    def start(instance: str = "tiny-0", **environment: str) -> Tiny:
        started.append(Tiny(broker, instance, **environment))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGCONT)
            each.process.kill()
            each.process.wait()
