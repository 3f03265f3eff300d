"""Superseded senders, and invented ones: which events a reader takes, by the lease epoch each bears."""

from __future__ import annotations

from collections.abc import Iterator

from common.events import Alert, AlertLevel, Lease, Market
from common.orders import EPOCH_MAX

SENDERS_MAX = 10_000
"""Roles times keys; there are a handful, and one for each market."""
AHEAD_MAX = 8
"""Take-overs by which an event may be ahead of the newest lease we have heard: the two come on different ways."""
ALERT_EVERY_NS = 60_000_000_000
PLATFORM = "platform"


class EpochFence:
    """The highest lease epoch heard from each role and key, never above what the leases of that role say.

    A holder whose lease has passed on is not listened to any more. An event that claims an epoch no lease has come
    to is refused when it is far ahead; when it is a little ahead, it is taken, but moves nothing: else one event with
    an invented epoch would make its true sender a superseded one forever.
    """

    def __init__(self) -> None:
        self._epochs: dict[tuple[str, str], int] = {}
        self._newest: dict[str, int] = {}
        """The newest epoch among a role's leases: a process that holds several uses the highest of them for all."""
        self.old = 0
        """Events of earlier holders refused, since start."""
        self.ahead = 0
        """Events refused because no lease has come to their epoch, since start."""
        self._last_ahead = ""
        self._told, self._told_at_ns = 0, -ALERT_EVERY_NS

    def on_lease(self, lease: Lease) -> None:
        """Take in who holds what; it also takes back what was believed before the first lease was heard."""
        role, newest = lease.role, self._newest.get(lease.role, 0)
        if not newest < lease.epoch <= EPOCH_MAX:
            return
        self._newest[role] = lease.epoch
        for sender, epoch in self._epochs.items():
            if sender[0] == role and epoch > lease.epoch:
                self._epochs[sender] = lease.epoch

    def passes(self, role: str, key: str, epoch: int) -> bool:
        """Say whether an event is from the newest holder we know of, and remember a newer one."""
        sender = (role, key)
        known = self._epochs.get(sender, 0)
        if epoch == known:
            return True
        if epoch < known:
            self.old += 1
            return False
        newest = self._newest.get(role, EPOCH_MAX)
        if epoch > newest + AHEAD_MAX:
            self.ahead += 1
            self._last_ahead = f"{role}/{key} with epoch {epoch}, its newest lease has {newest}"
            return False
        if epoch <= newest and (known or len(self._epochs) < SENDERS_MAX):
            self._epochs[sender] = epoch
        return True

    def passes_market(self, market: Market) -> bool:
        """Say whether a word on a market is from the newest feed that spoke of it, which is forgotten with its end.

        The last word on a market may be of an earlier feed than the venue's status, so each market has its own epoch.
        """
        sender = f"{market.venue}/{market.symbol}"
        passed = self.passes("feed", sender, market.epoch)
        if passed and market.status.over:
            self.forget("feed", sender)
        return passed

    def forget(self, role: str, key: str) -> None:
        """Drop what is remembered of a sender that will not speak again."""
        self._epochs.pop((role, key), None)

    def alerts(self, source: str, now_ns: int) -> Iterator[Alert]:
        """Yield an alert when events ahead of every lease were refused since the last, at most one a minute."""
        if self.ahead == self._told or now_ns - self._told_at_ns < ALERT_EVERY_NS:
            return
        count, self._told, self._told_at_ns = self.ahead - self._told, self.ahead, now_ns
        yield Alert(
            level=AlertLevel.WARNING,
            algo_id=PLATFORM,
            source=source,
            kind="epoch_ahead",
            text=f"{count} events refused, no lease has reached their epoch, the last from {self._last_ahead}",
            ts_ns=now_ns,
        )
