"""The server's end of one connection: what a client has sent becomes events, what answers it becomes frames to write.

The caller hands in bytes and the time, acts on the events, and writes what `output` returns, each item as one websocket
message: readers are known that expect one frame in each. When `closing` is set, it closes the socket after that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple

from stompframes.errors import ProtocolError, shown
from stompframes.frames import (
    ALL_VERSIONS,
    CLIENT_COMMANDS,
    HEARTBEAT,
    NEVER_ESCAPED,
    Frame,
    Headers,
    Version,
    encode,
    escape,
)
from stompframes.heartbeats import NS_PER_MS, Offer, Pulse, parse_offer
from stompframes.messages import JSON, SharedMessage, own_headers_until_number
from stompframes.parser import Limits, Parser
from stompframes.subscriptions import AckMode, Subscription, Subscriptions, required
from stompframes.transactions import HELD, Transactions

NORMAL, PROTOCOL_FAULT = 1000, 1002
"""Codes of a websocket's close: after DISCONNECT, after ERROR."""
AUTHORIZATION = "authorization"
CORRELATION = "correlation-id"
"""By which a client knows what an answer belongs to."""
NUMBER_DIGITS_MAX = 18
SESSION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
EVERY_10_S = Offer(10_000, 10_000)
FRAME_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server offers to a connection, and how much it takes from it."""

    versions: tuple[Version, ...] = ALL_VERSIONS
    heartbeat: Offer = EVERY_10_S
    server: str = "stompframes"
    """The `server` header of CONNECTED."""
    connect_ms: int = 5_000
    """CONNECT must be here by then."""
    decide_ms: int = 10_000
    """The caller must have let the client in, or not, by then."""
    login_bytes: int = 64 * 1024
    """For the CONNECT, and for what is sent behind it before it is decided on."""
    limits: Limits = FRAME_LIMITS
    """Of every frame after the login."""
    subscriptions: int = 1_000
    unacked: int = 256
    """Messages of one subscription that wait for an acknowledgement."""
    unacked_in_all: int = 4_096
    transactions: int = 16
    held_bytes: int = 256 * 1024
    """Frames within open transactions."""
    id_chars: int = 256
    """The id of a subscription or transaction."""


class LoginAsked(NamedTuple):
    """A client wants to come in; `accept` or `deny` has to follow, and nothing else is read before."""

    token: str
    """From the header `authorization`, raw or behind `bearer`; empty where there is none."""
    headers: Headers


class Subscribed(NamedTuple):
    """A subscription is there, unless `refuse` says otherwise."""

    subscription: Subscription


class Unsubscribed(NamedTuple):
    """The client has ended a subscription."""

    subscription: Subscription


class Sent(NamedTuple):
    """The client has sent a message; who takes none answers with `refuse`."""

    destination: str
    headers: Headers
    body: bytes


class Acknowledged(NamedTuple):
    """Messages wait no longer: the client has them, or (not `accepted`) does not want them."""

    subscription: Subscription
    numbers: tuple[int, ...]
    accepted: bool


Event = LoginAsked | Subscribed | Unsubscribed | Sent | Acknowledged


class Closing(NamedTuple):
    """The socket has to be closed, a moment after what is still to be written."""

    code: int
    reason: str


# A member is asked of its class at many times the cost, and this is asked for every message.
_AUTO = AckMode.AUTO


class _State(Enum):
    NEW = auto()
    DECIDING = auto()
    OPEN = auto()
    CLOSED = auto()


class ServerSession:
    """One connection. `session` is a name of it that no other one has; message ids begin with it."""

    def __init__(self, session: str, now_ns: int, settings: ServerSettings = ServerSettings()) -> None:
        if SESSION_NAME.fullmatch(session) is None:
            raise ValueError(f"session: must match {SESSION_NAME.pattern}, is {shown(session)}")
        self.version = Version.V1_0
        """The one agreed on; until then, the one without escapes."""
        self.user = ""
        self.closing: Closing | None = None
        self.subscriptions = Subscriptions(session, settings.subscriptions, settings.id_chars)
        self._session = session
        self._settings = settings
        self._state = _State.NEW
        self._parser = Parser(limits=replace(settings.limits, frame_bytes=settings.login_bytes))
        self._transactions = Transactions(settings.transactions, settings.id_chars, settings.held_bytes)
        self._login_by_ns = now_ns + settings.connect_ms * NS_PER_MS
        """When CONNECT must be here, or must have been decided on."""
        self._offered = Offer()
        self._pulse: Pulse | None = None
        self._number = 0
        """Of the last message sent."""
        self._output: list[bytes] = []
        self._receipts: list[str] = []

    def receive(self, data: bytes | str, now_ns: int) -> list[Event]:
        """Take what has arrived and return what it asks for. Whatever comes after the end is ignored."""
        if self._state is _State.CLOSED:
            return []
        if self._pulse is not None:
            self._pulse.received_ns = now_ns
        self._parser.feed(data)
        return self._read(now_ns)

    def accept(self, user: str, now_ns: int) -> list[Event]:
        """Let the client in, and return what it has asked for since; nothing where it has gone meanwhile."""
        if self._state is not _State.DECIDING:
            return []
        heartbeat = self._settings.heartbeat
        headers = (
            ("version", str(self.version)),
            ("heart-beat", heartbeat.header),
            ("session", self._session),
            ("server", self._settings.server),
            ("user-name", user),
        )
        self._queue(Frame("CONNECTED", headers), now_ns)
        self._state = _State.OPEN
        self.user = user
        self._pulse = Pulse(heartbeat, self._offered, now_ns)
        self._parser.version = self.version
        self._parser.limits = self._settings.limits
        return self._read(now_ns)

    def deny(self, message: str, detail: str, now_ns: int) -> None:
        """Keep the client out, with an ERROR of one line of message, which ends the connection."""
        if self._state is _State.DECIDING:
            self._fail(ProtocolError(message, detail), now_ns)

    def fail(self, rule: str, detail: str, now_ns: int) -> None:
        """End the connection with an ERROR; nothing where it has ended."""
        if self._state is not _State.CLOSED:
            self._fail(ProtocolError(rule, detail), now_ns)

    def deliver(self, subscription: Subscription, message: SharedMessage, now_ns: int) -> bool:
        """Queue a message for a subscription; False where it has ended, or too much of it is not acknowledged."""
        if not subscription.lives:
            return False
        if subscription.mode is _AUTO:
            self._number += 1
            own = b"%b%d\n" % (subscription.own_headers, self._number)
        else:
            settings = self._settings
            if len(subscription.unacked) >= settings.unacked or self.subscriptions.unacked >= settings.unacked_in_all:
                return False
            self._number += 1
            own = b"%b%d\n" % (subscription.own_headers, self._number)
            if self.version is Version.V1_2:
                own += f"ack:{self._session}-{self._number}\n".encode()
            self.subscriptions.sent(subscription, self._number)
        self._write(message.for_subscriber(own, self.version), now_ns)
        return True

    def refuse(
        self, what: Subscription | Sent, status: int, body: bytes, now_ns: int, content_type: str = JSON
    ) -> None:
        """Say by a MESSAGE with a status of 4xx or 5xx why a subscription cannot be had, or a message not be taken.

        The connection stays; the subscription ends. The answer to a message comes under the client's subscription to
        that destination, or else under the destination itself, with the message's `correlation-id`.
        """
        if not 400 <= status <= 599:
            raise ValueError(f"status: must be from 400 to 599, is {status}")
        if self._state is not _State.OPEN or (isinstance(what, Subscription) and what not in self.subscriptions):
            return
        again = ""
        if isinstance(what, Subscription):
            id_ = what.id
            self.subscriptions.remove(what)
        else:
            found = self.subscriptions.to(what.destination)
            id_ = what.destination if found is None else found.id
            named = next((value for name, value in what.headers if name == CORRELATION), None)
            if named is not None:
                again = f"{CORRELATION}:{escape(named, self.version)}\n"
        self._number += 1
        own = b"%b%b%d\n" % (
            again.encode(),
            own_headers_until_number(id_, self._session, self.version),
            self._number,
        )
        message = SharedMessage(what.destination, body, status, content_type)
        self._write(message.for_subscriber(own, self.version), now_ns)

    def output(self) -> list[bytes]:
        """Return what is to be written, one item per websocket message, in order.

        Receipts of frames come behind what their events were answered with, so this is called after those.
        """
        self._write_receipts()
        written, self._output = self._output, []
        return written

    def next_deadline_ns(self) -> int | None:
        """Return when `on_time` has something to do if nothing happens before; None for never."""
        if self._state in (_State.NEW, _State.DECIDING):
            return self._login_by_ns
        if self._pulse is None or self._state is _State.CLOSED:
            return None
        due = [each for each in (self._pulse.send_at_ns, self._pulse.gone_at_ns) if each is not None]
        return min(due, default=None)

    def on_time(self, now_ns: int) -> None:
        """Send a heartbeat that is due; end a connection whose client has said nothing for too long."""
        if self._state is _State.NEW and now_ns >= self._login_by_ns:
            self._fail(ProtocolError("no CONNECT", f"it must come within {self._settings.connect_ms} ms"), now_ns)
        if self._state is _State.DECIDING and now_ns >= self._login_by_ns:
            self._fail(ProtocolError("login not decided", "the server could not check it in time"), now_ns)
        if self._state is not _State.OPEN or self._pulse is None:
            return
        gone_at_ns, send_at_ns = self._pulse.gone_at_ns, self._pulse.send_at_ns
        if gone_at_ns is not None and now_ns >= gone_at_ns:
            self._fail(ProtocolError("no heart-beat", f"one must come every {self._pulse.receive_ms} ms"), now_ns)
        elif send_at_ns is not None and now_ns >= send_at_ns:
            self._write(HEARTBEAT, now_ns)

    def _read(self, now_ns: int) -> list[Event]:
        """Return the events of all whole frames, up to one that has to be decided on first."""
        events: list[Event] = []
        frame = None
        try:
            while self._state in (_State.NEW, _State.OPEN):
                frame = None
                frame = self._parser.next_frame()
                if frame is None:
                    return events
                if self._state is _State.NEW:
                    events.append(self._connect(frame, now_ns))
                else:
                    self._take(frame, events, now_ns)
            if self._state is _State.DECIDING and self._parser.waiting_bytes > self._settings.login_bytes:
                raise ProtocolError("too much before the login", f"at most {self._settings.login_bytes} bytes may come")
        except ProtocolError as error:
            # A CONNECT has no receipt, and what it holds need not be writable in the version.
            if frame is not None and frame.command not in NEVER_ESCAPED:
                error.receipt = frame.get("receipt")
            self._fail(error, now_ns)
        return events

    def _connect(self, frame: Frame, now_ns: int) -> LoginAsked:
        if frame.command not in ("CONNECT", "STOMP"):
            raise ProtocolError("not connected", f"CONNECT must come before {frame.command}")
        offered = frame.get("accept-version")
        wanted = [str(Version.V1_0)] if offered is None else offered.split(",")
        common = [version for version in self._settings.versions if version in {each.strip() for each in wanted}]
        if not common:
            raise _UnsupportedVersionError(self._settings.versions, wanted)
        self._offered = parse_offer(frame.get("heart-beat"))
        self.version = max(common)
        self._state = _State.DECIDING
        self._login_by_ns = now_ns + self._settings.decide_ms * NS_PER_MS
        return LoginAsked(token_of(frame.headers), frame.headers)

    def _take(self, frame: Frame, events: list[Event], now_ns: int) -> None:
        """Do what one frame of a client that is logged in asks for, and note its receipt."""
        command = frame.command
        receipt = frame.get("receipt")
        if command in HELD and (name := frame.get("transaction")) is not None:
            self._transactions.hold(name, frame)
        elif command in HELD:
            events += self._apply(frame)
        elif command == "SUBSCRIBE":
            events.append(Subscribed(self.subscriptions.add(frame, self.version)))
        elif command == "UNSUBSCRIBE":
            named = self.subscriptions.named_by(frame, self.version)
            if named is not None:
                self.subscriptions.remove(named)
                events.append(Unsubscribed(named))
        elif command == "BEGIN":
            self._transactions.begin(required(frame, "transaction"))
        elif command == "COMMIT":
            for held in self._transactions.end(required(frame, "transaction")):
                events += self._apply(held)
        elif command == "ABORT":
            self._transactions.end(required(frame, "transaction"))
        elif command == "DISCONNECT":
            self._end(Closing(NORMAL, "disconnected"))
        elif command in CLIENT_COMMANDS:
            raise ProtocolError("connected already", f"{command} may come once")
        else:
            raise ProtocolError("unknown command", f"{command} is for servers to send")
        if receipt is not None:
            self._receipts.append(receipt)

    def _apply(self, frame: Frame) -> list[Event]:
        """Return what a SEND, ACK or NACK comes to, now that it counts."""
        if frame.command == "SEND":
            return [Sent(required(frame, "destination"), frame.headers, frame.body)]
        if frame.command == "NACK" and self.version is Version.V1_0:
            raise ProtocolError("unknown command", "NACK is no command of STOMP 1.0")
        number = self._number_in(required(frame, "id" if self.version is Version.V1_2 else "message-id"))
        named = required(frame, "subscription") if self.version is Version.V1_1 else None
        waiting = self.subscriptions.waiting_for(number)
        # Whoever acknowledges twice, or what came of a subscription that has ended, is late and not wrong.
        if waiting is None:
            return []
        if named is not None and named != waiting.id:
            raise ProtocolError("message of another subscription", f"{shown(named)} has not had this message")
        numbers = self.subscriptions.acknowledged(waiting, number)
        return [Acknowledged(waiting, numbers, frame.command == "ACK")]

    def _number_in(self, message_id: str) -> int:
        session, _, digits = message_id.rpartition("-")
        if session == self._session and digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX:
            number = int(digits)
            if 1 <= number <= self._number:
                return number
        raise ProtocolError("unknown message", f"{shown(message_id)} was never sent here")

    def _fail(self, error: ProtocolError, now_ns: int) -> None:
        """Send the ERROR that ends the connection."""
        self._write_receipts()
        headers: Headers = (("message", error.rule),)
        if error.receipt is not None:
            headers += (("receipt-id", error.receipt),)
        if isinstance(error, _UnsupportedVersionError):
            headers += (("version", error.supported),)
        frame = Frame("ERROR", (*headers, ("content-type", "text/plain")), error.detail.encode())
        # A client undoes escapes once it has read the version in CONNECTED.
        self._write(encode(frame, self.version if self._state is _State.OPEN else Version.V1_0), now_ns)
        self._end(Closing(PROTOCOL_FAULT, error.rule))

    def _end(self, closing: Closing) -> None:
        self._state = _State.CLOSED
        self.closing = closing
        self.subscriptions.clear()
        self._transactions.clear()
        self._parser = Parser()

    def _write_receipts(self) -> None:
        for receipt in self._receipts:
            self._output.append(encode(Frame("RECEIPT", (("receipt-id", receipt),)), self.version))
        self._receipts.clear()

    def _queue(self, frame: Frame, now_ns: int) -> None:
        self._write(encode(frame, self.version), now_ns)

    def _write(self, message: bytes, now_ns: int) -> None:
        self._output.append(message)
        if self._pulse is not None:
            self._pulse.sent_ns = now_ns


class _UnsupportedVersionError(ProtocolError):
    """No version is common to both; the ERROR names those that are offered."""

    def __init__(self, versions: tuple[Version, ...], wanted: list[str]) -> None:
        self.supported = ",".join(versions)
        super().__init__("unsupported version", f"must be one of {self.supported}, is {shown(','.join(wanted))}")


def token_of(headers: Headers) -> str:
    """Return the token of the first header `authorization`, in whatever case, raw or behind `bearer`."""
    for name, value in headers:
        if name.lower() == AUTHORIZATION:
            scheme, _, token = value.strip().partition(" ")
            return token.strip() if token and scheme.lower() == "bearer" else value.strip()
    return ""
