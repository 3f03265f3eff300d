"""Where tokens and login counts live: Redis, so that every replica of the gateway knows the same ones.

Nothing here is precious: after a wipe people log in again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from common.errors import MarketMakerError
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import RedisError

PREFIX = "gateway:"
TIMEOUT_S = 1.0
RETRIES_MAX = 1
CONNECTIONS_MAX = 32


class TokensUnavailable(MarketMakerError):
    """The token store does not answer, so nobody can be recognised."""


class TokenStore(Protocol):
    """Small values that expire; every method raises TokensUnavailable while the store is away."""

    async def get(self, *keys: str) -> list[bytes | None]: ...

    async def put(self, values: Mapping[str, bytes], ttl_s: int) -> None:
        """Write all values or none."""
        ...

    async def claim(self, key: str, ttl_s: int) -> bool:
        """Return True to exactly one of all who ever ask for this key while it lives."""
        ...

    async def delete(self, *keys: str) -> None: ...

    async def push(self, key: str, value: bytes, length_max: int, ttl_s: int) -> list[bytes]:
        """Put a value at the head of a list and return what fell off its end."""
        ...

    async def count(self, key: str, window_s: int, step: int = 1) -> int:
        """Add to a counter that is reset `window_s` after its first count; return it."""
        ...


class RedisTokenStore:
    """The token store in Redis, below the key prefix `gateway:`."""

    def __init__(self, url: str, password: SecretStr | None) -> None:
        self._redis = Redis.from_url(
            url,
            password=password.get_secret_value() if password else None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            max_connections=CONNECTIONS_MAX,
            retry=Retry(ConstantBackoff(0.05), RETRIES_MAX),
        )

    async def get(self, *keys: str) -> list[bytes | None]:
        with _answering():
            values: list[bytes | None] = await self._redis.mget([PREFIX + key for key in keys])  # type: ignore[assignment]
        return values

    async def put(self, values: Mapping[str, bytes], ttl_s: int) -> None:
        with _answering():
            async with self._redis.pipeline(transaction=True) as pipe:
                for key, value in values.items():
                    pipe.set(PREFIX + key, value, ex=ttl_s)
                await pipe.execute()

    async def claim(self, key: str, ttl_s: int) -> bool:
        # The client may send a request again whose answer was lost: a name tells our own first try from another's.
        name = secrets.token_bytes(16)
        with _answering():
            if await self._redis.set(PREFIX + key, name, ex=ttl_s, nx=True):
                return True
            return bool(await self._redis.get(PREFIX + key) == name)

    async def delete(self, *keys: str) -> None:
        with _answering():
            await self._redis.delete(*[PREFIX + key for key in keys])

    async def push(self, key: str, value: bytes, length_max: int, ttl_s: int) -> list[bytes]:
        with _answering():
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.lpush(PREFIX + key, value)
                pipe.lrange(PREFIX + key, length_max, -1)
                pipe.ltrim(PREFIX + key, 0, length_max - 1)
                pipe.expire(PREFIX + key, ttl_s)
                _, fallen, _, _ = await pipe.execute()
        return list(fallen)

    async def count(self, key: str, window_s: int, step: int = 1) -> int:
        with _answering():
            async with self._redis.pipeline(transaction=True) as pipe:
                # The window is set by the first count only, or somebody who keeps trying would never get out of it.
                pipe.set(PREFIX + key, 0, ex=window_s, nx=True)
                pipe.incrby(PREFIX + key, step)
                _, counted = await pipe.execute()
        return int(counted)

    async def close(self) -> None:
        await self._redis.aclose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise TokensUnavailable(f"token store: {type(error).__name__}") from error
