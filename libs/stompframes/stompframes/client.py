"""The client's end of one connection: what is wanted becomes frames to write, what a server sends becomes events.

The caller writes what `output` returns, each item as one websocket message, hands in what arrives and the time, and
closes the socket after a `Closed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from stompframes.errors import ProtocolError, shown
from stompframes.frames import ALL_VERSIONS, HEARTBEAT, Frame, Headers, Version, encode
from stompframes.heartbeats import NS_PER_MS, Offer, Pulse, parse_offer
from stompframes.parser import Limits, Parser
from stompframes.subscriptions import AckMode, required

EVERY_10_S = Offer(10_000, 10_000)
WHOLE_BOOKS = Limits(frame_bytes=16 * 1024 * 1024)
LAST_RECEIPT = "disconnect"
"""The receipt that is asked for with DISCONNECT."""
STATUS_DIGITS = 3


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a client offers, how much it takes, and how long it waits."""

    versions: tuple[Version, ...] = ALL_VERSIONS
    heartbeat: Offer = EVERY_10_S
    limits: Limits = WHOLE_BOOKS
    connected_ms: int = 10_000
    """CONNECTED must be here by then."""
    disconnected_ms: int = 2_000
    """For the receipt of DISCONNECT; the connection ends without it."""
    receipts: int = 1_000
    """Receipts that have been asked for and are not here."""


class Connected(NamedTuple):
    """The server has let us in."""

    version: Version
    session: str | None
    headers: Headers


class Message(NamedTuple):
    """One message of a subscription."""

    subscription: str | None
    """None where a server of 1.0 leaves it out."""
    destination: str
    status: int | None
    """As of HTTP: 4xx and 5xx say that a request could not be met; None where the server gives none."""
    headers: Headers
    body: bytes


class Receipt(NamedTuple):
    """The server has dealt with the frame that asked for this receipt, and with all before it."""

    receipt: str


class Error(NamedTuple):
    """The server ends the connection, and why; a `Closed` follows."""

    message: str
    receipt: str | None
    """Of the frame that was wrong, if it asked for one."""
    headers: Headers
    body: bytes


class Closed(NamedTuple):
    """The connection has ended; a new one needs a new session."""

    reason: str


Event = Connected | Message | Receipt | Error | Closed


class _State(Enum):
    NEW = auto()
    CONNECTING = auto()
    OPEN = auto()
    LEAVING = auto()
    CLOSED = auto()


