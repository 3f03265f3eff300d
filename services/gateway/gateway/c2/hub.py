"""Who reads what: every reader of a destination gets the same bytes, made once.

A reader who does not keep up is never waited for. Books and figures are replaced by the newest for him; rows may not be
left out, so that his connection is ended instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

import msgspec
from common.clock import NS_PER_MS
from stompframes.messages import SharedMessage
from stompframes.subscriptions import Subscription

from gateway.c2.channels import Channel, channel_of
from gateway.c2.content import Content, Visibility
from gateway.c2.own import OwnChannel, Pictures
from gateway.c2.topics import Topic, TopicError, TopicKind, topic_of
from gateway.state.view import View

GroupKey: TypeAlias = tuple[str, Visibility]
BEHIND_BYTES = 256 * 1024
"""With more than this to be written, a reader is given no more books and figures."""
LOOK_MS = 250
"""How often it is looked whether time has run out for a connection."""
BUFFER_BYTES_MAX = 1024 * 1024
"""With more than this to be written, a connection is ended."""


class Connection(Protocol):
    """Where a reader's messages go."""

    visibility: Visibility

    @property
    def waiting_bytes(self) -> int:
        """Return how much is still to be written."""
        ...

    def deliver(self, subscription: Subscription, message: SharedMessage) -> bool:
        """Queue a message; False where the subscription has ended or takes none now."""
        ...

    def refuse(self, subscription: Subscription, status: int, body: bytes) -> None:
        """End a subscription with a MESSAGE that says why."""
        ...

    def end(self, rule: str, detail: str) -> None:
        """End the connection with an ERROR."""
        ...

    def flush(self) -> None:
        """Write what is queued."""
        ...

    def on_time(self, now_ns: int) -> None:
        """See whether time has run out for anything."""
        ...

    def drop(self) -> None:
        """End the connection without a word."""
        ...


class Reader(NamedTuple):
    """One subscription of one connection."""

    connection: Connection
    subscription: Subscription


class _Group:
    """The readers of one destination who may see the same."""

    def __init__(self, topic: Topic | None, visibility: Visibility, channel: Channel) -> None:
        self.topic, self.visibility, self.channel = topic, visibility, channel
        self.readers: dict[int, Reader] = {}
        """By the identity of the subscription."""
        self.behind: set[int] = set()


def error_body(text: str) -> bytes:
    """Return what a MESSAGE with a status of 4xx or 5xx says."""
    return msgspec.json.encode({"message": text, "name": "stomp_error"})


def _unreported(destination: str, error: Exception) -> None:
    """Nobody listens."""


