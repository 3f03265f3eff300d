"""The last rows of something that changes: all of them for who comes, what changed since for who was here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Rows by key, the last change last; a bounded number of those that may go."""

    def __init__(self, rows_max: int, *, stays: Callable[[V], bool] | None = None, staying_max: int = 1_000) -> None:
        """Keep `rows_max` rows, beside those of which `stays` says that they may not go: `staying_max` at most."""
        self.count = 0
        """Grows with every change."""
        self._stays = stays
        self._rows_max, self._staying_max = rows_max, staying_max
        self._rows: dict[K, tuple[int, V]] = {}
        self._staying: dict[K, tuple[int, V]] = {}

    def get(self, key: K) -> V | None:
        """Return the row under a key."""
        found = self._staying.get(key) or self._rows.get(key)
        return None if found is None else found[1]

    def put(self, key: K, row: V) -> None:
        """Put a row in as the newest, in place of the one of its key."""
        self.count += 1
        self._rows.pop(key, None)
        self._staying.pop(key, None)
        stays = self._stays is not None and self._stays(row)
        rows, rows_max = (self._staying, self._staying_max) if stays else (self._rows, self._rows_max)
        rows[key] = (self.count, row)
        if len(rows) > rows_max:
            del rows[next(iter(rows))]

    def newest(self, rows_max: int) -> list[V]:
        """Return rows, the last change first: every one that stays, and others up to `rows_max` in all."""
        others = max(0, rows_max - len(self._staying))
        rows = [*self._staying.values(), *islice(reversed(self._rows.values()), others)]
        return [row for _, row in sorted(rows, key=lambda counted: -counted[0])]

    def since(self, count: int) -> list[V]:
        """Return the rows that changed after a count, the last change first."""
        rows = [*_after(self._staying, count), *_after(self._rows, count)]
        return [row for _, row in sorted(rows, key=lambda counted: -counted[0])]


def _after(rows: dict[K, tuple[int, V]], count: int) -> Iterator[tuple[int, V]]:
    for counted in reversed(rows.values()):
        if counted[0] <= count:
            return
        yield counted
