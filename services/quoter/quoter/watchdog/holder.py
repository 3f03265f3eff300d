"""Who holds the account's lease, as far as the watchdog can believe what it hears, and whether he is silent."""

from __future__ import annotations

from collections.abc import Iterator

from common.clock import NS_PER_MS
from common.core import Effect
from common.events import AlertLevel, Lease
from common.leases.fence import AHEAD_MAX, ALERT_EVERY_NS
from common.leases.lease import TTL_MS_MAX
from common.orders import EPOCH_MAX

from quoter.trading.order_updates import PLATFORM, alert

STALL_NS = 1_000 * NS_PER_MS
"""A timer this late was not late alone: nothing was heard either."""
PATIENCE_NS = 1_000 * NS_PER_MS
"""After a stall of our own, what waits to be read is read before anybody is called silent."""


class Holder:
    """The newest lease heard and when it beat last, on our own clock."""

    def __init__(self, account: str) -> None:
        self._account = account
        self.lease: Lease | None = None
        self._beat_at_ns = 0
        self._turned_at_ns: int | None = None
        self._patient_until_ns = 0
        self._patient = False
        """Given since the last beat already: a process that stalls again and again is patient once."""
        self.refused = 0
        """Leases not believed, since start."""
        self._why = ""
        self._told, self._told_at_ns = 0, -ALERT_EVERY_NS

    def update(self, lease: Lease, now_ns: int, age_ns: int) -> bool:
        """Take in a lease, and say whether it is newer than the one known."""
        if not (0 < lease.epoch <= EPOCH_MAX and 0 < lease.ttl_ms <= TTL_MS_MAX):
            self._refuse(f"epoch {lease.epoch} for {lease.ttl_ms} ms, which nobody can hold")
            return False
        if self.lease is not None and not self._follows(lease, self.lease, now_ns):
            return False
        self.lease = lease
        self._beat_at_ns = now_ns - age_ns
        self._patient, self._patient_until_ns = False, 0
        return True

    def _follows(self, lease: Lease, known: Lease, now_ns: int) -> bool:
        """Say whether a lease is newer than the one known.

        Once that one is overdue, an earlier epoch is no superseded sender, which the stream would not have taken:
        LEASE has begun anew. One far ahead is believed then too, because each new holder takes the next epoch, and of
        those we missed the one we know of beats no more; before it would cost a living holder his orders.
        """
        if lease.epoch > known.epoch + AHEAD_MAX and not self.dead(now_ns):
            self._refuse(f"epoch {lease.epoch}, while epoch {known.epoch} still holds it")
            return False
        if (lease.epoch, lease.beat) > (known.epoch, known.beat):
            return True
        return lease.epoch < known.epoch and self.overdue(now_ns)

    def _refuse(self, why: str) -> None:
        self.refused += 1
        self._why = why

    def turn(self, now_ns: int) -> None:
        """Note that our timer turns; when it comes late, the silence may have been ours."""
        late = self._turned_at_ns is not None and now_ns - self._turned_at_ns > STALL_NS
        self._turned_at_ns = now_ns
        if late and not self._patient:
            self._patient, self._patient_until_ns = True, now_ns + PATIENCE_NS

    def overdue(self, now_ns: int) -> bool:
        """Say whether the holder has been silent for his whole ttl, and it was not we who could not hear."""
        if self.lease is None:
            return False
        return self.silent_ms(now_ns) > self.lease.ttl_ms and now_ns >= self._patient_until_ns

    def dead(self, now_ns: int) -> bool:
        """Say whether nobody lives who would obey a halt of the bus."""
        return self.lease is None or not self.lease.holder or self.overdue(now_ns)

    def silent_ms(self, now_ns: int) -> int:
        return (now_ns - self._beat_at_ns) // NS_PER_MS

    def forget(self) -> None:
        """Whatever was heard is void: the stores are others."""
        self.lease = None

    def alerts(self, now_ns: int) -> Iterator[Effect]:
        """Yield an alert when leases were refused since the last, at most one a minute."""
        if self.refused == self._told or now_ns - self._told_at_ns < ALERT_EVERY_NS:
            return
        count, self._told, self._told_at_ns = self.refused - self._told, self.refused, now_ns
        text = f"account {self._account}: {count} leases refused, the last claims {self._why}"
        yield alert(AlertLevel.WARNING, PLATFORM, "epoch_ahead", text, now_ns, "watchdog")
