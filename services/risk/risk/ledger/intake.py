"""FILL as it arrives: every message in its turn, and our own postings until they come back through it."""

from __future__ import annotations

from collections.abc import Iterator

from common.errors import MarketMakerError
from common.events import Event, Posting

from risk.ledger.entries import Entry

HELD_MAX = 10_000
"""Entries that overtook an earlier one and wait for it."""
GAP_NS_MAX = 2_000_000_000
"""How long an entry may be missing that later ones have overtaken."""
POSTING_RETRY_NS = 10_000_000_000
"""A posting of ours that has not come back is asked again after this long, under the same id."""
PENDING_MAX = 10_000


class LedgerGap(MarketMakerError):
    """An entry of FILL did not come in its turn; the next start reads the stream itself."""


class ReorderBuffer:
    """Messages that came before their turn, which happens when a broker delivers again what a break has cut off."""

    def __init__(self) -> None:
        self._held: dict[int, Entry] = {}
        self._since_ns = 0

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, entry: Entry, sequence: int, now_ns: int) -> None:
        """Keep a message until those before it have come; LedgerGap when too many wait."""
        if len(self._held) >= HELD_MAX:
            raise LedgerGap(f"{HELD_MAX} entries wait for one that did not come")
        self._since_ns = self._since_ns or now_ns
        self._held[sequence] = entry

    def take(self, sequence: int, now_ns: int) -> Entry | None:
        """Return the message whose turn it is, when it waits here; earlier ones have come another way."""
        entry = self._held.pop(sequence, None)
        for passed in [each for each in self._held if each < sequence]:
            del self._held[passed]
        self._since_ns = now_ns if self._held else 0
        return entry

    def demand_whole(self, next_sequence: int, now_ns: int) -> None:
        """Raise LedgerGap when a message has been missing for too long."""
        if self._held and now_ns - self._since_ns > GAP_NS_MAX:
            raise LedgerGap(f"FILL sequence {next_sequence} did not come, {len(self._held)} later ones did")


class Pending:
    """Postings of ours on their way into FILL; they count when they come back, not before."""

    def __init__(self) -> None:
        self._asked_at_ns: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._asked_at_ns)

    def ask(self, posting: Posting, now_ns: int) -> Iterator[Posting]:
        """Yield the posting unless it is on its way."""
        posting_id = posting.message_id()
        asked_at_ns = self._asked_at_ns.get(posting_id)
        if asked_at_ns is not None and now_ns - asked_at_ns < POSTING_RETRY_NS:
            return
        self._asked_at_ns.pop(posting_id, None)
        self._asked_at_ns[posting_id] = now_ns
        if len(self._asked_at_ns) > PENDING_MAX:
            del self._asked_at_ns[next(iter(self._asked_at_ns))]
        yield posting

    def ended(self, event: Event) -> None:
        """A posting came back, or was refused."""
        if isinstance(event, Posting):
            self._asked_at_ns.pop(event.message_id(), None)
