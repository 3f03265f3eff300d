"""The first way to read the bus: the newest per subject. Two more are `common.bus.ordered` and `common.bus.durable`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.jetstream import JetStreamApi
from common.bus.messages import NO_HEADERS, Message
from common.bus.nats import NatsConnection
from common.errors import BusError
from common.streams import stream_of

Deliver = Callable[[Message], Awaitable[None]]
DeliverBurst = Callable[[Sequence[Message]], Awaitable[None]]
"""Told the newest messages that arrived together, one per subject."""


class NewestReader:
    """Deliver the newest message per subject: what piled up while the core was busy is overtaken, not queued.

    It is a plain subscription, which the client renews by itself after a break, plus the last values of the stream
    read back at start and after each reconnect; so there is no consumer that could go deaf.
    """

    def __init__(
        self, connection: NatsConnection, api: JetStreamApi, subject_filter: str, deliver: DeliverBurst
    ) -> None:
        self._connection, self._api = connection, api
        self._filter = subject_filter
        self._deliver = deliver
        self._waiting: dict[str, Msg] = {}
        self._subscription: Subscription | None = None
        self._seen: set[str] = set()
        self.conflated = 0

    async def start(self) -> None:
        self._subscription = await self._connection.subscribe(self._filter, self._on_message)
        await self.read_back()

    async def read_back(self) -> None:
        """Deliver the last value of every subject that has not spoken since this began."""
        self._seen.clear()
        async for value in _last_values(self._api, self._filter):
            if value.subject not in self._seen:
                await self._deliver([value])

    async def _on_message(self, message: Msg) -> None:
        waiting = self._waiting
        if message.subject in waiting:
            self.conflated += 1
        self._seen.add(message.subject)
        waiting[message.subject] = message
        # The client calls us once per message without letting the socket be read in between; only after the last
        # one of a burst is it time to work.
        assert self._subscription is not None
        if self._subscription.pending_msgs > 0:
            return
        self._waiting = {}
        await self._deliver(
            [Message(each.subject, each.data, headers=each.headers or NO_HEADERS) for each in waiting.values()]
        )


class SampledReader:
    """Look at the last message of every subject from time to time, and deliver those that are new since the last look.

    Somebody who needs a picture four times a second has no use for every tick on the way to it.
    """

    def __init__(self, api: JetStreamApi, subject_filter: str, deliver: DeliverBurst) -> None:
        self._api, self._filter, self._deliver = api, subject_filter, deliver
        self._told: dict[str, tuple[int, bytes]] = {}
        """Stream sequence and bytes of the last message delivered, by subject: a killed broker may give a sequence out
        again."""

    async def read_back(self) -> None:
        """Look once; BusError when the broker does not answer."""
        values = [value async for value in _last_values(self._api, self._filter)]
        news = [value for value in values if self._told.get(value.subject) != (value.sequence, value.data)]
        self._told = {value.subject: (value.sequence, value.data) for value in values}
        if news:
            await self._deliver(news)

    async def keep_looking(self, period_s: float) -> None:
        """Look forever; while the broker is away the values age, which their reader judges."""
        while True:
            await asyncio.sleep(period_s)
            with contextlib.suppress(BusError):
                await self.read_back()


async def _last_values(api: JetStreamApi, subject_filter: str) -> AsyncIterator[Message]:
    """Yield the last message of every subject that a stream holds, with its age."""
    async for stored in api.last_values(stream_of(subject_filter).name, subject_filter):
        age_ns = max(0, time.time_ns() - stored.stored_ns)
        yield Message(stored.subject, stored.data, stored.sequence, age_ns, stored.headers)
