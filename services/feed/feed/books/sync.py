"""Whether our copy of a venue's book can be believed, and what it takes to believe it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from feed.books.book import LocalBook
from feed.connections.steady import LEAP_MAX
from feed.messages import Diff, Snapshot

BUFFER_DIFFS_MAX = 2_000
"""Changes kept while a snapshot is on its way: over three minutes of Binance's depth@100ms."""

Checksum = Callable[[LocalBook], int | None]
"""What the venue would compute over our copy; None while that cannot be known."""


class Outcome(Enum):
    """What became of a snapshot or a change."""

    APPLIED = "applied"
    IGNORED = "ignored"
    """Older than what we have."""
    BUFFERED = "buffered"
    """Waiting for the snapshot it builds on."""
    TOO_OLD = "snapshot older than the first change kept"
    GAP = "sequence gap"
    CROSSED = "crossed book"
    CHECKSUM = "checksum differs"

    @property
    def broken(self) -> bool:
        return self in (Outcome.GAP, Outcome.CROSSED, Outcome.CHECKSUM)


class BookSync:
    """The copy of one symbol's book with the proof that it is the venue's.

    Changes that carry update ids must follow each other: a change may begin at or before the id after ours
    (`first_id <= last_id + 1`), so that two overlapping connections can feed one copy, and one that begins later
    means a change was lost. Changes that carry a checksum must reproduce it. No side may cross the other.
    What fails is thrown away and has to come back as a snapshot.
    """

    def __init__(self, depth: int = 0, buffered: bool = False, checksum: Checksum | None = None) -> None:
        self._depth = depth
        self.buffered = buffered
        """True where the snapshot comes from elsewhere (REST) and changes wait for it."""
        self._checksum = checksum
        self._waiting: deque[Diff] = deque(maxlen=BUFFER_DIFFS_MAX)
        self.book = LocalBook(depth)
        self.synced = False
        self.last_id = 0

    def reset(self) -> None:
        """Believe nothing until the next snapshot."""
        self.book = LocalBook(self._depth)
        self.synced = False
        self.last_id = 0
        self._waiting.clear()

    @property
    def waiting(self) -> int:
        """Count of the changes kept for a snapshot."""
        return len(self._waiting)

    def on_snapshot(self, snapshot: Snapshot) -> Outcome:
        """Start over from a snapshot and what was kept since."""
        if self._waiting and self._waiting[0].first_id > snapshot.last_id + 1:
            return Outcome.TOO_OLD
        self.book.load(snapshot.bids, snapshot.asks)
        self.last_id = snapshot.last_id
        self.synced = True
        waiting, self._waiting = self._waiting, deque(maxlen=BUFFER_DIFFS_MAX)
        worst = self._proved(snapshot.checksum)
        for diff in waiting:
            # After a break the copy is unsynced again and the remaining changes wait for the next snapshot.
            outcome = self.on_diff(diff)
            if outcome.broken:
                worst = outcome
        return worst

    def on_diff(self, diff: Diff) -> Outcome:
        """Apply a change, or say why not; a broken copy is reset and keeps the change for the next snapshot."""
        if not self.synced:
            if not self.buffered:
                return Outcome.IGNORED
            self._waiting.append(diff)
            return Outcome.BUFFERED
        if diff.last_id:
            if self.last_id - LEAP_MAX <= diff.last_id <= self.last_id:
                return Outcome.IGNORED
            # Far below ours means that ours, of a snapshot, was never the venue's.
            if not self.last_id - LEAP_MAX <= diff.first_id <= self.last_id + 1:
                self.reset()
                if self.buffered:
                    self._waiting.append(diff)
                return Outcome.GAP
            self.last_id = diff.last_id
        self.book.apply(diff.bids, diff.asks)
        return self._proved(diff.checksum)

    def _proved(self, checksum: int | None) -> Outcome:
        if self.book.crossed():
            self.reset()
            return Outcome.CROSSED
        if checksum is not None and self._checksum is not None and self._checksum(self.book) != checksum:
            self.reset()
            return Outcome.CHECKSUM
        return Outcome.APPLIED
