"""What one connection is subscribed to, and which of its messages wait for an acknowledgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from stompframes.errors import ProtocolError, shown
from stompframes.frames import Frame, Headers, Version
from stompframes.messages import own_headers_until_number


class AckMode(StrEnum):
    """How a client acknowledges: not at all, all up to one, or each message."""

    AUTO = "auto"
    CLIENT = "client"
    INDIVIDUAL = "client-individual"


MODES = {
    Version.V1_0: frozenset((AckMode.AUTO, AckMode.CLIENT)),
    Version.V1_1: frozenset(AckMode),
    Version.V1_2: frozenset(AckMode),
}


class Subscription:
    """One subscription of one connection."""

    __slots__ = ("destination", "headers", "id", "lives", "mode", "own_headers", "unacked")

    def __init__(self, id_: str | None, destination: str, mode: AckMode, headers: Headers, own_headers: bytes) -> None:
        self.id = id_
        """As the client gave it; None where 1.0 does without."""
        self.destination = destination
        self.mode = mode
        self.headers = headers
        self.own_headers = own_headers
        """Its headers of every message, up to the number of the message."""
        self.lives = True
        """Until it is ended, by whichever side."""
        self.unacked: dict[int, None] = {}
        """The numbers of messages that wait for an acknowledgement, oldest first."""

    @property
    def key(self) -> tuple[str, str]:
        """Return what it is found by: its id, or in 1.0 perhaps only its destination."""
        return ("id", self.id) if self.id is not None else ("destination", self.destination)


class Subscriptions:
    """Every subscription of a connection, within its limits."""

    def __init__(self, session: str, most: int, id_chars: int) -> None:
        self._session = session
        self._most = most
        self._id_chars = id_chars
        self._by_key: dict[tuple[str, str], Subscription] = {}
        self._by_destination: dict[str, dict[Subscription, None]] = {}
        self._of_unacked: dict[int, Subscription] = {}

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, subscription: Subscription) -> bool:
        return self._by_key.get(subscription.key) is subscription

    @property
    def unacked(self) -> int:
        """Return how many messages wait for an acknowledgement in all."""
        return len(self._of_unacked)

    def add(self, frame: Frame, version: Version) -> Subscription:
        """Return the new subscription that a SUBSCRIBE asks for."""
        destination = required(frame, "destination")
        id_ = frame.get("id")
        if id_ is None and version is not Version.V1_0:
            required(frame, "id")
        if id_ is not None and len(id_) > self._id_chars:
            raise ProtocolError("id too long", f"a subscription's id must have at most {self._id_chars} characters")
        own = own_headers_until_number(id_, self._session, version)
        added = Subscription(id_, destination, ack_mode(frame.get("ack"), version), frame.headers, own)
        if added.key in self._by_key:
            raise ProtocolError("subscription id in use", f"{shown(added.key[1])} is subscribed already")
        if len(self._by_key) >= self._most:
            raise ProtocolError("too many subscriptions", f"a connection must have at most {self._most}")
        self._by_key[added.key] = added
        self._by_destination.setdefault(destination, {})[added] = None
        return added

    def named_by(self, frame: Frame, version: Version) -> Subscription | None:
        """Return the subscription that an UNSUBSCRIBE names; None for an unknown one, which is no fault.

        There are clients that subscribe with one id and unsubscribe with another.
        """
        id_ = frame.get("id")
        if id_ is not None:
            return self._by_key.get(("id", id_))
        if version is not Version.V1_0:
            required(frame, "id")
        return self._by_key.get(("destination", required(frame, "destination")))

    def to(self, destination: str) -> Subscription | None:
        """Return the oldest subscription to a destination."""
        return next(iter(self._by_destination.get(destination, ())), None)

    def remove(self, subscription: Subscription) -> None:
        """Forget a subscription and what of it waits for an acknowledgement."""
        del self._by_key[subscription.key]
        subscription.lives = False
        same = self._by_destination[subscription.destination]
        del same[subscription]
        if not same:
            del self._by_destination[subscription.destination]
        self._forget(subscription, list(subscription.unacked))

    def clear(self) -> None:
        """End every subscription."""
        for subscription in self:
            subscription.lives = False
        self._by_key.clear()
        self._by_destination.clear()
        self._of_unacked.clear()

    def sent(self, subscription: Subscription, number: int) -> None:
        """Note that a message waits for its acknowledgement."""
        subscription.unacked[number] = None
        self._of_unacked[number] = subscription

    def waiting_for(self, number: int) -> Subscription | None:
        """Return the subscription of a message that waits for its acknowledgement."""
        return self._of_unacked.get(number)

    def acknowledged(self, subscription: Subscription, number: int) -> tuple[int, ...]:
        """Return the messages that an acknowledgement covers, which wait no longer: one, or all up to it."""
        if subscription.mode is AckMode.INDIVIDUAL:
            covered = [number]
        else:
            covered = []
            for each in subscription.unacked:
                if each > number:
                    break
                covered.append(each)
        self._forget(subscription, covered)
        return tuple(covered)

    def _forget(self, subscription: Subscription, numbers: Iterable[int]) -> None:
        for number in numbers:
            del subscription.unacked[number]
            del self._of_unacked[number]


def ack_mode(value: str | None, version: Version) -> AckMode:
    """Return the mode that a header asks for, auto where it is missing."""
    if value is None:
        return AckMode.AUTO
    allowed = MODES[version]
    if value not in allowed:
        named = ", ".join(mode for mode in AckMode if mode in allowed)
        raise ProtocolError("unknown ack mode", f"ack must be one of {named} in STOMP {version}, is {shown(value)}")
    return AckMode(value)


def required(frame: Frame, name: str) -> str:
    """Return a header that a frame must have; ProtocolError where it is missing."""
    value = frame.get(name)
    if value is None:
        raise ProtocolError("header missing", f"{frame.command} must have the header {name}")
    return value
