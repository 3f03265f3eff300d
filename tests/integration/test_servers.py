"""The servers of the tests themselves: killed without warning they come back with what they had acknowledged."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from common.bus.jetstream import JetStreamApi
from common.testing.events import fill
from toolkit.servers.programs import REDIS

from tests.integration.connections import connected, eventually, in_thread
from tests.servers import Broker, RedisServer, programs

PROGRAMS = programs(REDIS)


@pytest.fixture(params=PROGRAMS)
def redis_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path, PROGRAMS[request.param])
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_the_broker_comes_back_with_everything_it_acknowledged(broker: Broker) -> None:
    async with connected(broker, "quoter") as quoter:
        sequences = [await quoter.publish_acked(fill(number)) for number in range(1, 101)]
        await in_thread(broker.restart)
        await eventually(lambda: quoter.connected, "connected again")
        assert await JetStreamApi(quoter).last_sequence("FILL") == sequences[-1] == 101
        assert await quoter.publish_acked(fill(100)) == 101, "and knows repeats from before"


def test_redis_comes_back_with_every_write_and_asks_for_its_password(redis_server: RedisServer) -> None:
    with redis.Redis(port=redis_server.port, password=redis_server.password) as client:
        client.hset("position", "mm1", "17")
    redis_server.restart()
    with redis.Redis(port=redis_server.port, password=redis_server.password) as client:
        assert client.hget("position", "mm1") == b"17"
    with redis.Redis(port=redis_server.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_passwords_lie_in_files_nobody_else_may_read(broker: Broker) -> None:
    for path in (broker.files / "nats.conf", broker.password_file("quoter"), broker.password_file("operator")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
