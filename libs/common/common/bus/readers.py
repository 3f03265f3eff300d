"""The three ways to read the bus: the newest per subject, everything in order, and durable with explicit ack."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.core import Start
from common.errors import BusError
from common.streams import DurableReader, stream_of

HEARTBEAT_S = 1.0
SILENCE_MAX_S = 3.0
"""A reader whose heartbeats stop for this long makes its consumer anew."""
RETRY_S = 0.25
PULL_BATCH = 256
PULL_EXPIRES_S = 5.0
NS_PER_S = 1_000_000_000

_numbers = itertools.count(1)

Deliver = Callable[[str, bytes, int, int], Awaitable[None]]
"""(subject, data, stream sequence or 0, age in ns of a value read back)"""


class NewestReader:
    """Deliver the newest message per subject: what piled up while the core was busy is overtaken, not queued.

    It is a plain subscription, which the client renews by itself after a break, plus the last values of the stream
    read back at start and after each reconnect; so there is no consumer that could go deaf.
    """

    def __init__(self, connection: NatsConnection, api: JetStreamApi, subject_filter: str, deliver: Deliver) -> None:
        self._connection, self._api = connection, api
        self._filter = subject_filter
        self._deliver = deliver
        self._waiting: dict[str, bytes] = {}
        self._subscription: Subscription | None = None
        self._seen: set[str] = set()
        self.conflated = 0

    async def start(self) -> None:
        self._subscription = await self._connection.subscribe(self._filter, self._on_message)
        await self.read_back()

    async def read_back(self) -> None:
        """Deliver the last value of every subject that has not spoken since this began."""
        self._seen.clear()
        stream = stream_of(self._filter).name
        for subject in await self._api.subjects(stream, self._filter):
            stored = await self._api.last(stream, subject)
            if stored is not None and subject not in self._seen:
                age_ns = max(0, time.time_ns() - stored.stored_ns)
                await self._deliver(subject, stored.data, stored.sequence, age_ns)

    async def _on_message(self, message: Msg) -> None:
        waiting = self._waiting
        if message.subject in waiting:
            self.conflated += 1
        self._seen.add(message.subject)
        waiting[message.subject] = message.data
        # The client calls us once per message without letting the socket be read in between; only after the last
        # one of a burst is it time to work.
        assert self._subscription is not None
        if self._subscription.pending_msgs > 0:
            return
        self._waiting = {}
        for subject, data in waiting.items():
            await self._deliver(subject, data, 0, 0)


class OrderedReader:
    """Deliver every message in stream order without gaps, making its consumer anew after a gap, silence or break."""

    def __init__(
        self, connection: NatsConnection, api: JetStreamApi, subject_filter: str, start: Start, deliver: Deliver
    ) -> None:
        self._connection, self._api = connection, api
        self._filter, self._start_policy, self._deliver = subject_filter, start, deliver
        self._stream = stream_of(subject_filter).name
        self._last_sequence = 0
        self._expected = 1
        self._subscription: Subscription | None = None
        self._heard_at_s = 0.0
        self._caught_up = asyncio.Event()
        self._renewing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.renewals = 0

    async def start(self) -> None:
        """Begin reading and return when everything stored so far has been delivered."""
        await self._renew()
        self._task = asyncio.create_task(self._watch())
        await self._caught_up.wait()

    async def renew(self) -> None:
        """Make the consumer anew, continuing after the last message delivered."""
        await self._renew()

    async def _renew(self) -> None:
        async with self._renewing:
            if self._subscription is not None:
                await self._subscription.unsubscribe()
                self.renewals += 1
            inbox = f"{self._connection.inbox_prefix}.ordered.{self._connection.client.client_id}.{next(_numbers)}"
            self._expected = 1
            self._heard_at_s = time.monotonic()
            self._subscription = await self._connection.subscribe(inbox, self._on_message)
            reply = await self._api.call(f"CONSUMER.CREATE.{self._stream}", self._consumer(inbox))
            if int(reply.get("num_pending", 0)) == 0:
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
        if self._last_sequence:
            config |= {"deliver_policy": "by_start_sequence", "opt_start_seq": self._last_sequence + 1}
        else:
            config["deliver_policy"] = self._start_policy.value
        return {"stream_name": self._stream, "config": config}

    async def _on_message(self, message: Msg) -> None:
        self._heard_at_s = time.monotonic()
        if not message.reply and message.headers and message.headers.get("Status") == "100":
            last = message.headers.get("Nats-Last-Consumer")
            if last is not None and int(last) != self._expected - 1:
                asyncio.create_task(self._try_renew())  # noqa: RUF006  - runs once, guarded by its lock
            return
        parts = message.reply.split(".")
        sequence, consumer_sequence, pending = int(parts[5]), int(parts[6]), int(parts[8])
        if consumer_sequence != self._expected:
            asyncio.create_task(self._try_renew())  # noqa: RUF006
            return
        self._expected += 1
        if sequence > self._last_sequence:
            await self._deliver(message.subject, message.data, sequence, 0)
            self._last_sequence = sequence
        if pending == 0:
            self._caught_up.set()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if time.monotonic() - self._heard_at_s > SILENCE_MAX_S and self._connection.connected:
                await self._try_renew()

    async def _try_renew(self) -> None:
        if self._renewing.locked():
            return
        try:
            await self._renew()
        except BusError:
            # The watch comes back a second later; until then the silence is visible as this reader's age.
            self._heard_at_s = 0.0

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()


Acknowledge = Callable[[], Awaitable[None]]
DeliverDurable = Callable[[str, bytes, int, Acknowledge], Awaitable[None]]


class DurablePuller:
    """Deliver the messages of a durable consumer one after another; the receiver acknowledges each when it is done.

    One pull request is open at a time; it ends by its batch, its expiry or a break, and the next one follows. A
    fresh inbox per request keeps the end of an old request from ending the new one.
    """

    def __init__(self, connection: NatsConnection, reader: DurableReader, deliver: DeliverDurable) -> None:
        self._connection, self._reader, self._deliver = connection, reader, deliver
        self._prefix = ""
        self._current = ""
        self._left = 0
        self._heard_at_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._prefix = f"{self._connection.inbox_prefix}.pull.{self._connection.client.client_id}.{next(_numbers)}"
        await self._connection.subscribe(f"{self._prefix}.*", self._on_message)
        await self.pull()
        self._task = asyncio.create_task(self._watch())

    async def pull(self) -> None:
        """Open the next pull request; also called after a reconnect, when the broker has forgotten the old one."""
        self._current = f"{self._prefix}.{next(_numbers)}"
        self._left = PULL_BATCH
        self._heard_at_s = time.monotonic()
        document = {
            "batch": PULL_BATCH,
            "expires": int(PULL_EXPIRES_S * NS_PER_S),
            "idle_heartbeat": int(HEARTBEAT_S * NS_PER_S),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._reader.stream}.{self._reader.name}"
        await self._connection.publish_bytes(subject, json.dumps(document).encode(), self._current)

    async def _on_message(self, message: Msg) -> None:
        self._heard_at_s = time.monotonic()
        if not message.reply:
            status = (message.headers or {}).get("Status")
            if status != "100" and message.subject == self._current:
                await self.pull()
            return
        await self._deliver(message.subject, message.data, int(message.reply.split(".")[5]), message.ack)
        self._left -= 1
        if self._left == 0:
            await self.pull()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if time.monotonic() - self._heard_at_s > SILENCE_MAX_S and self._connection.connected:
                await self.pull()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
