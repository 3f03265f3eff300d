"""Documents on their way to the positions store, in order, and the acknowledgements that wait behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from structlog.stdlib import BoundLogger

from common.core import Store

RETRY_S = 0.2


class Storage(Protocol):
    """Where `Store` effects go: the positions store."""

    async def apply(self, store: Store) -> None:
        """Write, or return when it is already written; raises while the store is away."""
        ...


class Due(NamedTuple):
    """What one turn leaves to be done: documents to store once its events are confirmed, then an acknowledgement."""

    stores: Sequence[Store]
    sent: Sequence[asyncio.Future[None]]
    acknowledge: Callable[[], Awaitable[None]] | None


class StoreLine:
    """Store and acknowledge turn by turn, in the order they were handled.

    While the store is away this waits and the core goes on; the reader's `max_ack_pending` bounds the lag.
    """

    def __init__(self, name: str, storage: Storage | None, log: BoundLogger) -> None:
        self._name, self._storage, self._log = name, storage, log
        self._line: asyncio.Queue[Due] = asyncio.Queue()

    def put(self, due: Due) -> None:
        self._line.put_nowait(due)

    async def run(self) -> None:
        """Work the line off, for as long as the service runs."""
        while True:
            due = await self._line.get()
            if due.sent:
                await asyncio.gather(*due.sent)
            for store in due.stores:
                await self._store(store)
            if due.acknowledge is not None:
                await due.acknowledge()

    async def _store(self, store: Store) -> None:
        assert self._storage is not None, f"{self._name}: a Store effect needs a storage"
        while True:
            try:
                await self._storage.apply(store)
                return
            except (TimeoutError, OSError) as error:
                self._log.warning("the positions store is down", why=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_S)
