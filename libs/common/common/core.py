"""The cut between a service's core and its shell: what a core is told, and what it asks to be done.

A core is ordinary synchronous Python. It declares its `inputs` once; the shell (`common.running.service` live, the
simulation in tests) calls the handlers, one at a time, and carries out the effects they yield, in order. A handler
never waits, reads no clock and does no I/O, so a run is a function of what it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

import msgspec

from common.events.base import Event
from common.streams.levels import Level


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """When and where from something reached the core."""

    now_ns: int
    """Our clock; never runs backwards within a process."""
    age_ns: int = 0
    """How old the value already was: above 0 for a last value read back after a start or reconnect."""
    sequence: int = 0
    """Stream sequence, for `Ordered` and `Durable` inputs."""


# --- effects: what a core asks the shell to do ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """Connect a wire to a websocket address; ends in on_open or on_close. Back-off is the core's business."""

    wire: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """Send one text frame on an open wire; dropped, and on_close follows, when it is not open."""

    wire: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close a wire; on_close follows."""

    wire: str
    reason: str


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Make one HTTP request; ends in exactly one `HttpResponse`, status 0 when no answer came in time."""

    http: str
    request_id: int
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_ms: int = 2_000


@dataclass(frozen=True, slots=True)
class Store:
    """Write a document to the positions store, applied only when `sequence` follows the stored one.

    The durable message that caused it is acknowledged once the write is applied.
    """

    sequence: int
    fields: Mapping[str, bytes]
    """Hash fields to set; an empty value deletes the field."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish an acked event under a condition; the outcome comes back to `Core.on_published`/`on_refused`."""

    event: Event
    expected_last_sequence: int | None = None
    """Last stream sequence of the event's subject; 0 means 'nothing there yet'."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Have a small document on disk, or no longer when `data` is empty: done before the next effect is begun.

    The next start hands it to `Core.restore`, before anything else. A command whose document the disk does not take is
    answered as not done.
    """

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AnswerLater:
    """Let the command that is being carried out be answered by the `Answered` of this ticket."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What a command that was to be answered later has come to."""

    ticket: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Turn:
    """Give the rest of some long work a turn of its own, after what has arrived meanwhile and with its own receipt."""

    handler: Callable[[Receipt], Effects]


Effect: TypeAlias = Event | Open | Send | Close | HttpRequest | Store | Publish | Keep | AnswerLater | Answered | Turn
Effects: TypeAlias = Iterable[Effect]


class HttpResponse(NamedTuple):
    """What came of an `HttpRequest`."""

    request_id: int
    status: int
    """HTTP status; 0 when the outcome is unknown (no connection, time-out, cut)."""
    body: bytes
    headers: Mapping[str, str]


# --- inputs: what a core wants to be told -----------------------------------------------------------------------


class Start(Enum):
    """Where an ordered reader begins."""

    NEW = "new"
    LAST_PER_SUBJECT = "last_per_subject"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest event per subject: conflated, and first the last value of each subject."""

    event: type[Event]
    handler: Callable[[Any, Receipt], Effects]
    tokens: Mapping[str, str] = field(default_factory=dict)
    """Fix some of the subject's fields, e.g. {'venue': 'binance'}."""
    sampled_ms: int = 0
    """When above 0: look at the last values this often, instead of hearing each. For whom a picture is enough."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """Every event of one class in stream order, without gaps, from a chosen start."""

    event: type[Event]
    handler: Callable[[Any, Receipt], Effects]
    start: Start = Start.LAST_PER_SUBJECT
    tokens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Durable:
    """Every event of a stream in order, acknowledged after the handler's effects are done; repeats happen."""

    name: str
    """Name of a consumer declared in `common.streams`; it says which stream and subjects."""
    handler: Callable[[Any, bytes, Receipt], Effects]
    """(event, bytes): the bytes are those that are stored, which may be of an earlier form of the event."""
    on_undecodable: Callable[[str, str, bytes, Receipt], Effects] | None = None
    """(subject, reason, bytes): for streams where nothing may be skipped. Without it the message is parked."""
    on_forged: Callable[[str, str, bytes, Receipt], Effects] | None = None
    """(subject, reason, bytes): given what no owner of the stream ever said, so that its sequence is no hole. It is
    parked, acknowledged, and nothing else comes of it."""


@dataclass(frozen=True, slots=True)
class Every:
    """A timer."""

    period_ms: int
    handler: Callable[[Receipt], Effects]
    early: bool = False
    """It runs before the core has started, too."""


