"""A real Redis of the tests' own, of every version this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from toolkit.servers.programs import REDIS
from toolkit.testing.servers import LocalRedis, programs_here, running_redis

PROGRAMS = programs_here(REDIS)


@pytest.fixture(params=PROGRAMS)
def redis_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalRedis]:
    with running_redis(PROGRAMS[request.param], tmp_path) as server:
        yield server
