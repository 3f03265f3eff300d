"""A private session whose orders go over REST and whose news come over a stream that may lose some without a sign.

Connecting and trying again, timers, the dead-man switch, looks for what was lost, snapshots, and cancelling everything
are the same wherever a venue is asked by conversations over HTTP. What a venue says and is told is its own package's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any, Protocol

from common.clock import NS_PER_MS
from common.core import Close, Effects, HttpResponse, Sample, Send
from common.events import AlertLevel

from quoter.venues.base import Output, Outputs, Ready, SessionAlert, SessionLost
from quoter.venues.conversation import Backoff, Conversations, Pause, Script
from quoter.venues.held import HeldOrders
from quoter.venues.rest_account import RestAccount
from quoter.venues.watching import SnapshotWatch, session_samples

PING_MS = 5_000
SILENCE_MAX_MS = 15_000
LOGIN_MAX_MS = 10_000
CATCH_UP_PAUSE_MS = 1_000
"""Looks for what was lost are at least this far apart, also where the venue goes on sending odd frames."""
SNAPSHOT_MOST_MS = 90_000
"""A snapshot that has no answer for so long is given up; the next one is asked for anew."""
RECONNECT_FIRST_MS, RECONNECT_MOST_MS = 200.0, 5_000.0


class Phase(Enum):
    """How far the session is."""

    DOWN = "down"
    CONNECTING = "connecting"
    LOGIN = "login"
    """Where the stream says that a login was taken."""
    RECOVERING = "recovering"
    UP = "up"


class Entry(Protocol):
    """Requests about orders that are under way."""

    cancelling: dict[int, str]
    unknown_outcomes: int
    snapshot_due: bool

    def until_answered(self) -> Script[None]:
        """Wait until no request about an order is under way."""
        ...


class Snapshots(Protocol):
    """Takes snapshots of one account, one at a time."""

    taken: int

    def take(self, reason: str) -> Script[None]:
        """Ask what the account has."""
        ...


class RestSession(ABC):
    """One account's private session: frames, answers and timers in; frames, requests and reports out."""

    name: str
    counts_places = False
    tick_size = Decimal("0.01")
    has_switch = True
    """The venue has a dead-man switch."""
    check_ms: int
    """Looks for trades that the stream has lost are so far apart."""
    late_login = "no login in time"
    ended_with_it: tuple[str, ...]
    """Conversations, beside those of every session, that mean nothing once the session is lost."""
    beat_pause_ms: int
    """How long to wait before a heartbeat is sent again while a recovery needs one."""
    _account: RestAccount[Any, Any]
    _entry: Entry
    _held: HeldOrders
    _snapshots: Snapshots

    def __init__(self, url: str, random: Random) -> None:
        self._talks: Conversations[Output] = Conversations(self.name, url, dict)
        self._snapshot_watch = SnapshotWatch()
        self._backoff = Backoff(RECONNECT_FIRST_MS, RECONNECT_MOST_MS, random)
        self._phase = Phase.DOWN
        self._now_ns = self._phase_since_ns = 0
        self._retry_at_ns: int | None = None
        self._deferred: list[Output] = []
        """What a call that may only return effects has found out."""
        self._ping_ns = self._heard_ns = self._checked_ns = self._caught_up_ns = 0
        self._ending = self._nothing_rests = False
        self._snapshot_wanted = ""
        """Why a snapshot is to be taken as soon as one can be."""
        self._snapshot_since_ns = 0
        self.reconnects = self.malformed = 0

    # --- what the venue's own package says ------------------------------------------------------------------------

    @abstractmethod
    def armed(self, now_ns: int) -> bool:
        """Say whether orders may go out as far as our own death goes (`Session.armed`)."""

    @abstractmethod
    def _connecting(self) -> Script[None]:
        """Learn what has to be known first, then open the stream."""

    @abstractmethod
    def _ping(self) -> bytes:
        """Return a frame that asks the venue for a sign of life."""

    @abstractmethod
    def _beat_due(self) -> bool:
        """Say whether a heartbeat is to be sent."""

    @abstractmethod
    def _beat(self) -> Script[None]:
        """Send a heartbeat."""

    @abstractmethod
    def _switched_off(self) -> str:
        """Say that the venue has cancelled everything for lack of heartbeats, once; empty while it has not."""

    @abstractmethod
    def _flush(self) -> Outputs:
        """Send the orders whose turn has come."""

    @abstractmethod
    def _asking_resting(self, sweep: bool) -> Script[None]:
        """Ask what rests, with `sweep` having cancelled everything; ends in a Resting."""

    # --- what the quoter reads ----------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._phase in (Phase.RECOVERING, Phase.UP)

    @property
    def accepts_resting_orders(self) -> bool:
        return True

    @property
    def reconciled(self) -> bool:
        return self._phase is Phase.UP and self._account.settled

    @property
    def nothing_rests(self) -> bool:
        return self._nothing_rests

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {
            "phase": self._phase.value,
            "for_ms": (now_ns - self._phase_since_ns) // NS_PER_MS,
            "reconciled": self.reconciled,
            "deadman_armed": self.armed(now_ns),
            "account_sequence": self._account.place,
            "orders_held": self._held.held,
            "cancels_unanswered": len(self._entry.cancelling),
            "trades_unread": self._account.unread,
            "reconnects": self.reconnects,
            "gaps": self._account.gaps,
            "malformed": self.malformed,
        }

    def samples(self) -> Iterable[Sample]:
        yield from session_samples(
            self.name,
            reconciled=self.reconciled,
            reconnects=self.reconnects,
            gaps=self._account.gaps,
            malformed=self.malformed,
            rest_faults=self._account.faults.count,
            unknown_outcomes=self._entry.unknown_outcomes,
        )
        labels = {"venue": self.name}
        yield Sample("mm_session_trades_unread", "gauge", "Trades to be read again", labels, self._account.unread)

    # --- life ---------------------------------------------------------------------------------------------------

    def _connect(self) -> list[Output]:
        self._retry_at_ns = None
        self._enter(Phase.CONNECTING)
        return self._talks.begin("connect", self._connecting(), self._now_ns)

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        """The stream has ended: nothing may rest unseen, and what we know has to be proven anew."""
        self._now_ns = now_ns
        yield from self._abandon(reason)
        self._enter(Phase.DOWN)
        self._retry_at_ns = now_ns + round(self._backoff.next_ms() * NS_PER_MS)
        self.reconnects += 1
        if not self._ending:
            yield from self._talks.begin("clear", self._account.cancel_everything(), now_ns)

    def _abandon(self, reason: str) -> Outputs:
        self._account.lose()
        for name in ("connect", "recover", "check", "snapshot", "clear", *self.ended_with_it):
            self._talks.abandon(name)
        yield from self._deferred_out()
        yield from self._held.give_up("the session was lost")
        yield SessionLost(reason)

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        yield from self._deferred_out()
        yield from self._talks.on_answer(answer, now_ns)
        yield from self._flush()

    def on_timer(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        yield from self._deferred_out()
        yield from self._talks.on_timer(now_ns)
        if self._phase is Phase.DOWN:
            if self._retry_at_ns is not None and now_ns >= self._retry_at_ns and not self._ending:
                yield from self._connect()
            return
        if self._phase in (Phase.CONNECTING, Phase.LOGIN):
            waited_ns = now_ns - self._phase_since_ns
            if waited_ns > LOGIN_MAX_MS * NS_PER_MS and not self._talks.open("connect"):
                yield Close(self.name, self.late_login)
                self._phase_since_ns = now_ns
            return
        if now_ns - self._heard_ns > SILENCE_MAX_MS * NS_PER_MS:
            yield Close(self.name, f"the {self._account.stream_name} is silent")
            self._heard_ns = now_ns
            return
        yield from self._keep_alive()
        yield from self._flush()

    def _keep_alive(self) -> Outputs:
        """Ping the stream, feed the dead-man switch, and ask for what the stream may have lost."""
        now_ns = self._now_ns
        if now_ns - self._ping_ns >= PING_MS * NS_PER_MS:
            self._ping_ns = now_ns
            yield Send(self.name, self._ping())
        if self._beat_due() and not self._talks.open("beat"):
            yield from self._talks.begin("beat", self._beat(), now_ns)
        if switched_off := self._switched_off():
            yield SessionAlert(AlertLevel.CRITICAL, "heartbeat_lost", switched_off)
            yield from self._abandon("no heartbeat was acknowledged in time")
            yield from self._recover()
        elif self._phase is Phase.UP:
            yield from self._look_for_losses()
            yield from self._look_at_snapshots()

    def _look_for_losses(self) -> Outputs:
        if self._talks.open("check"):
            return
        due = self._now_ns - self._checked_ns >= self.check_ms * NS_PER_MS
        if not self._account.settled and self._now_ns - self._caught_up_ns >= CATCH_UP_PAUSE_MS * NS_PER_MS:
            self._caught_up_ns = self._now_ns
            yield from self._talks.begin("check", self._account.catch_up(), self._now_ns)
        elif due and self._account.settled:
            self._checked_ns = self._now_ns
            yield from self._talks.begin("check", self._account.check(), self._now_ns)

    def _look_at_snapshots(self) -> Outputs:
        if self._snapshot_since_ns and not self._talks.open("snapshot"):
            self._snapshot_since_ns = 0
        elif self._snapshot_since_ns and self._now_ns - self._snapshot_since_ns > SNAPSHOT_MOST_MS * NS_PER_MS:
            self._talks.abandon("snapshot")
        yield from self._snapshot_watch.check(self._snapshots.taken, self._now_ns)
        if self._snapshot_wanted and self.reconciled and not self._talks.open("snapshot"):
            reason, self._snapshot_wanted = self._snapshot_wanted, ""
            yield from self.request_snapshot(reason, self._now_ns)
        elif self._entry.snapshot_due:
            self._entry.snapshot_due = False
            self._snapshot_wanted = "unknown_outcome"

    def _recover(self) -> list[Output]:
        self._enter(Phase.RECOVERING)
        return self._talks.begin("recover", self._recovering(), self._now_ns)

    def _recovering(self) -> Script[None]:
        if not (yield from self._account.recover()):
            yield Close(self.name, "recovery came to no end")
            return
        # Orders are placed again only behind a heartbeat that was taken.
        while self.has_switch and not self.armed(self._now_ns):
            yield from self._beat()
            if not self.armed(self._now_ns):
                yield Pause(self.beat_pause_ms)
        self._backoff.reset()
        self._enter(Phase.UP)
        self._snapshot_wanted = "start"
        self._snapshot_watch.begin(self._now_ns)
        yield Ready(self._account.place)

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._ending, self._nothing_rests = True, False
        self._talks.abandon("empty")
        yield from self._held.give_up("stopping")
        yield from self._talks.begin("empty", self._emptying(), now_ns)

    def _emptying(self) -> Script[None]:
        yield from self._entry.until_answered()
        yield from self._account.cancel_all_and_confirm()
        self._nothing_rests = True

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        self._now_ns = now_ns
        if self._talks.open("resting"):
            return []
        return self._talks.begin("resting", self._asking_resting(sweep), now_ns)

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        if not self.reconciled or self._talks.open("snapshot"):
            return []
        self._snapshot_since_ns = now_ns
        return self._talks.begin("snapshot", self._snapshots.take(reason), now_ns)

    # --- orders -------------------------------------------------------------------------------------------------

    @property
    def _may_place(self) -> bool:
        return self.connected and (not self.has_switch or self.armed(self._now_ns))

    def _effects_of(self, outputs: Outputs) -> Effects:
        """Pass on what is for the shell; what is for the quoter is told with the next call that may."""
        for output in outputs:
            if isinstance(output, tuple):
                self._deferred.append(output)
            else:
                yield output

    def _deferred_out(self) -> Outputs:
        deferred, self._deferred = self._deferred, []
        return deferred

    def _enter(self, phase: Phase) -> None:
        self._phase, self._phase_since_ns = phase, self._now_ns
