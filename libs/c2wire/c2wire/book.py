"""L2 books: a side as a list of levels, what changes one list into another, and how a reader follows.

A side of a market holds one entry per exchange and price for who may see exchanges, else one per price; a side of
quotes one per order. The best is level 0. The entries of a package are applied one after the other, each to what the
one before left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import msgspec

from c2wire.dto import L2Entry, L2Package
from c2wire.enums import L2Action, L2PackageType, L2Side


class BookLevel(NamedTuple):
    """What rests at one price, at one exchange or at all."""

    price: Decimal
    quantity: Decimal
    exchange_id: str = ""
    """'' where exchanges are not told apart."""
    number_of_orders: int = 0


Levels: TypeAlias = tuple[BookLevel, ...]


class Book(NamedTuple):
    """Both sides, best first."""

    bids: Levels = ()
    asks: Levels = ()

    @classmethod
    def of(cls, bids: Iterable[BookLevel], asks: Iterable[BookLevel], depth: int) -> Book:
        """Return a book of levels in any order, cut to `depth` entries a side; equal prices stand by exchange."""
        best_bids = sorted(bids, key=lambda level: (-level.price, level.exchange_id))
        best_asks = sorted(asks, key=lambda level: (level.price, level.exchange_id))
        return cls(tuple(best_bids[:depth]), tuple(best_asks[:depth]))


def summed(levels: Iterable[BookLevel]) -> Iterator[BookLevel]:
    """Yield one level per price without its exchange, sizes and orders added up; levels come by price."""
    price, quantity, orders = None, Decimal(0), 0
    for level in levels:
        if level.price != price:
            if price is not None:
                yield BookLevel(price, quantity, "", orders)
            price, quantity, orders = level.price, Decimal(0), 0
        quantity, orders = quantity + level.quantity, orders + level.number_of_orders
    if price is not None:
        yield BookLevel(price, quantity, "", orders)


def snapshot_entries(book: Book) -> list[L2Entry]:
    """Return a whole book as inserts, bids first, levels 0 to n - 1 a side."""
    return [
        _entry(level, side, L2Action.INSERT, index)
        for side, levels in ((L2Side.BUY, book.bids), (L2Side.SELL, book.asks))
        for index, level in enumerate(levels)
    ]


def changed_entries(before: Book, after: Book) -> list[L2Entry]:
    """Return the entries that make `after` of `before`.

    What goes comes first, from the deepest level up, so that no side is ever deeper than the deeper of the two.
    """
    return [
        entry
        for side, old, new in ((L2Side.BUY, before.bids, after.bids), (L2Side.SELL, before.asks, after.asks))
        if old != new
        for entry in _changes(side, old, new)
    ]


def _changes(side: L2Side, old: Levels, new: Levels) -> Iterator[L2Entry]:
    before, after = _keys(old), _keys(new)
    staying = set(after)
    stays = [key in staying for key in before]
    kept = [(key, level) for key, level, stay in zip(before, old, stays, strict=True) if stay]
    yield from _removals(side, stays, old)
    for index, (key, level) in enumerate(zip(after, new, strict=True)):
        if index < len(kept) and kept[index][0] == key:
            if kept[index][1] != level:
                yield _entry(level, side, L2Action.UPDATE, index)
        else:
            kept.insert(index, (key, level))
            yield _entry(level, side, L2Action.INSERT, index)


def _keys(levels: Levels) -> list[tuple[Decimal, str, int]]:
    """Return what each level is known by: price, exchange, and its place among equals."""
    equals: Counter[tuple[Decimal, str]] = Counter()
    keys = []
    for level in levels:
        place = (level.price, level.exchange_id)
        keys.append((*place, equals[place]))
        equals[place] += 1
    return keys


def _removals(side: L2Side, stays: Sequence[bool], old: Levels) -> Iterator[L2Entry]:
    """Yield the deletions of one side: its worse end and its better end each as one entry, the rest one by one."""
    first = next((index for index, stay in enumerate(stays) if stay), len(stays))
    last = next((index for index in reversed(range(len(stays))) if stays[index]), -1)
    if last < len(old) - 1:
        yield L2Entry(side=side, action=L2Action.DELETE_FROM, level=last + 1)
    for index in reversed(range(first, last)):
        if not stays[index]:
            yield _entry(old[index], side, L2Action.DELETE, index)
    if 0 < first <= last:
        yield L2Entry(side=side, action=L2Action.DELETE_THROUGH, level=first - 1)


def _entry(level: BookLevel, side: L2Side, action: L2Action, index: int) -> L2Entry:
    return L2Entry(
        exchange_id=level.exchange_id or msgspec.UNSET,
        price=level.price,
        quantity=level.quantity,
        side=side,
        action=action,
        level=index,
        number_of_orders=level.number_of_orders,
    )


class SequenceGap(ValueError):
    """An increment does not follow the package before: the next snapshot puts things right."""


class Replay:
    """A book as a reader of packages has it."""

    def __init__(self) -> None:
        self.sequence_number: int | None = None
        self._sides: dict[L2Side, list[BookLevel]] = {L2Side.BUY: [], L2Side.SELL: []}

    @property
    def book(self) -> Book:
        """Return both sides as they are now."""
        return Book(tuple(self._sides[L2Side.BUY]), tuple(self._sides[L2Side.SELL]))

    def apply(self, package: L2Package) -> None:
        """Take a package in; SequenceGap when an increment is missing or no snapshot has come yet, and nothing changes.

        ValueError names an entry whose level or price does not fit the book; the book is then to be had anew.
        """
        if package.type is L2PackageType.SNAPSHOT:
            self._sides = {L2Side.BUY: [], L2Side.SELL: []}
        elif self.sequence_number is None or package.sequence_number != self.sequence_number + 1:
            raise SequenceGap(f"sequence_number: must follow {self.sequence_number}, is {package.sequence_number}")
        self.sequence_number = package.sequence_number
        for number, entry in enumerate(package.entries):
            try:
                _apply(self._sides[entry.side], entry)
            except ValueError as error:
                self.sequence_number = None
                raise ValueError(f"entries[{number}].{error}") from None


def _apply(levels: list[BookLevel], entry: L2Entry) -> None:
    action, index = entry.action, entry.level
    if action is L2Action.TRADE:
        return
    deepest = len(levels) if action in (L2Action.INSERT, L2Action.DELETE_FROM) else len(levels) - 1
    if not 0 <= index <= deepest:
        raise ValueError(f"level: must be 0 to {deepest} to {action}, is {index}")
    if action is L2Action.DELETE:
        del levels[index]
    elif action is L2Action.DELETE_FROM:
        del levels[index:]
    elif action is L2Action.DELETE_THROUGH:
        del levels[: index + 1]
    elif action is L2Action.INSERT:
        levels.insert(index, _level(entry))
    else:
        level = _level(entry)
        if level.price != levels[index].price:
            raise ValueError(f"price: must be {levels[index].price} to update level {index}, is {level.price}")
        levels[index] = level


def _level(entry: L2Entry) -> BookLevel:
    if isinstance(entry.price, msgspec.UnsetType) or isinstance(entry.quantity, msgspec.UnsetType):
        raise ValueError(f"price: and quantity must be given to {entry.action}")  # noqa: TRY004 - a value is missing
    exchange = "" if isinstance(entry.exchange_id, msgspec.UnsetType) else entry.exchange_id
    return BookLevel(entry.price, entry.quantity, exchange, entry.number_of_orders)
