"""From messages to inputs of the core: each is verified, decoded and handed in, or put aside with its reason."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec
from structlog.stdlib import BoundLogger

from common.bus.durable import Acknowledge, DeliverDurable
from common.bus.messages import Message
from common.bus.readers import Deliver, DeliverBurst
from common.clock import NS_PER_S, Clock
from common.core import Durable, Effects, Newest, Ordered, Receipt
from common.errors import BusError, ContractError
from common.events import Alert, AlertLevel, Event, Parked, class_of, received
from common.running.gate import Admission, Gate
from common.signing import Fault, Refusal

PARKED_BYTES_MAX = 64 * 1024
ASK_AGAIN_S = 0.2
ALERT_EVERY_S = 60
"""Doubt of one kind is told this often, however many messages are in it."""
PARKED_PER_ALERT = 60
"""Messages in doubt kept between two alerts of their kind; more are counted only, so that a flood fills nothing."""
UNSAID_MAX = 100
"""Reasons for which plain events could not be said that are remembered, and told."""
PLATFORM = "platform"

Handler = Callable[[Receipt], Effects]
Say = Callable[[Event], Awaitable[object]]


class Call(msgspec.Struct, frozen=True):
    """One input of the core: its handler, and what its receipt says of it."""

    handler: Handler
    age_ns: int = 0
    sequence: int = 0


class TakeTurn(Protocol):
    """Give the core one turn for what arrived together; acknowledge when its effects are done."""

    async def __call__(self, calls: Sequence[Call], acknowledge: Acknowledge | None = None) -> None: ...


class Intake:
    """Makes a reader's deliveries into turns of the core."""

    def __init__(
        self,
        name: str,
        instance: str,
        gate: Gate,
        clock: Clock,
        say: Say,
        take_turn: TakeTurn,
        ended: Callable[[], bool],
        log: BoundLogger,
    ) -> None:
        self._name, self._instance, self._gate, self._clock = name, instance, gate, clock
        self._say, self._take_turn, self._ended, self._log = say, take_turn, ended, log
        self.parked = 0
        self.doubted = 0
        self._parked_ids = itertools.count(1)
        self._unsaid: set[str] = set()
        self._told_ns: dict[str, int] = {}
        """When each kind of doubt was told last."""
        self._since_told: dict[str, int] = {}

    def burst(self, newest: Newest) -> DeliverBurst:
        cls, handler = newest.event, newest.handler

        async def deliver(burst: Sequence[Message]) -> None:
            calls = []
            for message in burst:
                # What is not signed is on the way of a tick: nothing is waited for.
                if cls.signed:
                    found = await self._obeyed(cls, message)
                else:
                    found = await self._decoded(cls, message)
                if found is not None:
                    event, where = found
                    calls.append(Call(partial(handler, event), where.age_ns, where.sequence))
            await self._take_turn(calls)

        return deliver

    def ordered(self, ordered: Ordered) -> Deliver:
        cls, handler = ordered.event, ordered.handler

        async def deliver(message: Message) -> None:
            found = await self._obeyed(cls, message)
            if found is not None:
                event, where = found
                await self._take_turn([Call(partial(handler, event), sequence=where.sequence)])

        return deliver

    def durable(self, durable: Durable) -> DeliverDurable:
        async def deliver(message: Message, acknowledge: Acknowledge) -> None:
            cls = class_of(message.subject)
            try:
                if cls is None:
                    raise ContractError(message.subject, "no event has this subject")
                found, _ = self._gate.read(cls, message)
            except ContractError as error:
                await self.park(message, str(error))
                await self._undecided(durable, message, str(error), acknowledge)
                return
            if not isinstance(found, Refusal):
                handler = partial(durable.handler, found, message.data)
                await self._take_turn([Call(handler, sequence=message.sequence)], acknowledge)
                return
            await self._doubt(message, found)
            if not found.fault.forged:
                await self._undecided(durable, message, found.reason, acknowledge)
            elif durable.on_forged is not None:
                handler = partial(durable.on_forged, message.subject, found.reason, message.data)
                await self._take_turn([Call(handler, sequence=message.sequence)], acknowledge)
            else:
                await acknowledge()

        return deliver

    async def _undecided(self, durable: Durable, message: Message, reason: str, acknowledge: Acknowledge) -> None:
        """Neither skip nor acknowledge what matters: the core halts what depends on it, a person decides."""
        if durable.on_undecodable is None:
            await acknowledge()
            return
        handler = partial(durable.on_undecodable, message.subject, reason, message.data)
        await self._take_turn([Call(handler, sequence=message.sequence)])

    async def _decoded(self, cls: type[Event], message: Message) -> tuple[Event, Message] | None:
        try:
            return received(cls, message.data, message.subject), message
        except ContractError as error:
            await self.park(message, str(error))
            return None

    async def _obeyed(self, cls: type[Event], message: Message) -> tuple[Event, Message] | None:
        try:
            event, where, refusal = await self._admitted(cls, message)
        except ContractError as error:
            await self.park(message, str(error))
            return None
        if refusal is not None:
            await self._doubt(message, refusal)
        return (event, where) if event is not None else None

    async def _admitted(self, cls: type[Event], message: Message) -> Admission:
        """Ask the gate, which may have to ask the broker: what waits here has not been delivered and is not lost."""
        while True:
            try:
                return await self._gate.admit(cls, message)
            except BusError as error:
                if self._ended():
                    return Admission(None, message)
                self._log.warning("cannot verify a message yet", subject=message.subject, why=str(error))
                await asyncio.sleep(ASK_AGAIN_S)

    async def _doubt(self, message: Message, refusal: Refusal) -> None:
        """Put a message aside that its owner did not say, or not now; tell people once a minute and kind."""
        self.doubted += 1
        kind, now_ns = f"{refusal.fault}_message", self._clock.now_ns()
        told_ns = self._told_ns.get(kind)
        if told_ns is None or now_ns - told_ns >= ALERT_EVERY_S * NS_PER_S:
            more = self._since_told.get(kind, 0)
            self._told_ns[kind], self._since_told[kind] = now_ns, 0
            text = f"{message.subject} sequence {message.sequence} was not obeyed: {refusal.reason}"
            text += f" ({more} more of this kind since the last time)" if more else ""
            await self._say(
                Alert(
                    level=AlertLevel.WARNING if refusal.fault is Fault.OUTDATED else AlertLevel.CRITICAL,
                    algo_id=PLATFORM,
                    source=self._name,
                    kind=kind,
                    text=text,
                    ts_ns=now_ns,
                )
            )
        self._since_told[kind] += 1
        if self._since_told[kind] <= PARKED_PER_ALERT:
            await self.park(message, refusal.reason)

    async def park_unsaid(self, error: ContractError) -> None:
        """Keep that a plain event of ours could not be said; once for each reason, it comes again with every tick."""
        if error.reason not in self._unsaid and len(self._unsaid) < UNSAID_MAX:
            self._unsaid.add(error.reason)
            await self.park(Message(error.where, b""), f"could not be published: {error.reason}")

    async def park(self, message: Message, reason: str) -> None:
        """Keep what cannot be handled where people find it."""
        self.parked += 1
        self._log.error("parked", subject=message.subject, sequence=message.sequence, why=reason)
        now_ns = self._clock.now_ns()
        await self._say(
            Parked(
                service=self._name,
                parked_id=f"{self._instance}-{now_ns}-{next(self._parked_ids)}",
                from_subject=message.subject,
                reason=reason,
                data=message.data[:PARKED_BYTES_MAX],
                ts_ns=now_ns,
            )
        )
