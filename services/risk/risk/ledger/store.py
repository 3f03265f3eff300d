"""The positions store: one Redis hash per shard that always holds the ledger as of one FILL sequence, never half of it.

Besides the ledger's documents the hash has `platform_id` and `sequence`. One script applies a message's changes when
they are the next after what is stored; what is stored already is left alone; after a gap (the store was wiped, or away
at our start) the whole ledger is written instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

from common.core import Store
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from risk.ledger.books import Ledger
from risk.ledger.snapshot import StoreHealth, documents

TIMEOUT_S = 1.0
IMAGE_TIMEOUT_S = 30.0
PLATFORM_FIELD = "platform_id"
SEQUENCE_FIELD = "sequence"

# KEYS: the hash. ARGV: platform id, sequence these changes follow (-1: they are the whole ledger), their own sequence,
# then fields and values. Answers what it did and the sequence stored afterwards.
APPLY = """
local stored = redis.call('HMGET', KEYS[1], 'platform_id', 'sequence')
if (stored[1] and stored[1] ~= ARGV[1]) or (stored[2] and not stored[1]) then return {'platform', stored[1] or ''} end
local at, follows, sequence = tonumber(stored[2] or '0'), tonumber(ARGV[2]), tonumber(ARGV[3])
if follows ~= -2 and (at > sequence or (at == sequence and follows >= 0)) then return {'already', tostring(at)} end
if follows >= 0 and at ~= follows then return {'gap', tostring(at)} end
if follows < 0 then redis.call('DEL', KEYS[1]) end
for i = 4, #ARGV, 2 do
  local field, value = ARGV[i], ARGV[i + 1]
  if value == '' then redis.call('HDEL', KEYS[1], field) else redis.call('HSET', KEYS[1], field, value) end
end
redis.call('HSET', KEYS[1], 'platform_id', ARGV[1], 'sequence', ARGV[3])
return {'applied', ARGV[3]}
"""
WHOLE = -1
REPLACED = -2
"""A whole ledger, in place of one that is further on: a person has said that it is not of this FILL."""


class Loaded(NamedTuple):
    """What the store holds; no fields when it is empty."""

    platform_id: str
    fields: dict[str, bytes]


class RedisStore:
    """One shard's ledger in Redis; raises OSError while Redis does not do what it is asked."""

    def __init__(
        self,
        url: str,
        password: SecretStr | None,
        platform_id: str,
        shard: str,
        ledger: Callable[[], Ledger],
        health: StoreHealth,
    ) -> None:
        self.key = f"risk:{shard}"
        self.health = health
        self._platform_id, self._ledger = platform_id, ledger
        self._whole_due = False
        """The store may hold documents of another form than ours: changes must not be mixed with them."""
        self._redis = Redis.from_url(
            url,
            password=password.get_secret_value() if password else None,
            socket_connect_timeout=TIMEOUT_S,
            socket_timeout=IMAGE_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(APPLY)

    async def load(self) -> Loaded:
        """Return everything that is stored."""
        everything = cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(self.key))
        answer = await self._asked(everything, IMAGE_TIMEOUT_S)
        fields = {name.decode(): value for name, value in answer.items()}
        platform_id = fields.pop(PLATFORM_FIELD, b"").decode(errors="replace")
        fields.pop(SEQUENCE_FIELD, None)
        return Loaded(platform_id, fields)

    async def apply(self, store: Store) -> None:
        """Write the changes of one message; returns when they are stored, by this call or before it."""
        if self._whole_due:
            await self.write_whole(self._ledger())
            return
        status, word = await self._run(store.sequence - 1, store.sequence, store.fields)
        if status == "gap":
            await self.write_whole(self._ledger())
            return
        self._judge(status, word, self._ledger())

    async def write_whole(self, ledger: Ledger, *, replace: bool = False) -> None:
        """Write a ledger in place of whatever the store holds, unless that is further on and not to be replaced."""
        self._whole_due = True
        status, word = await self._run(REPLACED if replace else WHOLE, ledger.sequence, documents(ledger))
        self._judge(status, word, ledger)
        self._whole_due = False

    async def close(self) -> None:
        await self._redis.aclose()

    def _judge(self, status: str, word: str, ledger: Ledger) -> None:
        if status == "platform":
            self.health.ahead = f"the positions store belongs to platform {word!r}, this is {self._platform_id!r}"
            raise OSError(self.health.ahead)
        if int(word) > ledger.sequence:
            self.health.ahead = (
                f"the positions store is at FILL sequence {word}, the ledger at {ledger.sequence}: "
                "FILL has lost entries or another ledger writes"
            )
            raise OSError(self.health.ahead)

    async def _run(self, follows: int, sequence: int, fields: Mapping[str, bytes]) -> tuple[str, str]:
        arguments: list[str | int | bytes] = [self._platform_id, follows, sequence]
        for name in sorted(fields):
            arguments += (name, fields[name])
        timeout_s = IMAGE_TIMEOUT_S if follows < 0 else TIMEOUT_S
        answer = await self._asked(self._script(keys=[self.key], args=arguments), timeout_s)
        return answer[0].decode(), answer[1].decode()

    async def _asked(self, request: Awaitable[Any], timeout_s: float) -> Any:
        try:
            answer = await asyncio.wait_for(request, timeout_s)
        except (RedisError, OSError) as error:
            self.health.away = True
            raise OSError(f"redis: {type(error).__name__}: {error}") from None
        self.health.away = False
        return answer
