"""The third way to read the bus: every message of a durable reader in order, acknowledged when it is dealt with."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import time
from collections.abc import Awaitable, Callable

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.jetstream import JetStreamApi
from common.bus.messages import NO_HEADERS, Message
from common.bus.nats import NatsConnection
from common.errors import BusError
from common.streams import JETSTREAM_API, DurableReader

HEARTBEAT_S = 1.0
SILENCE_MAX_S = 3.0
"""A reader that hears nothing for this long pulls again."""
RETRY_S = 0.25
PULL_BATCH = 256
PULL_EXPIRES_S = 5.0
NS_PER_S = 1_000_000_000
# 408 says that a request ran out, 404 that there is nothing: both are ordinary ends of a pull.
ORDINARY_ENDS = ("404", "408")

_numbers = itertools.count(1)

log = structlog.get_logger()

Acknowledge = Callable[[], Awaitable[None]]
DeliverDurable = Callable[[Message, Acknowledge], Awaitable[None]]
"""(message, what to call when it has been dealt with)"""


class DurablePuller:
    """Deliver the messages of a durable consumer one after another; the receiver acknowledges each when it is done.

    One pull request is open at a time; it ends by its batch, its expiry or a break, and the next one follows. A
    fresh inbox per request keeps the end of an old request from ending the new one.

    What the broker had handed to a connection that broke, or to a predecessor that died, it would hand out again
    only after the ack wait and behind newer messages. It is read from the stream at once instead, so the order holds;
    a repeat may still follow.
    """

    def __init__(
        self, connection: NatsConnection, api: JetStreamApi, reader: DurableReader, deliver: DeliverDurable
    ) -> None:
        self._connection, self._api, self._reader, self._deliver = connection, api, reader, deliver
        self._prefix = ""
        self._current = ""
        self._left = 0
        self._heard_at_s = 0.0
        self._delivered = 0
        """Newest stream sequence given to the receiver."""
        self._consumer_sequence: int | None = None
        self._delivering = asyncio.Lock()
        self._subscription: Subscription | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Deliver what a predecessor left unacknowledged, then begin to pull."""
        self._prefix = f"{self._connection.inbox_prefix}.pull.{self._connection.client.client_id}.{next(_numbers)}"
        self._subscription = await self._connection.subscribe(f"{self._prefix}.*", self._on_message)
        self._delivered, _ = await self._api.durable_positions(self._reader)
        await self.renew()
        self._task = asyncio.create_task(self._watch())

    async def renew(self) -> None:
        """Deliver what was on its way when a connection broke, then pull again: the broker forgot the old request."""
        async with self._delivering:
            acknowledged, handed_out = await self._api.durable_positions(self._reader)
            if handed_out < self._delivered:
                # The stream or the reader began anew, or a crash took the newest positions with it.
                self._delivered = acknowledged
            await self._read_missed(handed_out)
            self._consumer_sequence = None
        await self._pull()

    async def _pull(self) -> None:
        self._current = f"{self._prefix}.{next(_numbers)}"
        self._left = PULL_BATCH
        self._heard_at_s = time.monotonic()
        document = {
            "batch": PULL_BATCH,
            "expires": int(PULL_EXPIRES_S * NS_PER_S),
            "idle_heartbeat": int(HEARTBEAT_S * NS_PER_S),
        }
        subject = f"{JETSTREAM_API}.CONSUMER.MSG.NEXT.{self._reader.stream}.{self._reader.name}"
        await self._connection.publish_bytes(subject, json.dumps(document).encode(), self._current)

    async def _on_message(self, message: Msg) -> None:
        self._heard_at_s = time.monotonic()
        if not message.reply:
            await self._on_status(message.subject, message.headers or {})
            return
        parts = message.reply.split(".")
        sequence, consumer_sequence = int(parts[5]), int(parts[6])
        async with self._delivering:
            if self._consumer_sequence is not None and consumer_sequence != self._consumer_sequence + 1:
                try:
                    await self._read_missed(sequence - 1)
                except BusError as error:
                    # Neither delivered nor acknowledged: it comes again, and with it this look for what is missing.
                    log.warning("a gap before this message, cannot look yet", sequence=sequence, why=str(error))
                    return
            self._consumer_sequence = consumer_sequence
            await self._deliver(
                Message(message.subject, message.data, sequence, headers=message.headers or NO_HEADERS), message.ack
            )
            self._delivered = max(self._delivered, sequence)
        self._left -= 1
        if self._left == 0:
            await self._pull()

    async def _on_status(self, inbox: str, headers: dict[str, str]) -> None:
        status = headers.get("Status")
        if status == "100" or inbox != self._current:
            return
        if status not in ORDINARY_ENDS:
            # 503: nobody answers, the reader was deleted; 409: the broker ended the request. At once again would spin.
            log.warning("pull ended", reader=self._reader.name, status=status, why=headers.get("Description", ""))
            await asyncio.sleep(RETRY_S)
        await self._pull()

    async def _read_missed(self, up_to: int) -> None:
        """Deliver what the broker handed out after the last delivery and we never saw, from the stream itself."""
        if up_to <= self._delivered:
            return
        async for stored in self._api.read(self._reader.stream, self._delivered, self._reader.filter_subject):
            if stored.sequence > up_to:
                return
            acknowledge = functools.partial(self._acknowledge, stored.sequence)
            await self._deliver(
                Message(stored.subject, stored.data, stored.sequence, headers=stored.headers), acknowledge
            )
            self._delivered = stored.sequence

    async def _acknowledge(self, sequence: int) -> None:
        # Of the address of an ack the broker uses the stream sequence; its own count of deliveries it knows itself.
        subject = f"$JS.ACK.{self._reader.stream}.{self._reader.name}.1.{sequence}.{sequence}.0.0"
        await self._connection.publish_bytes(subject, b"+ACK")

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            if time.monotonic() - self._heard_at_s > SILENCE_MAX_S and self._connection.connected:
                log.warning("nothing heard, pulling again", reader=self._reader.name)
                await self._pull()

    async def stop(self) -> None:
        """Take no more; a delivery in progress is finished."""
        if self._task is not None:
            self._task.cancel()
        async with self._delivering:
            if self._subscription is not None:
                await self._connection.unsubscribe(self._subscription)
                self._subscription = None