@dataclass(frozen=True, slots=True)
class StreamLevels:
    """How full every stream is, asked of the broker at a period; nothing is told while the broker is away."""

    period_ms: int
    handler: Callable[[Sequence[Level], Receipt], Effects]


@dataclass(frozen=True, slots=True)
class Wire:
    """A websocket client connection, named; `Open` connects it."""

    name: str
    on_open: Callable[[Receipt], Effects]
    on_frame: Callable[[bytes, Receipt], Effects]
    """Frames that arrived together have one receipt."""
    on_close: Callable[[str, Receipt], Effects]


@dataclass(frozen=True, slots=True)
class Http:
    """A source of HTTP answers, named as in `HttpRequest.http`."""

    name: str
    on_answer: Callable[[HttpResponse, Receipt], Effects]


@dataclass(frozen=True, slots=True)
class Command:
    """Something a person may order on the admin port: POST /{name} with a JSON document."""

    name: str
    handler: Callable[[Mapping[str, Any], Receipt], Effects]
    """ValueError from it becomes a 422 with its text."""
    early: bool = False
    """It may be ordered before the core has started: while broker, streams or lease are waited for."""


Input: TypeAlias = Newest | Ordered | Durable | Every | StreamLevels | Wire | Http | Command


class Sample(NamedTuple):
    """One figure for Prometheus, e.g. ('mm_fills_total', 'counter', 'Executions', {'algo_id': '1'}, 12)."""

    name: str
    kind: str
    """counter or gauge"""
    description: str
    labels: Mapping[str, str]
    value: float


class Core:
    """What every service's core is; the defaults suit a core that has nothing to add."""

    epoch: int = 0
    """Set by the shell before `start` to the epoch of the lease held; goes into events and order ids."""

    confirmed: tuple[type[Event], ...] = ()
    """The acked events of which `on_published` is to tell; what the broker confirms of others costs no turn."""

    def inputs(self) -> Sequence[Input]:
        """Everything this core listens to; asked once."""
        raise NotImplementedError

    def restore(self, documents: Mapping[str, bytes]) -> None:
        """Take in the documents that earlier lives had kept on disk; called once, before everything else."""

    def start(self, receipt: Receipt) -> Effects:
        """Begin; called once, when the inputs are subscribed and the last values have been handed in."""
        return ()

    def stop(self, receipt: Receipt) -> Effects:
        """Begin to end: latch, cancel what rests, ask the venue. The shell goes on feeding inputs until `stopped`."""
        return ()

    def stopped(self) -> bool:
        """Say whether nothing is left to do after `stop`."""
        return True

    def after_burst(self, receipt: Receipt) -> Effects:
        """Act on what has arrived together; called in the same turn, behind the last input of every burst."""
        return ()

    def on_held(self, key: str, epoch: int, receipt: Receipt) -> Effects:
        """The lease of a part of the core is held under an epoch: that part begins."""
        return ()

    def on_lost(self, key: str, receipt: Receipt) -> Effects:
        """The lease of a part is another's, or was given back: nothing more is sent or said for it until it is held."""
        return ()

    def on_doubt(self, key: str, doubtful: bool, receipt: Receipt) -> Effects:
        """The lease of a part is in doubt, which is to that part as if the bus were gone, or sure again."""
        return ()

    def renounces(self, key: str, now_ns: int) -> bool:
        """Say whether a part has failed, so that its lease is to be given back and not waited for just now."""
        return False

    def unready(self, now_ns: int) -> list[str]:
        """Reasons why this service is not doing its job now; empty when it is."""
        return []

    def state(self, now_ns: int) -> dict[str, Any]:
        """A JSON-able picture for people: the admin port's /state."""
        return {}

    def explain(self, query: Mapping[str, str], now_ns: int) -> dict[str, Any] | None:
        """Why something is as it is: the admin port's /explain; None for what is not known, ValueError for nonsense."""
        return None

    def samples(self) -> Iterable[Sample]:
        """Figures for /metrics."""
        return ()

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        """An acked event of the `confirmed` classes is stored in its stream."""
        return ()

    def on_refused(self, event: Event, reason: str, receipt: Receipt) -> Effects:
        """The broker refused an acked event for good (a condition failed, the stream is full)."""
        return ()

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        """The stores are not those this process knew, as `faults` say: nothing may rest or be begun in this life.

        It may come before `start`; only a person's word ends it, and a new life begins then.
        """
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        """The bus is back after a break, streams verified and last values re-read."""
        return ()

    def on_disconnected(self, receipt: Receipt) -> Effects:
        """The bus is gone."""
        return ()
