"""One stream of L2 packages: a snapshot now and then, in between only what changed, all under one count."""

from __future__ import annotations

from c2wire.book import Book, changed_entries, snapshot_entries
from c2wire.dto import L2Entry, L2Package
from c2wire.enums import L2PackageType

SNAPSHOT_MS = 2_000
INCREMENT_MS = 1_000


class L2Stream:
    """The packages of one book for all who may see the same of it.

    Replaying the increments that follow a snapshot gives the next snapshot exactly.
    """

    def __init__(self, security_id: str, *, snapshot_ms: int = SNAPSHOT_MS, increment_ms: int = INCREMENT_MS) -> None:
        self._security_id = security_id
        self._snapshot_ms, self._increment_ms = snapshot_ms, increment_ms
        self._sequence = 0
        self._sent = Book()
        self._snapshot_at_ms = self._increment_at_ms = 0

    def name(self, security_id: str) -> None:
        """Say what the book is of from now on; another one than before begins with a snapshot."""
        if security_id != self._security_id:
            self._security_id = security_id
            self._snapshot_at_ms = -self._snapshot_ms

    def due(self, now_ms: int) -> bool:
        """Say whether `tick` may have something to tell: else nobody need make the book."""
        return (
            not self._sequence
            or now_ms - self._snapshot_at_ms >= self._snapshot_ms
            or now_ms - self._increment_at_ms >= self._increment_ms
        )

    def current(self, now_ms: int) -> L2Package:
        """Return what a new reader begins with: the book as all others have it, under the count they have.

        Before the first `tick` it is empty, under 0.
        """
        return self._package(L2PackageType.SNAPSHOT, snapshot_entries(self._sent), now_ms)

    def tick(self, book: Book, now_ms: int) -> list[L2Package]:
        """Return the packages that are due, in their order.

        A snapshot that finds the book changed has an increment before it, so that whoever follows increments alone
        stands where the snapshot does.
        """
        whole = not self._sequence or now_ms - self._snapshot_at_ms >= self._snapshot_ms
        packages = []
        if self._sequence and book != self._sent and (whole or now_ms - self._increment_at_ms >= self._increment_ms):
            entries = changed_entries(self._sent, book)
            self._increment_at_ms = now_ms
            self._sent = book
            self._sequence += 1
            packages.append(self._package(L2PackageType.INCREMENT, entries, now_ms))
        if whole:
            self._snapshot_at_ms = now_ms
            if not self._sequence:
                self._increment_at_ms, self._sent = now_ms, book
            self._sequence += 1
            packages.append(self.current(now_ms))
        return packages

    def _package(self, kind: L2PackageType, entries: list[L2Entry], now_ms: int) -> L2Package:
        return L2Package(
            timestamp=now_ms,
            security_id=self._security_id,
            type=kind,
            entries=entries,
            sequence_number=self._sequence,
        )
