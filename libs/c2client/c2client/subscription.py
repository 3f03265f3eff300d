"""A subscription as an async iterator: what has come and is not read yet, within a bound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec
from stompframes.client import Message

from c2client.errors import C2Error, Refused, TooSlow, refusal
from c2client.topics import Read, Topic

WAITING_MAX = 1_000
"""Messages that wait to be read."""
STATUS_REFUSED = 400

T = TypeVar("T")


class Subscription(Generic[T]):
    """What one topic says, message by message, whatever becomes of the connection meanwhile.

    Of books, figures and balances only the newest waits to be read. Of rows each does; with more than `WAITING_MAX`
    the subscription ends, and the iterator raises TooSlow behind those that wait. It raises Refused where the topic
    cannot be had. For a message that cannot be read it raises C2Error, and may be asked for the next.
    """

    def __init__(self, topic: Topic[T], leave: Callable[[Subscription[Any]], None]) -> None:
        self.destination = topic.destination
        self.renewed = 0
        """How often it was asked for anew after a lost connection.

        Rows begin again with the last 100; what changed meanwhile on `/topic/config` is not told again.
        """
        self._topic, self._leave = topic, leave
        self._read: Read[T] = topic.reader()
        self._begun = False
        self._waiting: deque[T | C2Error] = deque()
        self._end: C2Error | None = None
        self._ended = False
        self._news = asyncio.Event()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        while not self._waiting:
            if self._ended:
                if self._end is not None:
                    raise self._end
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        found = self._waiting.popleft()
        if isinstance(found, C2Error):
            raise found
        return found

    async def __aenter__(self) -> Subscription[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; what waits to be read is dropped."""
        self._waiting.clear()
        self.end(None)
        self._leave(self)

    def begin(self) -> None:
        """Take what follows as from a new connection."""
        self._read = self._topic.reader()
        self.renewed += self._begun
        self._begun = True

    def take(self, message: Message) -> None:
        """Take a message in; a refusal or an overflow is the end."""
        if self._ended:
            return
        if message.status is not None and message.status >= STATUS_REFUSED:
            self._fail(refusal(message.status, message.body))
            return
        found: T | C2Error | None
        try:
            found = self._read(message.body)
        except (msgspec.DecodeError, ValueError) as error:
            found = C2Error(f"{self.destination}: {error}")
        if found is None:
            return
        if self._topic.replaceable:
            self._waiting.clear()
        elif len(self._waiting) >= WAITING_MAX:
            self._fail(TooSlow(f"{self.destination}: more than {WAITING_MAX} messages wait to be read"))
            return
        self._waiting.append(found)
        self._news.set()

    def end(self, error: C2Error | None) -> None:
        """Let the iterator end behind what waits, by an error or in order; the first end counts."""
        if not self._ended:
            self._ended, self._end = True, error
            self._news.set()

    def _fail(self, error: Refused | TooSlow) -> None:
        self.end(error)
        self._leave(self)
