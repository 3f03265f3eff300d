"""The token store on a real Redis, started for the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
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
from toolkit.platform.listening import free_port
from toolkit.servers.programs import REDIS
from toolkit.testing.servers import LocalRedis, programs_here, running_redis

PROGRAMS = programs_here(REDIS)


@pytest.fixture(params=PROGRAMS)
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalRedis]:
    with running_redis(PROGRAMS[request.param], tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def store(redis: LocalRedis) -> AsyncIterator[RedisTokenStore]:
    store = RedisTokenStore(redis.url, redis.password)
    yield store
    await store.close()


def client_of(redis: LocalRedis) -> Redis:
    return Redis.from_url(redis.url, password=redis.password.get_secret_value())


async def test_values_are_kept_below_the_prefix_and_always_expire(store: RedisTokenStore, redis: LocalRedis) -> None:
    await store.put({"a": b"1", "b": b"2"}, 60)
    await store.claim("c", 60)
    await store.push("d", b"x", 5, 60)
    await store.count("e", 60)
    assert await store.get("a", "missing", "b") == [b"1", None, b"2"]
    client = client_of(redis)
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


async def test_a_counters_window_is_not_moved_by_later_counts(store: RedisTokenStore, redis: LocalRedis) -> None:
    assert [await store.count("tries", 60) for _ in range(3)] == [1, 2, 3]
    client = client_of(redis)
    await client.expire(f"{PREFIX}tries", 7)
    assert await store.count("tries", 60) == 4
    assert await client.ttl(f"{PREFIX}tries") <= 7
    assert await store.count("tries", 60, -1) == 3
    await client.aclose()


async def test_two_replicas_share_sessions_and_a_theft_ends_them_in_both(redis: LocalRedis) -> None:
    users = Users()
    user = User(id="tess", name="Tess", password_hash="h", roles=["trader"], revision=1, actor="t", ts_ns=1)
    users.apply(user, 1)
    stores = [RedisTokenStore(redis.url, redis.password) for _ in range(2)]
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


async def test_a_store_that_is_away_or_refuses_is_said_so(redis: LocalRedis) -> None:
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
            assert redis.password.get_secret_value() not in str(error.value)
        await store.close()


async def test_a_redis_that_comes_back_empty_is_used_again(redis: LocalRedis, store: RedisTokenStore) -> None:
    await store.put({"a": b"1"}, 60)
    redis.stop()
    with pytest.raises(TokensUnavailable):
        await store.get("a")
    redis.start()
    assert await store.get("a") == [None]
