"""Whether the quoter of each account lives, and what its watchdog says of the orders of one that does not.

A holder that has not renewed its lease for half its life sends nothing more, and may be dead: what rests of its orders
is unknown from then on, until its watchdog or its successor has asked the venue: a successor that only just beats
has not asked yet.
"""

from __future__ import annotations

from typing import NamedTuple

from common.clock import NS_PER_MS
from common.emptying import IDS_BELOW, read_told
from common.events import Alert, Lease
from common.orders import EPOCH_MAX, first_id_of

SILENT = "its quoter is silent: whether it rests is unknown"


class Report(NamedTuple):
    """What a watchdog has made of a dead quoter's orders."""

    account: str
    below: int
    """Orders with lower ids are meant."""
    said: str
    confirmed: bool
    ts_ns: int


class Quoters:
    """The newest beat of each account's quoter, by our clock, and the newest report of its watchdog."""

    def __init__(self) -> None:
        self._beats: dict[str, tuple[Lease, int]] = {}
        self._doubtful: dict[str, int] = {}
        self.reports: dict[str, Report] = {}

    def on_lease(self, lease: Lease, fresh_at_ns: int) -> None:
        known = self._beats.get(lease.key)
        if known is None or (lease.epoch, lease.beat) > (known[0].epoch, known[0].beat):
            self._beats[lease.key] = (lease, fresh_at_ns)

    def on_emptied(self, alert: Alert) -> Report | None:
        """Take in a watchdog's report of the orders below an id; None for another outcome."""
        told = read_told(alert.text)
        if told is None or not told.what.startswith(IDS_BELOW):
            return None
        below = told.what.removeprefix(IDS_BELOW)
        if not below.isdecimal():
            return None
        report = Report(told.account, int(below), told.outcome, told.confirmed, alert.ts_ns)
        self.reports[told.account] = report
        return report

    def update(self, now_ns: int) -> None:
        """Say anew whose orders are doubtful."""
        for account in self._beats:
            self._doubtful[account] = self._doubtful_below(account, now_ns)

    def silent_ms(self, account: str, now_ns: int) -> int | None:
        """Return for how long an account's quoter has been silent; None while it lives or was never heard of."""
        if account not in self._beats or self._lives(account, now_ns):
            return None
        return max(0, now_ns - self._beats[account][1]) // NS_PER_MS

    def doubtful(self, account: str, order_id: int) -> bool:
        """Say whether nobody knows what became of an order, as far as was found at the last look."""
        return order_id < self._doubtful.get(account, 0)

    def _doubtful_below(self, account: str, now_ns: int) -> int:
        lease = self._beats[account][0]
        # A holder knows its own orders; those of epochs before it are cancelled at its start, and until that is told
        # nobody knows of them.
        known_from = lease.epoch if self._lives(account, now_ns) else lease.epoch + 1
        return first_id_of(min(known_from, EPOCH_MAX))

    def _lives(self, account: str, now_ns: int) -> bool:
        lease, fresh_at_ns = self._beats[account]
        return bool(lease.holder) and now_ns - fresh_at_ns <= lease.ttl_ms * NS_PER_MS // 2
