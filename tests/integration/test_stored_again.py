"""A genuine message of before, stored again by reply and by deliver subject: forbidden, and obeyed by no reader."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from common.bus.jetstream import JetStreamApi, Stored
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.bus.ordered import OrderedReader
from common.bus.permissions import USERS, api_requests
from common.bus.readers import NewestReader
from common.core import Start
from common.events import BotConfig, Event, Halt, Lease, User, address_filter
from common.signing import Fault
from common.streams import JETSTREAM_API, SERVER_API

from tests.integration.connections import connected, eventually, halt
from tests.integration.raw_users import raw
from tests.integration.replays import (
    config,
    forget_ids,
    gate_of,
    name_of_stream,
    parent,
    position,
    store_again,
    stored,
    thief,
    user,
)
from tests.servers import Broker

TIMES = 2
"""Less than a stream keeps of a subject: a flood that leaves nothing genuine is another matter (ADR 0010)."""


@dataclass(frozen=True)
class Kind:
    """What is said under one subject, by whom and in which order, and who reads it how."""

    said: Sequence[tuple[str, Event]]
    replayed: int
    """Place of the one that is stored again: to obey it would undo what came after."""
    reader: str
    start: Start | None
    """None for a reader of the newest only."""

    @property
    def subject(self) -> str:
        return self.said[0][1].address()

    @property
    def stream(self) -> str:
        return name_of_stream(self.subject)

    @property
    def cls(self) -> type[Event]:
        return type(self.said[0][1])


def lease(beat: int) -> Lease:
    return Lease(role="pricer", key="all", holder="pricer-0", beat=beat, ttl_ms=3_000, epoch=1)


def lift() -> Halt:
    return Halt(scope="global", reason="person", lifted=True, actor="anna", halt_id="2", ts_ns=1)


KINDS = {
    "lift": Kind(
        [
            ("quoter", halt("person", halt_id="1")),
            ("gateway", lift()),
            ("quoter", halt("person", halt_id="3")),
        ],
        1,
        "quoter",
        Start.LAST_PER_SUBJECT,
    ),
    "password": Kind([("gateway", user(1, "old")), ("gateway", user(2, "new"))], 0, "gateway", Start.ALL),
    "configuration": Kind([("gateway", config(1)), ("gateway", config(2))], 0, "quoter", Start.LAST_PER_SUBJECT),
    "hedge-parent": Kind([("risk", parent(1)), ("risk", parent(2))], 0, "quoter", Start.ALL),
    "position": Kind([("risk", position(1)), ("risk", position(2))], 0, "quoter", None),
    "lease": Kind([("pricer", lease(1)), ("pricer", lease(2))], 0, "pricer", None),
}


class Reading:
    """A reader as a service has it, behind its gate, and what it obeyed."""

    def __init__(self, connection: NatsConnection, kind: Kind, file: Path) -> None:
        self._cls = kind.cls
        self.gate = gate_of(connection, file)
        api, subjects = JetStreamApi(connection), address_filter(kind.cls)
        self._reader: OrderedReader | NewestReader = (
            NewestReader(connection, api, subjects, self._on_burst)
            if kind.start is None
            else OrderedReader(connection, api, subjects, kind.start, self._on_message)
        )
        self._subject = kind.subject
        self.obeyed: list[Event] = []
        self.doubted: list[Fault] = []

    async def start(self) -> None:
        await self.gate.begin()
        await self._reader.start()

    async def look(self) -> None:
        """Read what the stream holds, as after a reconnect."""
        await (self._reader.renew() if isinstance(self._reader, OrderedReader) else self._reader.read_back())

    async def _on_burst(self, burst: Sequence[Message]) -> None:
        for message in burst:
            await self._on_message(message)

    async def _on_message(self, message: Message) -> None:
        if message.subject != self._subject:
            return
        found = await self.gate.admit(self._cls, message)
        if found.event is not None:
            self.obeyed.append(found.event)
        if found.refusal is not None:
            self.doubted.append(found.refusal.fault)


async def say(broker: Broker, role: str, event: Event, after: int) -> int:
    """Publish as its owner does, and return its sequence; what is plain is waited for."""
    chained = isinstance(event, User | BotConfig | Lease) or (isinstance(event, Halt) and event.lifted)
    async with connected(broker, role) as owner:
        if event.acked:
            return await owner.publish_acked(event, expected_last_sequence=after if chained else None)
        api, before = JetStreamApi(owner), await JetStreamApi(owner).last_sequence(name_of_stream(event.address()))
        await owner.publish(event)
        async with asyncio.timeout(60):
            while (sequence := await api.last_sequence(name_of_stream(event.address()))) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return sequence


@asynccontextmanager
async def told(broker: Broker, kind: Kind, file: Path) -> AsyncIterator[tuple[Reading, Stored]]:
    """Yield a living reader that has obeyed all in turn, and the message of before as the stream held it."""
    async with connected(broker, kind.reader) as connection:
        living = Reading(connection, kind, file)
        await living.start()
        api, after, kept = JetStreamApi(connection), 0, None
        found = await api.last(kind.stream, kind.subject)
        after = found.sequence if found is not None else 0
        for place, (role, event) in enumerate(kind.said):
            after = await say(broker, role, event, after)
            await eventually(lambda event=event: living.obeyed[-1:] == [event], "the owner is obeyed")  # type: ignore[misc]
            if place == kind.replayed:
                kept = await api.last(kind.stream, kind.subject)
        assert kept is not None
        yield living, kept


def requests(kind: Kind, old: Stored) -> list[tuple[str, bytes]]:
    """Return API requests whose answer, or whose deliveries, would carry the old message to where it came from."""
    start = {"deliver_policy": "by_start_sequence", "opt_start_seq": old.sequence, "ack_policy": "none"}
    consumer = {"stream_name": kind.stream, "config": start | {"deliver_subject": kind.subject, "durable_name": "mine"}}
    question = json.dumps({"seq": old.sequence}).encode()
    document = json.dumps(consumer).encode()
    return [
        (f"DIRECT.GET.{kind.stream}", question),
        (f"STREAM.MSG.GET.{kind.stream}", question),
        (f"CONSUMER.CREATE.{kind.stream}", document),
        (f"CONSUMER.CREATE.{kind.stream}.mine", document),
        (f"CONSUMER.DURABLE.CREATE.{kind.stream}.mine", document),
    ]


@pytest.mark.parametrize("name", KINDS)
async def test_r70_nobody_has_a_genuine_message_of_before_stored_again(
    shared_broker: Broker, tmp_path: Path, name: str
) -> None:
    kind = KINDS[name]
    newest = kind.said[-1][1]
    async with told(shared_broker, kind, tmp_path / "obeyed") as (living, old):
        await forget_ids(shared_broker, kind.stream)
        heard, before = list(living.obeyed), await stored(shared_broker)
        for each in [each for each in USERS if each != "streams"]:
            async with raw(shared_broker, each) as attacker:
                for request, body in requests(kind, old):
                    for api in (JETSTREAM_API, SERVER_API):
                        # Where the request itself is allowed, its answer must still not reach a stream.
                        allowed = await attacker.may_publish(f"{api}.{request}", body, kind.subject)
                        assert not (allowed and "CONSUMER" in request), (each, request)
                        assert not (allowed and request not in api_requests(each) and api == JETSTREAM_API)
        assert await stored(shared_broker) == before
        await living.look()
        # In its owner's account an answer of the API is heard under the owner's subject, though nothing stores it.
        assert all(each == newest for each in living.obeyed[len(heard) :])
        assert Fault.UNPROVEN not in living.doubted


@pytest.mark.parametrize("name", KINDS)
async def test_r70_a_genuine_message_of_before_that_its_owners_password_stores_again_is_obeyed_by_no_reader(
    shared_broker: Broker, tmp_path: Path, name: str
) -> None:
    kind = KINDS[name]
    old, newest = kind.said[kind.replayed][1], kind.said[-1][1]
    async with told(shared_broker, kind, tmp_path / "obeyed") as (living, kept):
        heard = list(living.obeyed)
        await living.gate.save()
        async with connected(shared_broker, kind.reader) as connection:
            before = Reading(connection, kind, tmp_path / "before")
            await before.start()
        await forget_ids(shared_broker, kind.stream)
        async with thief(shared_broker, kind.said[kind.replayed][0]) as attacker:
            for _ in range(TIMES):
                await store_again(attacker, kept)
        await living.look()
        await eventually(lambda: len(living.doubted) >= TIMES, "every one of them refused")
        assert living.obeyed == heard
        assert set(living.doubted) == {Fault.OUTDATED}
        async with connected(shared_broker, kind.reader) as connection:
            successor = Reading(connection, kind, tmp_path / "obeyed")
            await successor.start()
            assert old not in successor.obeyed, "a process of after remembers"
            assert successor.doubted
            if kind.start is None:
                return  # its stream keeps one value: without its memory a process waits for the next, due at once
            fresh = Reading(connection, kind, tmp_path / "fresh")
            await fresh.start()
            assert fresh.obeyed[-1] == newest, "nor does one without a memory, which looks behind it"
            # USER keeps four of a subject: its oldest have left.
            assert fresh.obeyed == before.obeyed[-len(fresh.obeyed) :]
            assert Fault.OUTDATED in fresh.doubted


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.start is None])
async def test_a_last_value_older_than_what_was_heard_is_overtaken_and_no_replay(
    shared_broker: Broker, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker hands a message on before it stores it: after a kill, or a moment before, its stream is behind."""
    async with told(shared_broker, KINDS[name], tmp_path / "obeyed") as (living, old):
        heard = list(living.obeyed)

        async def behind(*_: object) -> AsyncIterator[Stored]:
            yield old

        monkeypatch.setattr(JetStreamApi, "last_values", behind)
        await living.look()
        assert (living.obeyed, living.doubted) == (heard, [])
        old = old._replace(sequence=old.sequence + 1_000, stored_ns=time.time_ns())
        await living.look()
        assert (living.obeyed, living.doubted) == (heard, [Fault.OUTDATED]), "stored again it is a replay"