class Hub:
    """The destinations that somebody reads in this replica."""

    def __init__(self, view: View, report: Callable[[str, Exception], None] = _unreported) -> None:
        """`report` hears of each destination that our own code has failed to make, and why."""
        self._view, self._report = view, report
        self._content, self._pictures = Content(view), Pictures(view)
        self._groups: dict[GroupKey, _Group] = {}
        self._read_by: dict[int, dict[int, GroupKey]] = {}
        """What each connection reads, by the identity of its subscriptions."""
        self._connections: dict[int, Connection] = {}
        self._told: list[Connection] = []
        """Who has something to be written, some of them more than once."""
        self._looked_ms = 0
        self.delivered = 0
        """Messages queued since start."""
        self.replaced = 0
        """Of readers who were behind: what they were given in place of what they missed."""

    def __len__(self) -> int:
        return sum(len(group.readers) for group in self._groups.values())

    def serve(self, destination: str, visibility: Visibility, channel: Channel) -> None:
        """Have a destination of no topic say what a channel tells, for who may see so much."""
        self._groups[destination, visibility] = _Group(None, visibility, channel)

    def waiting(self) -> list[int]:
        """Return how many bytes each connection has not taken yet."""
        return [each.waiting_bytes for each in self._connections.values()]

    def join(self, connection: Connection) -> None:
        """Take a connection in; it reads nothing yet."""
        self._connections[id(connection)] = connection

    def subscribe(self, connection: Connection, subscription: Subscription, now_ms: int) -> None:
        """Begin to tell a reader what his subscription asks for, or say why he cannot have it."""
        key = (subscription.destination, connection.visibility)
        try:
            group = self._groups.get(key)
            if group is None:
                topic = topic_of(subscription.destination)
                self._content.check(topic, connection.visibility)
                channel = self._channel(topic, connection.visibility)
                group = self._groups[key] = _Group(topic, connection.visibility, channel)
        except TopicError as error:
            self._refuse(Reader(connection, subscription), error)
            return
        reader = Reader(connection, subscription)
        for body in group.channel.begin(now_ms):
            self._deliver(reader, SharedMessage(subscription.destination, body))
        group.readers[id(subscription)] = reader
        self._read_by.setdefault(id(connection), {})[id(subscription)] = key

    def _channel(self, topic: Topic, visibility: Visibility) -> Channel:
        if topic.kind is TopicKind.OWN:
            return OwnChannel(self._pictures, topic.part, visibility)
        return channel_of(self._view, self._content, topic, visibility)

    def unsubscribe(self, connection: Connection, subscription: Subscription) -> None:
        """Tell a reader no more; one who reads nothing is no fault."""
        self._forget(self._read_by.get(id(connection), {}).pop(id(subscription), None), id(subscription))

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        self._connections.pop(id(connection), None)
        for name, key in self._read_by.pop(id(connection), {}).items():
            self._forget(key, name)

    def _forget(self, key: GroupKey | None, name: int) -> None:
        group = self._groups.get(key) if key is not None else None
        if group is not None and key is not None:
            group.readers.pop(name, None)
            group.behind.discard(name)
            if not group.readers and group.topic is not None:
                del self._groups[key]

    def tick(self, now_ms: int) -> None:
        """Tell every reader what is due, and see to what time has run out for."""
        for key, group in list(self._groups.items()):
            try:
                if group.topic is not None:
                    self._content.check(group.topic, group.visibility)
                messages = [SharedMessage(key[0], body) for body in group.channel.tick(now_ms)]
                if messages or group.behind:
                    self._tell(group, key[0], messages, now_ms)
            except TopicError as error:
                self._end(key, error)
            except Exception as error:
                # What one destination cannot say is no reason to tell the readers of all others nothing any more.
                self._report(key[0], error)
                self._end(key, TopicError(500, f"destination: our own code failed, {type(error).__name__}"))
        told, self._told = self._told, []
        for connection in told:
            self._see_to(connection, connection.flush)
        if now_ms - self._looked_ms >= LOOK_MS:
            self._looked_ms = now_ms
            for connection in list(self._connections.values()):
                self._see_to(connection, partial(connection.on_time, now_ms * NS_PER_MS))

    def _see_to(self, connection: Connection, step: Callable[[], None]) -> None:
        """Do something for one connection; what our own code fails at for it ends it alone."""
        try:
            step()
        except Exception as error:
            self._report("a connection", error)
            self.leave(connection)
            connection.drop()

    def _end(self, key: GroupKey, error: TopicError) -> None:
        for reader in self._groups.pop(key).readers.values():
            self._refuse(reader, error)

    def _tell(self, group: _Group, destination: str, messages: list[SharedMessage], now_ms: int) -> None:
        begin: list[SharedMessage] | None = None
        replaceable, behind, told = group.channel.replaceable, group.behind, self._told
        most = BEHIND_BYTES if replaceable else BUFFER_BYTES_MAX
        for name, reader in list(group.readers.items()):
            connection, subscription = reader
            if connection.waiting_bytes > most:
                if replaceable:
                    behind.add(name)
                else:
                    connection.end("too slow", f"more than {BUFFER_BYTES_MAX} bytes wait to be read")
                    told.append(connection)
                continue
            said = messages
            if behind and name in behind:
                behind.discard(name)
                if begin is None:
                    begin = [SharedMessage(destination, body) for body in group.channel.begin(now_ms)]
                self.replaced += 1
                said = begin
            for message in said:
                self.delivered += connection.deliver(subscription, message)
            told.append(connection)

    def _deliver(self, reader: Reader, message: SharedMessage) -> None:
        self.delivered += reader.connection.deliver(reader.subscription, message)
        self._told.append(reader.connection)

    def _refuse(self, reader: Reader, error: TopicError) -> None:
        """Say so under the subscription, and again to who reads the topic of responses."""
        body = error_body(str(error))
        reader.connection.refuse(reader.subscription, error.status, body)
        self._told.append(reader.connection)
        for other in self._responses_of(reader.connection):
            self._deliver(other, SharedMessage(TopicKind.RESPONSES.value, body, error.status))

    def _responses_of(self, connection: Connection) -> Iterator[Reader]:
        group = self._groups.get((TopicKind.RESPONSES.value, connection.visibility))
        if group is not None:
            yield from [reader for reader in group.readers.values() if reader.connection is connection]
