"""A real Redis of the tests' own, of every version this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from toolkit.servers import REDIS
from toolkit.testing import LocalRedis, programs_here

PROGRAMS = programs_here(REDIS)


@pytest.fixture(params=PROGRAMS)
def redis_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalRedis]:
    server = LocalRedis(PROGRAMS[request.param], tmp_path)
    server.start()
    yield server
    server.stop()
