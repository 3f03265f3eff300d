"""What every session tells about itself: that its account is not looked at, and its figures."""

from __future__ import annotations

from collections.abc import Iterable

from common.clock import NS_PER_S
from common.core import Sample
from common.events import AlertLevel

from quoter.venues.base import SessionAlert

PICTURE_OVERDUE_NS = 300 * NS_PER_S
"""A session that is up and has had no snapshot of its account for so long says so."""


class SnapshotWatch:
    """Tells people when no snapshot of the account comes about: nothing compares it with the ledger meanwhile."""

    def __init__(self) -> None:
        self._taken = self._since_ns = 0

    def begin(self, now_ns: int) -> None:
        """Count from now on."""
        self._since_ns = now_ns

    def check(self, taken: int, now_ns: int) -> Iterable[SessionAlert]:
        """Compare with how many snapshots have been taken."""
        if taken != self._taken:
            self._taken, self._since_ns = taken, now_ns
        elif now_ns - self._since_ns >= PICTURE_OVERDUE_NS:
            self._since_ns = now_ns
            text = (
                f"no snapshot of the account for {PICTURE_OVERDUE_NS // NS_PER_S} s: it is not compared with the ledger"
            )
            yield SessionAlert(AlertLevel.CRITICAL, "no_picture", text)


def session_samples(
    venue: str,
    *,
    reconciled: bool,
    reconnects: int,
    gaps: int,
    malformed: int,
    rest_faults: int,
    unknown_outcomes: int,
) -> Iterable[Sample]:
    """Return the figures that every session has."""
    labels = {"venue": venue}
    yield Sample("mm_session_reconciled", "gauge", "1 when up and reconciled", labels, float(reconciled))
    yield Sample("mm_session_reconnects", "counter", "Connections after the first", labels, reconnects)
    yield Sample("mm_session_gaps", "counter", "Gaps in private events", labels, gaps)
    yield Sample("mm_session_malformed", "counter", "Frames that could not be read", labels, malformed)
    yield Sample("mm_session_rest_faults", "counter", "Unusable REST answers", labels, rest_faults)
    yield Sample("mm_session_unknown_outcomes", "counter", "Requests without answer", labels, unknown_outcomes)
