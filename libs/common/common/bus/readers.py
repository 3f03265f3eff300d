"""Two ways to read the bus: the newest per subject, and everything in order. `common.bus.durable` is the third."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.jetstream import JetStreamApi
from common.bus.messages import NO_HEADERS, Message
from common.bus.nats import NatsConnection
from common.core import Start
from common.errors import BusError
from common.streams import stream_of

HEARTBEAT_S = 1.0
SILENCE_MAX_S = 3.0
"""A reader whose heartbeats stop for this long makes its consumer anew."""
NS_PER_S = 1_000_000_000

_numbers = itertools.count(1)

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
        self._told: dict[str, int] = {}
        """Stream sequence of the last message delivered, by subject."""

    async def read_back(self) -> None:
        """Look once; BusError when the broker does not answer."""
        values = [value async for value in _last_values(self._api, self._filter)]
        news = [value for value in values if self._told.get(value.subject) != value.sequence]
        self._told = {value.subject: value.sequence for value in values}
        if news:
            await self._deliver(news)


async def _last_values(api: JetStreamApi, subject_filter: str) -> AsyncIterator[Message]:
    """Yield the last message of every subject that a stream holds, with its age."""
    stream = stream_of(subject_filter).name
    for subject in await api.subjects(stream, subject_filter):
        stored = await api.last(stream, subject)
        if stored is not None:
            age_ns = max(0, time.time_ns() - stored.stored_ns)
            yield Message(subject, stored.data, stored.sequence, age_ns, stored.headers)


class OrderedReader:
    """Deliver every message in stream order without gaps, making its consumer anew after a gap, silence or break."""

    def __init__(
        self, connection: NatsConnection, api: JetStreamApi, subject_filter: str, start: Start, deliver: Deliver
    ) -> None:
        self._connection, self._api = connection, api
        self._filter, self._start_policy, self._deliver = subject_filter, start, deliver
        self._stream = stream_of(subject_filter).name
        self._last_sequence = 0
        """Of the newest message delivered."""
        self._behind: int | None = None
        """Everything up to here has been delivered or was not wanted; None before that is known."""
        self._newest_at_renewal = 0
        self._expected = 1
        self._subscription: Subscription | None = None
        self._heard_at_s = 0.0
        self._caught_up = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._delivering = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.renewals = 0

    async def start(self) -> None:
        """Begin reading and return when everything stored so far has been delivered."""
        await self.renew()
        self._in_background(self._watch())
        await self._caught_up.wait()

    async def renew(self) -> None:
        """Make the consumer anew, continuing after the last message delivered."""
        async with self._renewing:
            # The client cancels the callback of a subscription it ends. Not in the middle of a delivery: the message
            # would come again to a core that has seen half of it.
            async with self._delivering:
                if self._subscription is not None:
                    await self._connection.unsubscribe(self._subscription)
                    self._subscription = None
                    self.renewals += 1
                self._expected = 1
                self._heard_at_s = time.monotonic()
            inbox = f"{self._connection.inbox_prefix}.ordered.{self._connection.client.client_id}.{next(_numbers)}"
            self._subscription = await self._connection.subscribe(inbox, self._on_message)
            self._note_newest(await self._api.last_sequence(self._stream))
            reply = await self._api.call(f"CONSUMER.CREATE.{self._stream}", self._consumer(inbox))
            if int(reply["num_pending"]) + int(reply["delivered"]["consumer_seq"]) == 0:
                self._note_caught_up()

    def _note_newest(self, sequence: int) -> None:
        """Take in the newest sequence of the stream before a consumer is made on it."""
        if sequence < max(self._last_sequence, self._behind or 0):
            # The stream began anew, or a crash took its end with it: the sequences we know are given out again.
            self._last_sequence = 0
            self._behind = None if self._start_policy is Start.LAST_PER_SUBJECT else 0
        if self._behind is None and self._start_policy is Start.NEW:
            self._behind = sequence
        self._newest_at_renewal = sequence

    def _note_caught_up(self) -> None:
        self._behind = max(self._newest_at_renewal, self._last_sequence)
        self._caught_up.set()

    def _consumer(self, inbox: str) -> dict[str, Any]:
        config: dict[str, Any] = {
            "deliver_subject": inbox,
            "ack_policy": "none",
            "max_deliver": 1,
            "filter_subject": self._filter,
            "idle_heartbeat": int(HEARTBEAT_S * NS_PER_S),
            "inactive_threshold": 30 * NS_PER_S,
            "mem_storage": True,
            "replay_policy": "instant",
        }
        if self._behind is not None:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._behind + 1}
        else:
            config["deliver_policy"] = self._start_policy.value
        return {"stream_name": self._stream, "config": config}

    async def _on_message(self, message: Msg) -> None:
        async with self._delivering:
            self._heard_at_s = time.monotonic()
            if not message.reply:
                last = (message.headers or {}).get("Nats-Last-Consumer")
                if last is not None and int(last) != self._expected - 1:
                    self._in_background(self._try_renew())
                return
            parts = message.reply.split(".")
            sequence, consumer_sequence, pending = int(parts[5]), int(parts[6]), int(parts[8])
            if consumer_sequence != self._expected:
                self._in_background(self._try_renew())
                return
            self._expected += 1
            if sequence > self._last_sequence:
                await self._deliver(
                    Message(message.subject, message.data, sequence, headers=message.headers or NO_HEADERS)
                )
                self._last_sequence = sequence
                if self._behind is not None or self._start_policy is not Start.LAST_PER_SUBJECT:
                    self._behind = max(self._behind or 0, sequence)
            if pending == 0:
                self._note_caught_up()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if time.monotonic() - self._heard_at_s > SILENCE_MAX_S and self._connection.connected:
                await self._try_renew()

    async def _try_renew(self) -> None:
        if self._renewing.locked():
            return
        try:
            await self.renew()
        except BusError:
            # The watch comes back a second later; until then the silence is visible as this reader's age.
            self._heard_at_s = 0.0

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Hear no more; a delivery in progress is finished."""
        for task in list(self._tasks):
            task.cancel()
        async with self._delivering:
            if self._subscription is not None:
                await self._connection.unsubscribe(self._subscription)
                self._subscription = None
