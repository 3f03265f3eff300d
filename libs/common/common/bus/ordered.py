"""The second way to read the bus: every message of a stream in order, without gaps, fetched when a bell rings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from common.bus.jetstream import JetStreamApi, Stored, StreamState
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.bus.readers import Deliver
from common.core import Start
from common.errors import BusError
from common.streams import OTHERS, stream_of

LOOK_S = 1.0
"""How often it looks at the stream without being rung for; a lost ring costs at most this."""
PAUSES_S = (0.002, 0.01, 0.05, 0.2)
"""When it looks again after a ring that found nothing new: a ring may come just before its message is stored."""

log = structlog.get_logger()


class OrderedReader:
    """Deliver every message of a filter in stream order, each once.

    The messages come from the stream, one after the other, by direct get. A plain subscription to the same subjects
    is only the bell that says when to look: it may ring too often, too early or not at all. So nothing is believed but
    what the stream holds, and no consumer is needed whose deliveries could be sent astray.
    """

    def __init__(
        self, connection: NatsConnection, api: JetStreamApi, subject_filter: str, start: Start, deliver: Deliver
    ) -> None:
        self._connection, self._api = connection, api
        self._filter, self._start_policy, self._deliver = subject_filter, start, deliver
        self._stream = stream_of(subject_filter).name
        self._may_lose = not stream_of(subject_filter).acked
        """Whether its broker may forget the newest messages when it dies."""
        self._newest: tuple[int, int] = (0, 0)
        """Sequence of the newest message delivered, and when it was stored."""
        self._not_before_ns = 0
        """What was stored until then has been delivered before the stream lost its end."""
        self._life = ""
        """When the stream we know was made; empty before it is known."""
        self._after = 0
        """Everything up to this sequence has been delivered or was not wanted."""
        self._rings = 0
        """Not yet read for."""
        self._rung = asyncio.Event()
        self._broken = False
        """Since the last look the connection was lost, and perhaps the end of the stream with it."""
        self._reading = asyncio.Lock()
        self._bells: list[Subscription] = []
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin reading and return when everything stored so far has been delivered."""
        for subject in (self._filter, f"{OTHERS}.{self._filter}"):
            self._bells.append(await self._connection.subscribe(subject, self._on_ring))
        self._connection.on_disconnect(self._on_break)
        await self.renew()
        self._task = asyncio.create_task(self._follow())

    async def renew(self) -> None:
        """Deliver what was stored since the last message delivered; BusError when the broker does not answer."""
        async with self._reading:
            await self._look()

    async def _look(self) -> None:
        broken, self._broken = self._broken, False
        try:
            state = await self._api.state(self._stream)
            # Within one connection the broker has not died: a quiet second needs no second question.
            lost = state.last_sequence < self._after or (broken and await self._given_out_again())
            if state.created != self._life or lost:
                await self._begin(state)
            self._rings = 0
            await self._read_on()
        except BusError:
            self._broken = True
            raise

    async def _begin(self, state: StreamState) -> None:
        """Take a place in a stream we do not know: a first one, one that began anew, one that lost its end."""
        first = not self._life
        # To hear trades again that were counted would be worse than to miss one.
        self._not_before_ns = self._newest[1] if self._may_lose and state.created == self._life else 0
        if self._start_policy is Start.LAST_PER_SUBJECT:
            # All are fetched before the first is delivered: a break in between must not deliver some of them twice.
            values = [value async for value in self._api.last_values(self._stream, self._filter)]
            for value in sorted(values, key=_sequence):
                # What came while they were fetched follows in its order.
                if value.sequence <= state.last_sequence:
                    await self._hand_over(value)
            self._after = state.last_sequence
        else:
            self._after = state.last_sequence if first and self._start_policy is Start.NEW else 0
        self._life = state.created

    async def _read_on(self) -> int:
        """Deliver everything new and return how many that were."""
        delivered = 0
        async for stored in self._api.following(self._stream, self._after, self._filter):
            await self._hand_over(stored)
            self._after = stored.sequence
            delivered += 1
        return delivered

    async def _read_rung(self) -> bool:
        """Deliver as many messages as rings came, and say whether there were enough: no question for the end of it."""
        due, self._rings = self._rings, 0
        async for stored in self._api.following(self._stream, self._after, self._filter):
            await self._hand_over(stored)
            self._after = stored.sequence
            due, self._rings = due - 1 + self._rings, 0
            if due <= 0:
                return True
        return False

    async def _given_out_again(self) -> bool:
        """Say whether the newest message delivered is gone and its sequence another's: the broker has lost it."""
        sequence, stored_ns = self._newest
        if not (self._may_lose and sequence):
            return False
        there = await self._api.after(self._stream, self._filter, sequence - 1)
        return there is not None and there.sequence == sequence and there.stored_ns != stored_ns

    async def _hand_over(self, stored: Stored) -> None:
        if stored.stored_ns <= self._not_before_ns:
            return
        self._not_before_ns = 0
        self._newest = (stored.sequence, stored.stored_ns)
        await self._deliver(Message(stored.subject, stored.data, stored.sequence, headers=stored.headers))

    async def _on_break(self) -> None:
        self._broken = True

    async def _on_ring(self, message: Msg) -> None:
        self._rings += 1
        self._rung.set()

    async def _follow(self) -> None:
        pauses: Iterator[float] = iter(())
        while True:
            pause_s = next(pauses, None)
            rung = await self._rung_within(LOOK_S if pause_s is None else pause_s)
            if not self._connection.connected:
                continue
            try:
                async with self._reading:
                    if self._broken:
                        await self._look()
                    elif rung:
                        pauses = iter(()) if await self._read_rung() else iter(PAUSES_S)
                    elif pause_s is None:
                        await self._look()
                    elif await self._read_on():
                        pauses = iter(())
            except BusError as error:
                # The next look comes within a second; until then the silence is visible as this reader's age.
                log.warning("could not read on", stream=self._stream, subjects=self._filter, why=str(error))
            except Exception:
                # Whoever takes the messages answers for its own failures; a reader that ended here would be deaf.
                log.exception("a message was not accepted", stream=self._stream, subjects=self._filter)

    async def _rung_within(self, patience_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._rung.wait(), patience_s)
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    async def stop(self) -> None:
        """Hear no more; a delivery in progress is finished."""
        async with self._reading:
            if self._task is not None:
                self._task.cancel()
            for bell in self._bells:
                await self._connection.unsubscribe(bell)
            self._bells.clear()


def _sequence(stored: Stored) -> int:
    return stored.sequence
