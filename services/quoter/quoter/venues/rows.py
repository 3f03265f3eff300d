"""Lists of a venue read row by row: one that cannot be read costs itself alone, and is kept in mind until it can be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import msgspec
from common.clock import NS_PER_S
from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import HistoryLost, SessionAlert

TOLD_NS = 60 * NS_PER_S
"""A trade may be listed without its numbers for as long as it takes to be final."""
LOST_NS = 600 * NS_PER_S
"""A trade that cannot be read for so long may be a fill that nobody will count: a person decides."""
UNREAD_MAX = 1_000
GIVEN_UP_MAX = 1_000
T = TypeVar("T")


class BadRow(NamedTuple):
    """A row that says something else than documented."""

    raw: bytes
    why: str


class Rows(NamedTuple, Generic[T]):
    """What could be read of a list, and each row that could not, with what is wrong with it."""

    rows: list[T]
    bad: list[BadRow]

    def extend(self, more: Rows[T]) -> None:
        """Add the rows of a further page."""
        self.rows.extend(more.rows)
        self.bad.extend(more.bad)


def read_rows(read: Callable[[bytes], T], raws: Iterable[msgspec.Raw]) -> Rows[T]:
    """Read each row of a list on its own; `read` raises ContractError for one that it cannot."""
    found: Rows[T] = Rows([], [])
    for raw in raws:
        try:
            found.rows.append(read(bytes(raw)))
        except ContractError as error:
            found.bad.append(BadRow(bytes(raw), str(error)))
    return found


def key_of(raw: bytes) -> str:
    """Return what a row can be recognised by when it does not say who it is."""
    return f"row-{hashlib.blake2b(raw, digest_size=8).hexdigest()}"


@dataclass(slots=True)
class _Unread:
    since_ns: int
    place: int
    why: str
    told: bool = False


class UnreadTrades:
    """Listed trades that could not be read yet, with the place in the account's history from which to ask for them.

    A place is whatever the venue's list is asked by: a second, or a number of its private stream.
    """

    def __init__(self) -> None:
        self._trades: dict[str, _Unread] = {}
        self._given_up: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._trades)

    def note(self, key: str, place: int, why: str, now_ns: int) -> None:
        """Keep a trade that stands at a place, or not before it, in mind."""
        if key not in self._given_up and (key in self._trades or len(self._trades) < UNREAD_MAX):
            self._trades.setdefault(key, _Unread(now_ns, place, why)).why = why

    def read(self, key: str) -> None:
        """A trade was read after all."""
        self._trades.pop(key, None)

    def keep(self, keys: set[str], after: int) -> None:
        """Forget what was unreadable before and is no longer in a list that was read from a place on."""
        for key, trade in list(self._trades.items()):
            if key not in keys and trade.place > after:
                del self._trades[key]

    def oldest(self, latest: int) -> int:
        """Return the place from which on trades have to be asked for, at most `latest`."""
        return min((latest, *(trade.place for trade in self._trades.values())))

    def check(self, now_ns: int) -> Iterator[SessionAlert | HistoryLost]:
        """Tell people of what stays unreadable; what does so for long is given up, and the account stops."""
        for key, trade in list(self._trades.items()):
            age_ns = now_ns - trade.since_ns
            if age_ns >= LOST_NS:
                del self._trades[key]
                self._given_up[key] = None
                if len(self._given_up) > GIVEN_UP_MAX:
                    del self._given_up[next(iter(self._given_up))]
                yield HistoryLost(f"trade {key[:40]} cannot be read after {age_ns // NS_PER_S} s: {trade.why[:200]}")
            elif age_ns >= TOLD_NS and not trade.told:
                trade.told = True
                text = f"trade {key[:40]} cannot be read, it may be a fill: {trade.why[:200]}"
                yield SessionAlert(AlertLevel.CRITICAL, "trade_unread", text)
