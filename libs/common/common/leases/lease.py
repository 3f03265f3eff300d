"""One holder per role and key, decided by the LEASE stream's compare-and-set, without trusting anybody's clock."""

from __future__ import annotations

from enum import Enum

from common.core import Publish
from common.events import Lease

NS_PER_MS = 1_000_000
TTL_MS_MAX = 60_000
"""The longest that a silent holder may be waited for."""


class LeaseState(Enum):
    """Where this process stands for one lease."""

    WAITING = "waiting"
    HELD = "held"
    LOST = "lost"


class LeaseKeeper:
    """Win, renew and give back one lease.

    A holder publishes a beat three times per ttl. A contender takes over when the beat it sees has not moved for a
    whole ttl on its own clock, when the lease was given back, or when the holder has its own instance name: the
    supervisor gives a restarted process the name of its predecessor, which is then known to be dead. Whoever
    takes over adds one to the epoch; the compare-and-set lets only one contender win and makes a stale holder's
    next beat fail.
    """

    def __init__(self, role: str, key: str, instance: str, ttl_ms: int, epoch_before: int = 0) -> None:
        """`epoch_before` is the highest epoch this process's disk remembers: a lost LEASE does not begin again at 1."""
        self.role, self.key, self.instance, self.ttl_ms = role, key, instance, ttl_ms
        self._epoch_before = epoch_before
        self.state = LeaseState.WAITING
        self.epoch = 0
        self.holder = ""
        """Who holds it now, as far as we have seen."""
        self._sequence = 0
        self._beat = 0
        self._seen_at_ns: int | None = None
        self._renewed_at_ns = 0
        self._sent = (0, 0)
        self._sent_at_ns = 0

    @property
    def beat_ms(self) -> int:
        """How often to call `observe` and `beat`."""
        return max(50, self.ttl_ms // 3)

    def observe(self, lease: Lease | None, sequence: int, now_ns: int) -> None:
        """Take in the last value of the lease's subject: what the stream holds, and under which sequence."""
        if self.state is not LeaseState.WAITING:
            return
        if self._seen_at_ns is None or sequence != self._sequence:
            self._sequence, self._seen_at_ns = sequence, now_ns
        self.epoch = lease.epoch if lease else 0
        self.holder = lease.holder if lease else ""

    def beat(self, now_ns: int) -> Publish | None:
        """Return the publish to make now: a take-over when one is due, or the next renewal; else None."""
        if self.state is LeaseState.WAITING:
            if self._seen_at_ns is None or not self._free(now_ns):
                return None
            return self._publish(max(self.epoch, self._epoch_before) + 1, 1, now_ns)
        if self.state is LeaseState.HELD:
            return self._publish(self.epoch, self._beat + 1, now_ns)
        return None

    def _free(self, now_ns: int) -> bool:
        assert self._seen_at_ns is not None
        silent_ns = now_ns - self._seen_at_ns
        return self.holder in ("", self.instance) or silent_ns >= self.ttl_ms * NS_PER_MS

    def _publish(self, epoch: int, beat: int, now_ns: int) -> Publish:
        # A beat sent again, because its answer was lost, may be answered as the repeat it is: then it holds from when
        # it was first sent, and says nothing of who has taken over since.
        if (epoch, beat) != self._sent:
            self._sent, self._sent_at_ns = (epoch, beat), now_ns
        lease = Lease(role=self.role, key=self.key, holder=self.instance, beat=beat, ttl_ms=self.ttl_ms, epoch=epoch)
        return Publish(lease, expected_last_sequence=self._sequence)

    def won(self, lease: Lease, sequence: int) -> None:
        """A publish of ours is stored: the lease is ours from the moment it was sent."""
        if self.state is LeaseState.LOST:
            return
        self.state, self.epoch, self.holder = LeaseState.HELD, lease.epoch, self.instance
        self._sequence, self._beat, self._renewed_at_ns = sequence, lease.beat, self._sent_at_ns

    def refused(self) -> None:
        """Somebody else published first: a holder has lost, a contender goes on waiting."""
        if self.state is LeaseState.HELD:
            self.state = LeaseState.LOST
        else:
            self._seen_at_ns, self._sequence = None, 0

    def follow(self, sequence: int) -> None:
        """Something that no holder has said is stored behind our last beat: the next one follows that."""
        self._sequence = sequence

    def doubtful(self, now_ns: int) -> bool:
        """Say whether a holder must stop sending: not renewed for half the ttl."""
        return self.state is not LeaseState.HELD or now_ns - self._renewed_at_ns > self.ttl_ms * NS_PER_MS // 2

    def release(self) -> Publish | None:
        """Return the publish that gives the lease back, so that the next holder need not wait for the ttl."""
        if self.state is not LeaseState.HELD:
            return None
        lease = Lease(
            role=self.role, key=self.key, holder="", beat=self._beat + 1, ttl_ms=self.ttl_ms, epoch=self.epoch
        )
        self.state = LeaseState.LOST
        return Publish(lease, expected_last_sequence=self._sequence)
