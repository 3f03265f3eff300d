"""The bus in memory: streams, last values, message ids, compare-and-set and durable readers, with seeded hops.

It means what the real one means: plain publishes may be lost and are conflated by readers of the newest; acked ones are
stored once per message id and retried by their sender; ordered readers see no gap; durable readers see repeats.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from common.bus.messages import NO_HEADERS
from common.stores.judge import Found
from common.streams import MIB, STREAMS, stream_of
from common.streams.levels import Level

from toolkit.simulation.schedule import Schedule

US = 1_000
MS = 1_000_000


@dataclass(slots=True)
class Faults:
    """How unkind the world is; probabilities per message, times in ms."""

    drop: float = 0.0
    """A plain publish is lost (a slow subscriber, a break)."""
    lost_ack: float = 0.0
    """An acked publish is stored, but its sender does not hear of it."""
    duplicate: float = 0.0
    """A durable message is delivered again although it was acknowledged."""
    slow: float = 0.0
    """A hop takes up to `slow_ms` instead of a fraction of a millisecond."""
    slow_ms: int = 200
    lost_answer: float = 0.0
    """An HTTP request is carried out, but its answer is lost."""
    lost_request: float = 0.0


@dataclass(frozen=True, slots=True)
class Message:
    """A message as a stream holds it."""

    subject: str
    data: bytes
    sequence: int
    stored_ns: int
    headers: Mapping[str, str]


@dataclass(slots=True)
class StreamState:
    """What one stream holds."""

    per_subject: int
    refuse: bool = False
    messages: list[Message] = field(default_factory=list)
    last: dict[str, Message] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    created: str = ""
    """When it was made."""

    def after(self, sequence: int) -> list[Message]:
        start = bisect_left(self.messages, sequence + 1, key=lambda message: message.sequence)
        return self.messages[start:]


class Refused(Exception):
    """The bus said no to an acked publish."""


def matches(pattern: str, subject: str) -> bool:
    """Say whether a subject fits a filter with `*` tokens and a trailing `>`."""
    want, have = pattern.split("."), subject.split(".")
    for position, part in enumerate(want):
        if part == ">":
            return len(have) > position
        if position >= len(have) or part not in ("*", have[position]):
            return False
    return len(want) == len(have)


class MemoryBus:
    """All streams of the platform and everybody who listens."""

    def __init__(self, schedule: Schedule, random: Random, faults: Faults) -> None:
        self.schedule, self.random, self.faults = schedule, random, faults
        self.streams = {each.name: StreamState(each.max_msgs_per_subject, each.refuse_when_full) for each in STREAMS}
        self.available = True
        self.history = hashlib.sha256()
        self._listeners: list[tuple[str, Callable[[Message], None]]] = []
        self._routes: dict[str, list[Callable[[Message], None]]] = {}

    def hop_ns(self) -> int:
        """Return the time of one hop: 60 to 250 µs, or much longer when the world is slow."""
        if self.faults.slow and self.random.random() < self.faults.slow:
            return self.random.randrange(1 * MS, self.faults.slow_ms * MS)
        return self.random.randrange(60 * US, 250 * US)

    def listen(self, pattern: str, listener: Callable[[Message], None]) -> None:
        """Call a listener at the instant a message that fits is stored; hops are the listener's business."""
        self._listeners.append((pattern, listener))
        self._routes.clear()

    def levels(self) -> list[Level]:
        """Return how full each stream is."""
        found = []
        for stream in STREAMS:
            messages = self.streams[stream.name].messages
            held = sum(len(message.subject) + len(message.data) for message in messages)
            first_ns = messages[0].stored_ns if messages else 0
            found.append(Level(stream.name, held, stream.max_mib * MIB, len(messages), first_ns))
        return found

    def found(self, name: str) -> Found:
        """Return what a broker says of a stream."""
        state = self.streams[name]
        return Found(state.created, len(state.messages) or len(state.last), state.sequence)

    def lose(self) -> None:
        """Lose everything that was ever stored: all streams are recreated, and empty."""
        for name, state in self.streams.items():
            made = f"anew at {self.schedule.now_ns}"
            self.streams[name] = StreamState(state.per_subject, state.refuse, created=made)

    def bring_back(self, name: str, at_ns: int) -> None:
        """Let a stream that keeps everything be what it was at a moment."""
        state = self.streams[name]
        assert not state.per_subject, f"{name} does not keep everything"
        state.messages = [message for message in state.messages if message.stored_ns <= at_ns]
        state.last = {message.subject: message for message in state.messages}
        state.sequence = state.messages[-1].sequence if state.messages else 0
        state.ids = {key: sequence for key, sequence in state.ids.items() if sequence <= state.sequence}

    def forget(self, listener: Callable[[Message], None]) -> None:
        self._listeners = [each for each in self._listeners if each[1] is not listener]
        self._routes.clear()

    def store(
        self,
        subject: str,
        data: bytes,
        message_id: str = "",
        expected_last_sequence: int | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> int:
        """Store a message now and tell the listeners; Refused when the expected sequence is not the last one."""
        state = self.streams[stream_of(subject).name]
        if message_id and message_id in state.ids:
            return state.ids[message_id]
        if expected_last_sequence is not None:
            last = state.last.get(subject)
            if (last.sequence if last else 0) != expected_last_sequence:
                raise Refused(f"wrong last sequence on {subject}")
        state.sequence += 1
        message = Message(subject, data, state.sequence, self.schedule.now_ns, headers)
        if state.per_subject != 1:
            state.messages.append(message)
        state.last[subject] = message
        if message_id:
            state.ids[message_id] = message.sequence
        self.history.update(f"{message.stored_ns} {subject} ".encode() + data)
        for listener in self._listeners_of(subject):
            listener(message)
        return message.sequence

    def _listeners_of(self, subject: str) -> list[Callable[[Message], None]]:
        found = self._routes.get(subject)
        if found is None:
            found = [listener for pattern, listener in self._listeners if matches(pattern, subject)]
            self._routes[subject] = found
        return found

    def last(self, subject: str) -> Message | None:
        return self.streams[stream_of(subject).name].last.get(subject)

    def stored(self, pattern: str, after_sequence: int = 0) -> list[Message]:
        """Return what a stream holds of a filter after a sequence, in order."""
        state = self.streams[stream_of(pattern).name]
        if state.per_subject == 1:
            held = sorted(state.last.values(), key=lambda message: message.sequence)
            return [each for each in held if each.sequence > after_sequence and matches(pattern, each.subject)]
        return [each for each in state.after(after_sequence) if matches(pattern, each.subject)]

    def last_per_subject(self, pattern: str) -> list[Message]:
        state = self.streams[stream_of(pattern).name]
        found = [each for subject, each in state.last.items() if matches(pattern, subject)]
        return sorted(found, key=lambda message: message.sequence)


class PlainHops:
    """How long the plain messages of one connection take: within a subject a slow one holds up those behind it."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus = bus
        self._stored_ns: dict[str, int] = {}
        """When the last message under a subject is stored."""

    def delay_ns(self, subject: str) -> int:
        """Return how long after now the next message under a subject is stored."""
        now_ns = self._bus.schedule.now_ns
        stored_ns = max(now_ns + self._bus.hop_ns(), self._stored_ns.get(subject, 0))
        self._stored_ns[subject] = stored_ns
        return stored_ns - now_ns
