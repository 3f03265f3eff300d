"""A FILL stream in memory and a ledger with a real Redis, for tests of what is kept and how a start finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from common.bus.messages import Message
from common.core import Store
from common.events import Fill, Posting, StoreIdentity, encode
from pydantic import SecretStr
from redis.asyncio import Redis

from risk.ledger.books import Ledger
from risk.ledger.recovery import Recovered, recover
from risk.ledger.snapshot import StoreHealth, changes, documents
from risk.ledger.store import RedisStore
from risk.testing.harness import stored


class Server(Protocol):
    """Where a Redis is."""

    url: str
    password: SecretStr


class Stream:
    """FILL as a list; `None` is a message somebody deleted, a tuple is subject and bytes."""

    def __init__(self, *entries: Fill | Posting | StoreIdentity | tuple[str, bytes] | None) -> None:
        self.entries = list(entries)

    async def read(self, stream: str, after_sequence: int) -> AsyncIterator[Message]:
        assert stream == "FILL"
        for sequence, entry in enumerate(self.entries, 1):
            if sequence <= after_sequence or entry is None:
                continue
            subject, data = entry if isinstance(entry, tuple) else (entry.address(), encode(entry))
            yield Message(subject, data, sequence)


class Setting:
    """One ledger with its store, and a plain client to look at what is stored."""

    def __init__(self, url: str, password: SecretStr, platform_id: str = "p1") -> None:
        self.ledger = Ledger()
        self.health = StoreHealth()
        self.store = RedisStore(url, password, platform_id, "0", lambda: self.ledger, self.health)
        self.client = Redis.from_url(url, password=password.get_secret_value())
        self.platform_id = platform_id

    def fold(self, entry: Fill | Posting) -> Store:
        """Take an entry as the core does and return the write it asks for."""
        sequence = self.ledger.sequence + 1
        return Store(sequence, changes(self.ledger, self.ledger.fold(stored(entry), sequence)))

    async def stored(self) -> dict[str, bytes]:
        everything: Any = self.client.hgetall(self.store.key)
        return {name.decode(): value for name, value in (await everything).items()}

    def expected(self) -> dict[str, bytes]:
        head = {"platform_id": self.platform_id.encode(), "sequence": str(self.ledger.sequence).encode()}
        return documents(self.ledger) | head

    async def put(self, fields: Mapping[str, bytes], sequence: int) -> None:
        """Put documents there as another build of risk has left them."""
        head = {"platform_id": self.platform_id.encode(), "sequence": str(sequence).encode()}
        mapping: dict[Any, Any] = {**fields, **head}
        writing: Any = self.client.hset(self.store.key, mapping=mapping)
        await writing

    async def recover(self, stream: Stream, *, resumed: bool = False) -> Recovered:
        found = await recover(self.store, stream, self.platform_id, lambda message: None, resumed=resumed)
        self.ledger = found.ledger
        return found

    async def close(self) -> None:
        await self.store.close()
        await self.client.aclose()


@asynccontextmanager
async def a_setting(
    server: Server, platform_id: str = "p1", password: SecretStr | None = None
) -> AsyncIterator[Setting]:
    setting = Setting(server.url, password or server.password, platform_id)
    yield setting
    await setting.close()