class ClientSession:
    """One connection to a server."""

    def __init__(self, settings: ClientSettings = ClientSettings()) -> None:
        self.version = Version.V1_0
        """The one agreed on; until then, the one without escapes."""
        self.subscriptions: dict[str, str] = {}
        """The destination of each subscription, by its id."""
        self.pending_receipts: set[str] = set()
        self._settings = settings
        self._state = _State.NEW
        self._parser = Parser(limits=settings.limits)
        self._pulse: Pulse | None = None
        self._answer_by_ns = 0
        """When CONNECTED, or the last receipt, must be here."""
        self._numbered = 0
        self._output: list[bytes] = []

    @property
    def closed(self) -> bool:
        return self._state is _State.CLOSED

    def connect(self, headers: Headers, now_ns: int) -> None:
        """Ask to be let in, with `authorization` among the headers."""
        assert self._state is _State.NEW, "a session connects once"
        offered = (
            ("accept-version", ",".join(self._settings.versions)),
            ("heart-beat", self._settings.heartbeat.header),
        )
        self._queue(Frame("CONNECT", (*headers, *offered)), now_ns)
        self._state = _State.CONNECTING
        self._answer_by_ns = now_ns + self._settings.connected_ms * NS_PER_MS

    def subscribe(self, destination: str, now_ns: int, mode: AckMode = AckMode.AUTO, receipt: str | None = None) -> str:
        """Ask for a destination's messages and return the subscription's id."""
        id_ = f"sub-{self._numbered}"
        headers = (("id", id_), ("destination", destination), ("ack", str(mode)))
        self._ask(Frame("SUBSCRIBE", headers), receipt, now_ns)
        self._numbered += 1
        self.subscriptions[id_] = destination
        return id_

    def unsubscribe(self, id_: str, now_ns: int, receipt: str | None = None) -> None:
        """End a subscription; messages that are under way may still come."""
        self._ask(Frame("UNSUBSCRIBE", (("id", id_),)), receipt, now_ns)
        self.subscriptions.pop(id_, None)

    def ack(self, message: Message, now_ns: int, receipt: str | None = None) -> None:
        """Acknowledge a message, and in client mode all before it."""
        self._ask(Frame("ACK", self._name_of(message)), receipt, now_ns)

    def nack(self, message: Message, now_ns: int, receipt: str | None = None) -> None:
        """Say that a message is not wanted; STOMP 1.0 has no way to."""
        if self.version is Version.V1_0:
            raise ValueError("nack: is no command of STOMP 1.0")
        self._ask(Frame("NACK", self._name_of(message)), receipt, now_ns)

    def disconnect(self, now_ns: int) -> None:
        """Leave in order: everything before is dealt with when the `Closed` comes."""
        self._ask(Frame("DISCONNECT"), LAST_RECEIPT, now_ns)
        self._state = _State.LEAVING
        self._answer_by_ns = now_ns + self._settings.disconnected_ms * NS_PER_MS

    def receive(self, data: bytes | str, now_ns: int) -> list[Event]:
        """Take what has arrived and return what it says."""
        events: list[Event] = []
        if self._state is _State.CLOSED:
            return events
        if self._pulse is not None:
            self._pulse.received_ns = now_ns
        self._parser.feed(data)
        try:
            while not self.closed and (frame := self._parser.next_frame()) is not None:
                self._take(frame, events, now_ns)
        except ProtocolError as error:
            events += self._end(str(error))
        return events

    def lost(self) -> list[Event]:
        """Note that the socket is gone."""
        return [] if self._state is _State.CLOSED else self._end("connection lost")

    def output(self) -> list[bytes]:
        """Return what is to be written, one item per websocket message, in order."""
        written, self._output = self._output, []
        return written

    def next_deadline_ns(self) -> int | None:
        """Return when `on_time` has something to do if nothing happens before; None for never."""
        due = []
        if self._state in (_State.CONNECTING, _State.LEAVING):
            due.append(self._answer_by_ns)
        if self._pulse is not None and self._state is not _State.CLOSED:
            due += [each for each in (self._pulse.send_at_ns, self._pulse.gone_at_ns) if each is not None]
        return min(due, default=None)

    def on_time(self, now_ns: int) -> list[Event]:
        """Send a heartbeat that is due; end a connection whose server has said nothing for too long."""
        if self._state is _State.CONNECTING and now_ns >= self._answer_by_ns:
            return self._end(f"no CONNECTED within {self._settings.connected_ms} ms")
        if self._state is _State.LEAVING and now_ns >= self._answer_by_ns:
            return self._end("disconnected without a receipt")
        if self._pulse is None or self._state is _State.CLOSED:
            return []
        gone_at_ns, send_at_ns = self._pulse.gone_at_ns, self._pulse.send_at_ns
        if gone_at_ns is not None and now_ns >= gone_at_ns:
            return self._end(f"no heart-beat for {self._pulse.receive_ms} ms")
        if send_at_ns is not None and now_ns >= send_at_ns:
            self._write(HEARTBEAT, now_ns)
        return []

    def _take(self, frame: Frame, events: list[Event], now_ns: int) -> None:
        command = frame.command
        if command == "ERROR":
            events.append(Error(frame.get("message") or "", frame.get("receipt-id"), frame.headers, frame.body))
            events += self._end(f"ERROR: {frame.get('message') or ''}")
        elif self._state is _State.CONNECTING:
            events.append(self._let_in(frame, now_ns))
        elif command == "MESSAGE":
            events.append(_message(frame))
        elif command == "RECEIPT":
            receipt = required(frame, "receipt-id")
            if self._state is _State.LEAVING and receipt == LAST_RECEIPT:
                events += self._end("disconnected")
            elif receipt in self.pending_receipts:
                self.pending_receipts.remove(receipt)
                events.append(Receipt(receipt))
        else:
            raise ProtocolError("unexpected command", f"{command} must not come from a server now")

    def _let_in(self, frame: Frame, now_ns: int) -> Connected:
        if frame.command != "CONNECTED":
            raise ProtocolError("not connected", f"CONNECTED must come before {frame.command}")
        said = frame.get("version") or Version.V1_0
        agreed = next((version for version in self._settings.versions if version == said), None)
        if agreed is None:
            raise ProtocolError("unsupported version", f"{shown(said)} was not offered")
        self.version = self._parser.version = agreed
        self._pulse = Pulse(self._settings.heartbeat, parse_offer(frame.get("heart-beat")), now_ns)
        self._state = _State.OPEN
        return Connected(agreed, frame.get("session"), frame.headers)

    def _name_of(self, message: Message) -> Headers:
        """Return the headers by which a version says which message is meant."""
        named = dict(reversed(message.headers))
        if self.version is Version.V1_2:
            return (("id", named.get("ack") or named.get("message-id", "")),)
        own = (("message-id", named.get("message-id", "")),)
        return own if self.version is Version.V1_0 else (*own, ("subscription", message.subscription or ""))

    def _ask(self, frame: Frame, receipt: str | None, now_ns: int) -> None:
        """Queue a frame of a client that is let in, with the receipt it asks for."""
        if self._state is not _State.OPEN:
            raise ValueError(f"{frame.command}: there is no open connection")
        if receipt is not None:
            if receipt in self.pending_receipts:
                raise ValueError(f"receipt {shown(receipt)}: is asked for already")
            if len(self.pending_receipts) >= self._settings.receipts:
                raise ValueError(f"receipt: at most {self._settings.receipts} can be waited for")
            frame = frame._replace(headers=(*frame.headers, ("receipt", receipt)))
        self._queue(frame, now_ns)
        if receipt is not None:
            self.pending_receipts.add(receipt)

    def _queue(self, frame: Frame, now_ns: int) -> None:
        self._write(encode(frame, self.version), now_ns)

    def _write(self, message: bytes, now_ns: int) -> None:
        self._output.append(message)
        if self._pulse is not None:
            self._pulse.sent_ns = now_ns

    def _end(self, reason: str) -> list[Event]:
        self._state = _State.CLOSED
        self._parser = Parser()
        return [Closed(reason)]


def _message(frame: Frame) -> Message:
    return Message(
        frame.get("subscription"),
        required(frame, "destination"),
        _status(frame.get("status") or ""),
        frame.headers,
        frame.body,
    )


def _status(said: str) -> int | None:
    return int(said) if len(said) == STATUS_DIGITS and said.isascii() and said.isdigit() else None
