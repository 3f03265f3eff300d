"""A broker with all streams: one of its own for a test that breaks it, a shared one for tests that only use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from common.bus import durable, readers

from tests.servers import Broker, running_broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with running_broker(tmp_path_factory.mktemp("broker")) as shared:
        yield shared


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let readers take a shorter silence for a fault, to wait less."""
    for module in (readers, durable):
        monkeypatch.setattr(module, "HEARTBEAT_S", 0.2)
        monkeypatch.setattr(module, "SILENCE_MAX_S", 0.6)
