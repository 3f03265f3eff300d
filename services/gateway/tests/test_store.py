"""The token store on a real Redis, started for the test."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
import pytest_asyncio
from common.clock import AnchoredClock
from common.events import User
from gateway.auth.sessions import InvalidGrant, Sessions
from gateway.auth.store import PREFIX, RedisTokenStore, TokensUnavailable
from gateway.auth.users import Users
from pydantic import SecretStr
from redis.asyncio import Redis
from toolkit.listening import free_port

PASSWORD = "password-of-the-test"
POLL_S = 0.02
WAIT_S = 15.0


class RedisProcess:
    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server")
        assert program, "needs redis-server on PATH; ./mm test installs it"
        self.port = free_port()
        config = directory / "redis.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\nrequirepass {PASSWORD}\nsave ''\nappendonly no\ndir {directory}\n"
        )
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [program, str(config)]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)

    async def answering(self) -> Redis:
        client = Redis.from_url(self.url, password=PASSWORD)
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    await client.ping()
                    return client
                except Exception:
                    await asyncio.sleep(POLL_S)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest_asyncio.fixture
async def redis(tmp_path: Path) -> AsyncIterator[RedisProcess]:
    process = RedisProcess(tmp_path)
    client = await process.answering()
    yield process
    await client.aclose()
    process.stop()


@pytest_asyncio.fixture
async def store(redis: RedisProcess) -> AsyncIterator[RedisTokenStore]:
    store = RedisTokenStore(redis.url, SecretStr(PASSWORD))
    yield store
    await store.close()


async def test_values_are_kept_below_the_prefix_and_always_expire(store: RedisTokenStore, redis: RedisProcess) -> None:
    await store.put({"a": b"1", "b": b"2"}, 60)
    await store.claim("c", 60)
    await store.push("d", b"x", 5, 60)
    await store.count("e", 60)
    assert await store.get("a", "missing", "b") == [b"1", None, b"2"]
    client = await redis.answering()
    keys = sorted([key async for key in client.scan_iter()])
    assert keys == [f"{PREFIX}{name}".encode() for name in "abcde"]
    for key in keys:
        assert 0 < await client.ttl(key) <= 60
    await store.delete("a", "b")
    assert await store.get("a", "b") == [None, None]
    await client.aclose()


async def test_a_claim_is_won_by_exactly_one_of_many(store: RedisTokenStore) -> None:
    outcomes = await asyncio.gather(*[store.claim("token", 60) for _ in range(20)])
    assert outcomes.count(True) == 1


async def test_a_list_keeps_its_length_and_returns_what_falls_off(store: RedisTokenStore) -> None:
    fallen = [await store.push("list", str(number).encode(), 3, 60) for number in range(5)]
    assert fallen == [[], [], [], [b"0"], [b"1"]]


async def test_a_counters_window_is_not_moved_by_later_counts(store: RedisTokenStore, redis: RedisProcess) -> None:
    assert [await store.count("tries", 60) for _ in range(3)] == [1, 2, 3]
    client = await redis.answering()
    await client.expire(f"{PREFIX}tries", 7)
    assert await store.count("tries", 60) == 4
    assert await client.ttl(f"{PREFIX}tries") <= 7
    assert await store.count("tries", 60, -1) == 3
    await client.aclose()


async def test_two_replicas_share_sessions_and_a_theft_ends_them_in_both(redis: RedisProcess) -> None:
    users = Users()
    user = User(id="tess", name="Tess", password_hash="h", roles=["trader"], revision=1, actor="t", ts_ns=1)
    users.apply(user, 1)
    stores = [RedisTokenStore(redis.url, SecretStr(PASSWORD)) for _ in range(2)]
    here, there = [Sessions(store, AnchoredClock(), users) for store in stores]
    grant = await here.open(user)
    assert await there.check(grant.access_token) is not None
    renewed = await there.refresh(grant.refresh_token)
    with pytest.raises(InvalidGrant):
        await here.refresh(grant.refresh_token)
    assert await here.check(renewed.access_token) is None
    assert await there.check(renewed.access_token) is None
    for store in stores:
        await store.close()


async def test_a_store_that_is_away_or_refuses_is_said_so(redis: RedisProcess) -> None:
    wrong = RedisTokenStore(redis.url, SecretStr("wrong"))
    away = RedisTokenStore(f"redis://127.0.0.1:{free_port()}/0", None)
    for store in (wrong, away):
        calls: list[Awaitable[object]] = [
            store.get("a"),
            store.put({"a": b"1"}, 5),
            store.claim("a", 5),
            store.count("a", 5),
        ]
        for call in calls:
            with pytest.raises(TokensUnavailable) as error:
                await call
            assert PASSWORD not in str(error.value)
        await store.close()


async def test_a_redis_that_comes_back_empty_is_used_again(tmp_path: Path) -> None:
    redis = RedisProcess(tmp_path)
    store = RedisTokenStore(redis.url, SecretStr(PASSWORD))
    try:
        await (await redis.answering()).aclose()
        await store.put({"a": b"1"}, 60)
        redis.stop()
        with pytest.raises(TokensUnavailable):
            await store.get("a")
        redis.start()
        await (await redis.answering()).aclose()
        assert await store.get("a") == [None]
    finally:
        await store.close()
        redis.stop()
