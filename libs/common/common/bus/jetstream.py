"""The part of the JetStream API we use, as plain requests: streams, last values, consumers.

Plain requests and not the client's wrappers, because each of these is one JSON document, and the NATS users of the
services may send exactly these and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from common.bus.messages import NO_HEADERS
from common.bus.nats import REQUEST_TIMEOUT_S, NatsConnection
from common.errors import BusError, BusUnavailable, ConfigError
from common.streams import DURABLES, JETSTREAM_API, MIB, STREAMS, DurableReader, Stream, differences, kept_size
from common.streams.levels import Level, level_of, timestamp_ns

SUBJECTS_MAX = 10_000
READ_AHEAD_MAX = 64
"""Messages asked for at once, so that reading many does not wait for each answer in turn."""
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014


class ApiError(BusError):
    """The JetStream API answered with an error; `code` is the server's."""

    def __init__(self, subject: str, code: int, description: str) -> None:
        self.code = code
        super().__init__(f"{subject}: {description} (code {code})")


class Stored(NamedTuple):
    """A message as a stream holds it."""

    subject: str
    data: bytes
    sequence: int
    stored_ns: int
    headers: Mapping[str, str] = NO_HEADERS
    """Everything its publisher and the broker wrote beside the bytes."""


class StreamState(NamedTuple):
    """What tells one life of a stream from another, and how far it has come."""

    created: str
    """When the stream was made, as the broker writes it."""
    last_sequence: int
    """Of the newest message it ever stored."""


