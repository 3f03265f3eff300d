"""The part of the JetStream API we use, as plain requests: streams, last values, consumers.

Plain requests and not the client's wrappers, because each of these is one JSON document, and the NATS users of the
services may send exactly these and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import structlog
from nats.aio.msg import Msg

from common.bus.messages import NO_HEADERS
from common.bus.nats import REQUEST_TIMEOUT_S, NatsConnection
from common.errors import BusError, BusUnavailable, ConfigError
from common.streams import (
    DURABLES,
    JETSTREAM_API,
    MIB,
    PERSIST_MODE,
    STREAMS,
    DurableReader,
    Stream,
    differences,
    kept_size,
)
from common.streams.levels import Level, level_of, timestamp_ns

log = structlog.get_logger()

SUBJECTS_MAX = 10_000
READ_AHEAD_MAX = 64
"""Messages asked for at once, so that reading many does not wait for each answer in turn."""
BATCH = 256
"""Messages asked for by one request, where the broker answers with many."""
NOT_FOUND, END_OF_BATCH, TOO_MANY = "404", "204", "413"
"""How the broker says that there is nothing (more), and that it will not answer with so much."""
WAY_ON = (
    "Where that cannot be changed: stop the platform, move the stream's folder out of the broker's store, and start; "
    "see docs/runbook.md"
)
STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014


class ApiError(BusError):
    """The JetStream API answered with an error; `code` is the server's."""

    def __init__(self, subject: str, code: int, description: str) -> None:
        self.code, self.description = code, description
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
        """Create or update a stream and say what was done.

        ConfigError names the fields that the server will not change, or made something else of. A stream that somebody
        has enlarged keeps its size. How it is written can only be chosen when it is made: one of values that the next
        ones replace is recreated for it.
        """
        wanted = stream.config(replicas, self._connection.features)
        try:
            found = (await self.call(f"STREAM.INFO.{stream.name}"))["config"]
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            held = await self._make(stream.name, wanted, wanted)
            return f"created around {held} messages found on the disk of the broker" if held else "created"
        different = differences(wanted, found)
        if not different:
            return "as it should be"
        if not stream.acked and differences({PERSIST_MODE: wanted.get(PERSIST_MODE, "default")}, found):
            await self.call(f"STREAM.DELETE.{stream.name}")
            await self._make(stream.name, kept_size(wanted, found), wanted)
            return "recreated, to be written another way"
        try:
            reply = await self.call(f"STREAM.UPDATE.{stream.name}", {**found, **kept_size(wanted, found)})
        except ApiError as error:
            raise ConfigError(
                [f"stream {stream.name}: {fault}; it says {error.description!r}. {WAY_ON}" for fault in different]
            ) from None
        _demand_same(f"stream {stream.name}", wanted, reply["config"])
        return "updated"

    async def _make(self, name: str, config: dict[str, Any], wanted: dict[str, Any]) -> int:
        """Create a stream that lasts and return how many messages it holds already.

        A broker that was killed while it made or changed a stream leaves a folder whose description it cannot read: it
        knows no such stream. Made again, the stream has what the folder holds, but a description that is there stays as
        it is, and the next start knows no such stream again. An update writes it.
        """
        await self.call(f"STREAM.CREATE.{name}", config)
        reply = await self.call(f"STREAM.UPDATE.{name}", config)
        _demand_same(f"stream {name}", wanted, reply["config"])
        return int(reply["state"]["messages"])

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
        request = f"CONSUMER.DURABLE.CREATE.{reader.stream}.{reader.name}"
        reply = await self.call(request, {"stream_name": reader.stream, "config": wanted})
        if done == "created":
            # As with a stream: only the second one writes a description over what a killed broker has left.
            reply = await self.call(request, {"stream_name": reader.stream, "config": wanted})
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
            self._accept(stream, replicas, found)
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

    def _accept(self, stream: Stream, replicas: int, found: dict[str, Any]) -> None:
        """Take a stream as it is made for this broker, or as an older one had it: that one may just have been replaced.

        What the stream cannot do is not used until the `streams` step has made it what this broker can.
        """
        connection = self._connection
        wanted = stream.config(replicas, connection.features)
        if not differences(wanted, found):
            return
        if differences(stream.config(replicas), found):
            _demand_same(f"stream {stream.name}", wanted, found)
        if stream.max_age_by_message_s:
            connection.features = replace(connection.features, message_ttl=False)
        log.warning("made for an older broker: ./mm streams makes it new", stream=stream.name)

    async def durable_positions(self, reader: DurableReader) -> tuple[int, int]:
        """Return the stream sequences up to which a durable reader has acknowledged, and been handed, everything."""
        reply = await self.call(f"CONSUMER.INFO.{reader.stream}.{reader.name}")
        return int(reply["ack_floor"]["stream_seq"]), int(reply["delivered"]["stream_seq"])

    async def last(self, stream: str, subject: str) -> Stored | None:
        """Return the last message of one subject, or None."""
        return await self._direct_get(stream, {"last_by_subj": subject})

    async def after(self, stream: str, subject: str, sequence: int) -> Stored | None:
        """Return the first message of a subject or filter after a sequence, or None."""
        return await self._direct_get(stream, _next(sequence, subject))

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
        """Yield the last message of every subject a stream holds; no order is promised."""
        if self._connection.features.many_answers:
            at_once = await self._last_at_once(stream, subject_filter)
            if at_once is not None:
                for value in at_once:
                    yield value
                return
        subjects = await self.subjects(stream, subject_filter)
        for first in range(0, len(subjects), READ_AHEAD_MAX):
            batch = subjects[first : first + READ_AHEAD_MAX]
            for stored in await asyncio.gather(*[self.last(stream, subject) for subject in batch]):
                if stored is not None:
                    yield stored

    async def following(self, stream: str, after_sequence: int, subject_filter: str) -> AsyncIterator[Stored]:
        """Yield every message after a sequence that a stream holds now, in order.

        The first is asked for alone: mostly it is the only one.
        """
        ahead = 1
        while True:
            if ahead > 1 and self._connection.features.many_answers:
                found, _ = await self._direct_get_many(
                    stream, {**_next(after_sequence, subject_filter), "batch": BATCH}
                )
            else:
                found = await self._next_ones(stream, after_sequence, subject_filter, ahead)
            for stored in found:
                yield stored
            if not found:
                return
            after_sequence = found[-1].sequence
            ahead = min(2 * ahead, READ_AHEAD_MAX) if len(found) > ahead // 2 else max(1, len(found))

    async def _next_ones(self, stream: str, after_sequence: int, subject_filter: str, ahead: int) -> list[Stored]:
        """Return up to `ahead` messages after a sequence, each by a request of its own, all sent at once.

        A broker answers each with one message: the first that matches after the request's own sequence, and these
        sequences are consecutive. Where every message of the stream matches, all answers differ; where only few do,
        many answers are the same message, and a smaller `ahead` finds as much.
        """
        places = range(after_sequence, after_sequence + ahead)
        asked = [self._direct_get(stream, _next(place, subject_filter)) for place in places]
        return in_order(await asyncio.gather(*asked))

    async def read(self, stream: str, after_sequence: int, subject_filter: str = ">") -> AsyncIterator[Stored]:
        """Yield every message after a sequence up to the one that is newest now, in order."""
        end = await self.last_sequence(stream)
        if after_sequence >= end:
            return
        async for stored in self.following(stream, after_sequence, subject_filter):
            if stored.sequence > end:
                return
            yield stored

    async def _last_at_once(self, stream: str, subject_filter: str) -> list[Stored] | None:
        """Return the last message of every subject as of one moment; None when they have to be asked for one by one.

        That is when they are too many, when one of them went while they were read, and when no stream answers: whoever
        asks for its subjects hears why.
        """
        try:
            found, whole = await self._direct_get_many(stream, {"multi_last": [subject_filter]})
        except BusUnavailable:
            return None
        return found if whole else None

    async def _direct_get_many(self, stream: str, document: dict[str, Any]) -> tuple[list[Stored], bool]:
        """Return the messages that answer one request, in stream order, and whether they are all that was asked for."""
        subject, data = f"{JETSTREAM_API}.DIRECT.GET.{stream}", json.dumps(document).encode()
        *answers, end = await self._connection.request_many(subject, data, _says_no_more)
        status = _status(end)
        if status not in (NOT_FOUND, END_OF_BATCH, TOO_MANY):
            raise _failed(stream, end)
        pending = (end.headers or {}).get("Nats-Num-Pending", "0") != "0"
        # 'Not found' behind a message: another one went between being counted and being read.
        whole = (status == END_OF_BATCH and not pending) or (status == NOT_FOUND and not answers)
        return [_stored(stream, each) for each in answers], whole

    async def _direct_get(self, stream: str, document: dict[str, Any]) -> Stored | None:
        subject, data = f"{JETSTREAM_API}.DIRECT.GET.{stream}", json.dumps(document).encode()
        # The client's own request takes a message whose publisher gave it a header 'Status: 503' for 'nobody listens'.
        (answer,) = await self._connection.request_many(subject, data, lambda _: True)
        if not _says_no_more(answer):
            return _stored(stream, answer)
        if _status(answer) == NOT_FOUND:
            return None
        raise _failed(stream, answer)


def _next(sequence: int, subject_filter: str) -> dict[str, Any]:
    """Return the request for the first message of a filter after a sequence."""
    return {"seq": sequence + 1, "next_by_subj": subject_filter}


def _says_no_more(answer: Msg) -> bool:
    """Say whether an answer to a direct get is a word of the broker's and no message."""
    return "Nats-Sequence" not in (answer.headers or {})


def _status(answer: Msg) -> str:
    return (answer.headers or {}).get("Status", "")


def _failed(stream: str, answer: Msg) -> BusUnavailable:
    return BusUnavailable(f"direct get on {stream}: {_status(answer)} {(answer.headers or {}).get('Description')}")


def _stored(stream: str, answer: Msg) -> Stored:
    """Return the message in an answer; BusUnavailable when it holds none: whoever asks again may hear better."""
    headers = answer.headers or {}
    try:
        subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
        return Stored(subject, answer.data, sequence, timestamp_ns(headers["Nats-Time-Stamp"]), headers)
    except (KeyError, ValueError) as error:
        raise BusUnavailable(f"direct get on {stream}: an answer is no message: {error!r}") from None


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
