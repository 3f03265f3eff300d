"""What one destination tells one class of readers: how it begins for who comes, and what is due for all who are there.

A channel makes each body once, however many read it. Times are ms since 1970.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from c2wire.stream import L2Stream
from c2wire.wire import Dto, encode, encode_all

from gateway.blotter.recent import Recent
from gateway.c2.content import Content, Visibility
from gateway.c2.topics import BOOKS, Topic, TopicKind
from gateway.state.view import View

CHANGES_MS = 250
"""At most so often are lists and figures told."""
STATISTICS_MS = 1_000
"""Figures are told so often though nothing has changed."""
BALANCES_MS = 10_000
ROWS_MAX = 100
"""Of a list when somebody comes; orders that may still be filled are told whatever their number."""

V = TypeVar("V")


class Channel(ABC):
    """One destination for one class of readers."""

    replaceable: ClassVar[bool] = True
    """A reader who is behind may be given `begin` in place of all he has missed."""

    @abstractmethod
    def begin(self, now_ms: int) -> list[bytes]:
        """Return the bodies that a new reader gets at once."""

    @abstractmethod
    def tick(self, now_ms: int) -> list[bytes]:
        """Return the bodies that are due for every reader."""


class BookChannel(Channel):
    """L2 packages of one book."""

    def __init__(self, content: Content, topic: Topic, visibility: Visibility) -> None:
        self._content, self._topic, self._visibility = content, topic, visibility
        self._stream = L2Stream(content.security_id(topic))
        self._begun = False

    def begin(self, now_ms: int) -> list[bytes]:
        if not self._begun:
            # The first package counts; whoever comes later is given the book under the count that stands.
            return self.tick(now_ms)
        return [encode(self._stream.current(now_ms))]

    def tick(self, now_ms: int) -> list[bytes]:
        self._begun = True
        self._stream.name(self._content.security_id(self._topic))
        if not self._stream.due(now_ms):
            return []
        book = self._content.book(self._topic, self._visibility, now_ms * 1_000_000)
        return [encode(package) for package in self._stream.tick(book, now_ms)]


class FiguresChannel(Channel):
    """A whole picture of figures: when it changes, and every now and then."""

    def __init__(self, make: Callable[[], Sequence[Dto]], every_ms: int) -> None:
        self._make, self._every_ms = make, every_ms
        self._told: Sequence[Dto] = ()
        self._told_ms = 0

    def begin(self, now_ms: int) -> list[bytes]:
        return [encode_all(self._make())]

    def tick(self, now_ms: int) -> list[bytes]:
        if now_ms - self._told_ms < CHANGES_MS:
            return []
        made = self._make()
        if made == self._told and now_ms - self._told_ms < self._every_ms:
            return []
        self._told, self._told_ms = made, now_ms
        return [encode_all(made)]


class RowsChannel(Channel, Generic[V]):
    """A list of recent rows: all of it for who comes, then only what changed."""

    replaceable = False

    def __init__(self, lists: Sequence[Recent[Any, V]], make: Callable[[list[V]], Sequence[Dto]]) -> None:
        self._lists, self._make = lists, make
        self._counts = [each.count for each in lists]
        self._told_ms = 0

    def begin(self, now_ms: int) -> list[bytes]:
        rows = [row for each in self._lists for row in each.newest(ROWS_MAX)]
        return [encode_all(self._make(rows))]

    def tick(self, now_ms: int) -> list[bytes]:
        counts = [each.count for each in self._lists]
        if counts == self._counts or now_ms - self._told_ms < CHANGES_MS:
            return []
        rows = [row for each, since in zip(self._lists, self._counts, strict=True) for row in each.since(since)]
        self._counts, self._told_ms = counts, now_ms
        made = self._make(rows)
        return [encode_all(made)] if made else []


class ConfigChannel(Channel):
    """Each change of a configuration by itself, then what halts have turned off or on."""

    replaceable = False

    def __init__(self, view: View, content: Content, visibility: Visibility) -> None:
        self._view, self._content, self._visibility = view, content, visibility
        self._count = view.changes.count
        self._halted = content.halted_bots(visibility)
        self._looked_ms = 0

    def begin(self, now_ms: int) -> list[bytes]:
        return []

    def tick(self, now_ms: int) -> list[bytes]:
        changes = self._view.changes.since(self._count)
        if not changes and now_ms - self._looked_ms < CHANGES_MS:
            return []
        self._count, self._looked_ms = self._view.changes.count, now_ms
        halted = self._content.halted_bots(self._visibility)
        # A change is told with the halts that were known; what these are now follows, so that each is told once.
        told = [
            update
            for change in reversed(changes)
            for update in self._content.updates(change, self._visibility, self._halted)
        ]
        told += self._content.switched(self._halted, halted)
        self._halted = halted
        return [encode(update) for update in told]


def channel_of(view: View, content: Content, topic: Topic, visibility: Visibility) -> Channel:
    """Return the channel of a topic that these readers may have."""
    kind, blotter = topic.kind, view.blotter
    if kind in BOOKS:
        return BookChannel(content, topic, visibility)
    if kind is TopicKind.TRADING_STATISTICS:
        return FiguresChannel(lambda: content.trading_statistics(visibility), STATISTICS_MS)
    if kind is TopicKind.RISK_STATISTICS:
        return FiguresChannel(lambda: content.risk_statistics(visibility), STATISTICS_MS)
    if kind is TopicKind.BALANCES:
        return FiguresChannel(lambda: content.balances(topic, visibility), BALANCES_MS)
    if kind is TopicKind.ORDERS:
        return RowsChannel([blotter.orders[topic.algo_id]], content.orders)
    if kind is TopicKind.TRADES:
        return RowsChannel([blotter.trades[topic.algo_id]], content.trades)
    if kind is TopicKind.ALERTS:
        return RowsChannel([blotter.warnings, blotter.notes], lambda told: content.alerts(told, visibility))
    if kind is TopicKind.CONFIG:
        return ConfigChannel(view, content, visibility)
    return SilentChannel()


class SilentChannel(Channel):
    """A topic on which only answers to requests come."""

    def begin(self, now_ms: int) -> list[bytes]:
        return []

    def tick(self, now_ms: int) -> list[bytes]:
        return []