class JetStreamApi:
    """Requests to the JetStream API over one connection."""

    def __init__(self, connection: NatsConnection) -> None:
        self._connection = connection

    async def call(
        self, verb: str, document: dict[str, Any] | None = None, timeout_s: float = REQUEST_TIMEOUT_S
    ) -> dict[str, Any]:
        """Send one API request; ApiError with the server's code, BusUnavailable without an answer in time."""
        subject = f"{JETSTREAM_API}.{verb}"
        data = json.dumps(document).encode() if document else b""
        answer = await self._connection.request(subject, data, timeout_s)
        reply: dict[str, Any] = json.loads(answer.data)
        error = reply.get("error")
        if error:
            raise ApiError(subject, int(error.get("err_code", 0)), str(error.get("description")))
        return reply

    async def ensure_stream(self, stream: Stream, replicas: int) -> str:
        """Create or update a stream; ConfigError when the server made something else of the configuration.

        A stream that somebody has enlarged keeps its size.
        """
        wanted = stream.config(replicas)
        try:
            found = (await self.call(f"STREAM.INFO.{stream.name}"))["config"]
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            found = None
        if found is None:
            reply, done = await self.call(f"STREAM.CREATE.{stream.name}", wanted), "created"
        elif differences(wanted, found):
            config = {**found, **kept_size(wanted, found)}
            reply, done = await self.call(f"STREAM.UPDATE.{stream.name}", config), "updated"
        else:
            return "as it should be"
        _demand_same(f"stream {stream.name}", wanted, reply["config"])
        return done

    async def resize_stream(self, stream: Stream, mib: int) -> Level:
        """Give a stream another size in MiB and return its level then.

        ConfigError when it would be smaller than what it holds or than what services were built for.
        """
        reply = await self.call(f"STREAM.INFO.{stream.name}")
        held = level_of(reply)
        if mib < stream.max_mib:
            raise ConfigError([f"stream {stream.name}: services were built for {stream.max_mib} MiB, refuse {mib}"])
        if mib * MIB < held.held_bytes:
            raise ConfigError([f"stream {stream.name}: holds {held.held_bytes / MIB:.0f} MiB, more than {mib}"])
        config = {**reply["config"], "max_bytes": mib * MIB}
        reply = await self.call(f"STREAM.UPDATE.{stream.name}", config)
        _demand_same(f"stream {stream.name}", {"max_bytes": mib * MIB}, reply["config"])
        return level_of(reply)

    async def levels(self) -> list[Level]:
        """Return how full each stream is, those that are not there left out."""
        found = []
        for stream in STREAMS:
            try:
                found.append(level_of(await self.call(f"STREAM.INFO.{stream.name}")))
            except ApiError as error:
                if error.code != STREAM_NOT_FOUND:
                    raise
        return found

    async def ensure_durable(self, reader: DurableReader) -> str:
        """Create a durable consumer or update it in place; its position in the stream is kept."""
        wanted = reader.config()
        try:
            found = (await self.call(f"CONSUMER.INFO.{reader.stream}.{reader.name}"))["config"]
            if not differences(wanted, found):
                return "as it should be"
            done = "updated"
        except ApiError as error:
            if error.code != CONSUMER_NOT_FOUND:
                raise
            done = "created"
        reply = await self.call(
            f"CONSUMER.DURABLE.CREATE.{reader.stream}.{reader.name}",
            {"stream_name": reader.stream, "config": wanted},
        )
        _demand_same(f"durable {reader.name}", wanted, reply["config"])
        return done

    async def verify_streams(self, replicas: int) -> list[str]:
        """Return what is missing of the streams and of this service's durable readers.

        ConfigError when one differs from what we were built for.
        """
        missing = []
        for stream in STREAMS:
            try:
                found = (await self.call(f"STREAM.INFO.{stream.name}"))["config"]
            except ApiError as error:
                if error.code != STREAM_NOT_FOUND:
                    raise
                missing.append(stream.name)
                continue
            _demand_same(f"stream {stream.name}", stream.config(replicas), found)
        for reader in DURABLES:
            if reader.owner != self._connection.service:
                continue
            try:
                found = (await self.call(f"CONSUMER.INFO.{reader.stream}.{reader.name}"))["config"]
            except ApiError as error:
                if error.code not in (STREAM_NOT_FOUND, CONSUMER_NOT_FOUND):
                    raise
                missing.append(reader.name)
                continue
            _demand_same(f"durable {reader.name}", reader.config(), found)
        return missing

    async def durable_positions(self, reader: DurableReader) -> tuple[int, int]:
        """Return the stream sequences up to which a durable reader has acknowledged, and been handed, everything."""
        reply = await self.call(f"CONSUMER.INFO.{reader.stream}.{reader.name}")
        return int(reply["ack_floor"]["stream_seq"]), int(reply["delivered"]["stream_seq"])

    async def last(self, stream: str, subject: str) -> Stored | None:
        """Return the last message of one subject, or None."""
        return await self._direct_get(stream, {"last_by_subj": subject})

    async def after(self, stream: str, subject: str, sequence: int) -> Stored | None:
        """Return the first message of a subject or filter after a sequence, or None."""
        return await self._direct_get(stream, {"seq": sequence + 1, "next_by_subj": subject})

    async def subjects(self, stream: str, subject_filter: str) -> list[str]:
        """Return the subjects of a stream that match a filter and hold a message, sorted."""
        reply = await self.call(f"STREAM.INFO.{stream}", {"subjects_filter": subject_filter})
        return sorted(reply["state"].get("subjects") or {})[:SUBJECTS_MAX]

    async def state(self, stream: str) -> StreamState:
        """Return when a stream was made and how far it has come."""
        info = await self.call(f"STREAM.INFO.{stream}")
        return StreamState(str(info["created"]), int(info["state"]["last_seq"]))

    async def last_sequence(self, stream: str) -> int:
        """Return the sequence of the newest message a stream ever stored."""
        return (await self.state(stream)).last_sequence

    async def last_values(self, stream: str, subject_filter: str) -> AsyncIterator[Stored]:
        """Yield the last message of every subject a stream holds, in the order of the subjects."""
        subjects = await self.subjects(stream, subject_filter)
        for first in range(0, len(subjects), READ_AHEAD_MAX):
            batch = subjects[first : first + READ_AHEAD_MAX]
            for stored in await asyncio.gather(*[self.last(stream, subject) for subject in batch]):
                if stored is not None:
                    yield stored

    async def following(self, stream: str, after_sequence: int, subject_filter: str) -> AsyncIterator[Stored]:
        """Yield every message after a sequence that a stream holds now, in order.

        Old servers answer one message to a request, so several are asked for at once: each "the next from here on",
        from consecutive places. Where messages lie close together all answers differ; where they do not, it asks
        for fewer.
        """
        ahead = 1
        while True:
            places = range(after_sequence + 1, after_sequence + 1 + ahead)
            asked = [self._direct_get(stream, {"seq": place, "next_by_subj": subject_filter}) for place in places]
            found = in_order(await asyncio.gather(*asked))
            for stored in found:
                yield stored
            if not found:
                return
            after_sequence = found[-1].sequence
            ahead = min(2 * ahead, READ_AHEAD_MAX) if len(found) > ahead // 2 else max(1, len(found))

    async def read(self, stream: str, after_sequence: int, subject_filter: str = ">") -> AsyncIterator[Stored]:
        """Yield every message after a sequence up to the one that is newest now, in order."""
        end = await self.last_sequence(stream)
        if after_sequence >= end:
            return
        async for stored in self.following(stream, after_sequence, subject_filter):
            if stored.sequence > end:
                return
            yield stored

    async def _direct_get(self, stream: str, document: dict[str, Any]) -> Stored | None:
        answer = await self._connection.request(f"{JETSTREAM_API}.DIRECT.GET.{stream}", json.dumps(document).encode())
        headers = answer.headers or {}
        if "Nats-Sequence" not in headers:
            if headers.get("Status") == "404":
                return None
            raise BusUnavailable(f"direct get on {stream}: {headers.get('Status')} {headers.get('Description')}")
        subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
        return Stored(subject, answer.data, sequence, timestamp_ns(headers["Nats-Time-Stamp"]), headers)


def in_order(answers: Sequence[Stored | None]) -> list[Stored]:
    """Return the messages in answers to "the next from here on" at rising places, each once.

    In a cluster a replica that lags may answer "nothing", or a later message, where another already has one: what
    comes after such an answer is left for the next look, or a message would be passed over.
    """
    earliest_later, trusted = math.inf, len(answers)
    for place in range(len(answers) - 1, -1, -1):
        stored = answers[place]
        if stored is None or stored.sequence > earliest_later:
            trusted = place
        if stored is not None:
            earliest_later = min(earliest_later, stored.sequence)
    by_sequence = {stored.sequence: stored for stored in answers[:trusted] if stored is not None}
    return list(by_sequence.values())


def _demand_same(what: str, wanted: dict[str, Any], found: dict[str, Any]) -> None:
    faults = differences(wanted, found)
    if faults:
        raise ConfigError([f"{what}: {fault}" for fault in faults])
