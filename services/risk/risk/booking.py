"""FILL taken into the ledger in its order, and our own postings and corrections until FILL has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from common.core import Effect, Store
from common.events import AlertLevel, Fill, Posting

from risk.binary.settlement import Markets
from risk.corrections.adjustments import Adjustments, booked_in_words
from risk.corrections.opening import Opening, opened_in_words, opening_postings
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.entries import Entry, Forged, StoredEntry, Uncounted
from risk.ledger.intake import Pending, ReorderBuffer
from risk.ledger.snapshot import changes
from risk.monitoring.alerts import PLATFORM, Conditions
from risk.monitoring.reconcile import Reconciliation, Verdict
from risk.monitoring.report import position_of
from risk.monitoring.stops import Stops
from risk.monitoring.watch import rounding_posting


class Booking:
    """The ledger of a shard, and who hears what it takes in; `epoch` returns that of the lease held."""

    def __init__(
        self,
        markets: Markets,
        stops: Stops,
        conditions: Conditions,
        epoch: Callable[[], int],
        told: tuple[Callable[[Fill], None], ...],
    ) -> None:
        """Take whom a fill that has just been booked is told to."""
        self.ledger = Ledger()
        self.reconciliation, self.adjustments = Reconciliation(markets), Adjustments()
        self.pending, self._reordered = Pending(), ReorderBuffer()
        self._markets, self._stops, self._conditions, self._epoch, self._told = markets, stops, conditions, epoch, told

    def begin(self, ledger: Ledger) -> None:
        """Go on from the ledger that a start has loaded."""
        self.ledger = ledger
        self.reconciliation.begin(ledger)

    def take(self, entry: Entry, sequence: int, now_ns: int) -> Iterator[Effect]:
        """Fold the message if it is the next; an earlier one is known, a later one waits for those before it."""
        if sequence <= self.ledger.sequence:
            if not isinstance(entry, Forged | Uncounted):
                yield position_of(self.ledger, entry.algo_id, self._epoch(), now_ns)
            return
        if sequence > self.ledger.sequence + 1:
            self._reordered.hold(entry, sequence, now_ns)
            return
        due: Entry | None = entry
        while due is not None:
            yield from self._fold(due, self.ledger.sequence + 1, now_ns)
            due = self._reordered.take(self.ledger.sequence + 1, now_ns)

    def _fold(self, entry: Entry, sequence: int, now_ns: int) -> Iterator[Effect]:
        folded = self.ledger.fold(entry, sequence)
        if folded.status is FoldStatus.DISPUTED:
            yield from self._stops.dispute(folded.account, sequence, folded.reason, now_ns)
        elif folded.status is FoldStatus.BOOKED and isinstance(entry, StoredEntry):
            self.reconciliation.note(entry.event, now_ns)
            if isinstance(entry.event, Fill):
                for tell in self._told:
                    tell(entry.event)
        if isinstance(entry, StoredEntry):
            self.pending.ended(entry.event)
        if folded.status not in (FoldStatus.FORGED, FoldStatus.UNCOUNTED):
            yield from self._report_adjusted(entry, folded.status, now_ns)
            yield position_of(self.ledger, folded.algo_id, self._epoch(), now_ns)
        yield Store(sequence, changes(self.ledger, folded))
        # A fill that arrives after its market was settled is settled as well.
        if any(key in self.ledger.lines and self._markets.over(key.venue, key.symbol) for key in folded.lines):
            yield from self.settle(now_ns)

    def settle(self, now_ns: int) -> Iterator[Effect]:
        """Ask for the settlement of what is held of markets that are decided."""
        for posting in self._markets.due(self.ledger, now_ns):
            yield from self.pending.ask(posting, now_ns)

    def adjust(self, now_ns: int) -> Iterator[Effect]:
        """Ask for the posting of what two people stand for until FILL has it."""
        for due in self.adjustments.due(self.ledger, self._markets):
            if isinstance(due, Posting):
                yield from self.pending.ask(due, now_ns)
            else:
                yield self._conditions.alert(
                    AlertLevel.CRITICAL, PLATFORM, "adjustment_refused", due.in_words(), now_ns
                )

    def _report_adjusted(self, entry: Entry, status: FoldStatus, now_ns: int) -> Iterator[Effect]:
        adjustment = self.adjustments.ended(entry.event) if isinstance(entry, StoredEntry) else None
        if adjustment is not None and status is FoldStatus.BOOKED:
            text = booked_in_words(adjustment)
            yield self._conditions.alert(AlertLevel.WARNING, PLATFORM, "adjustment_booked", text, now_ns)

    def judge_snapshots(self, opening: Opening, now_ns: int) -> Iterator[Effect]:
        """Compare accounts with the ledger: what differs halts them, what was there before them is paid in."""
        settling = frozenset(posting.account for posting in self._markets.due(self.ledger, now_ns))
        for verdict in self.reconciliation.judge(self.ledger, now_ns, settling):
            if verdict.deposits is not None:
                yield from self._open_books(opening, verdict, now_ns)
            if verdict.rounding:
                yield from self.pending.ask(rounding_posting(verdict, now_ns), now_ns)
            if verdict.mismatch:
                detail = "; ".join(verdict.differences)
                yield from self._stops.halt(f"account-{verdict.account}", "reconcile", detail, now_ns)

    def _open_books(self, opening: Opening, verdict: Verdict, now_ns: int) -> Iterator[Effect]:
        for posting in opening_postings(opening, self.ledger, verdict, now_ns):
            for due in self.pending.ask(posting, now_ns):
                yield due
                if opening.generation > 1:
                    said = opened_in_words(due)
                    yield self._conditions.alert(AlertLevel.CRITICAL, PLATFORM, "books_opened", said, now_ns)

    def demand_whole(self, now_ns: int) -> None:
        """Raise LedgerGap when a message has been missing for too long."""
        self._reordered.demand_whole(self.ledger.sequence + 1, now_ns)

    def waits_for(self) -> list[str]:
        """Return which message is missing that later ones have overtaken; nothing while none is."""
        return [f"waits for FILL sequence {self.ledger.sequence + 1}"] if self._reordered else []
