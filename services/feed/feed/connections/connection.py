"""One connection to a venue: opened, kept alive, judged by its silence, and replaced before the venue cuts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random

from common.clock import NS_PER_MS
from common.core import Close, Effect, Open, Send

BACK_OFF_FIRST_MS = 250
BACK_OFF_GROWTH = 1.5
"""Doubling would find a venue that was away for a second only after up to four."""
BACK_OFF_MAX_MS = 5_000
BACK_OFF_LEAST = 0.8
"""With the bound above at most 150 attempts in ten minutes, which is what the strictest venue (Kraken) takes."""
STABLE_MS = 30_000
"""A connection that lived this long starts its back-off from the beginning again."""
OPEN_MAX_MS = 10_000
CLOSE_MAX_MS = 5_000
REASON_CHARS_MAX = 200
REPLACE_RETRY_MS = 60_000
"""A successor that could not be had is tried again after this; lifetimes leave an hour for it."""
HANDOVER_MS = 2_000
"""Both the old and the new wire are listened to for this long, so that nothing falls between them."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What a venue's connection may do before it is doubted."""

    silence_ms: int
    """Nothing at all for this long, not even an answer to a ping: the connection is dead."""
    ping_ms: int
    """Silence after which the venue is asked for a sign of life."""
    lifetime_ms: int = 0
    """Age at which a successor is opened beside it; 0 where the venue sets no end."""

    def __post_init__(self) -> None:
        assert 0 < self.ping_ms < self.silence_ms


class State(Enum):
    """What a wire is doing."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"


class Opened(Enum):
    """What a wire that has just connected is for."""

    FRESH = "fresh"
    """Nothing came before it or what came before is lost: subscribe and start all books over."""
    BESIDE = "beside"
    """It joins one that still serves: subscribe, the books go on."""
    UNWANTED = "unwanted"
    """It was given up meanwhile."""


@dataclass(slots=True)
class Slot:
    """One wire and what it is doing."""

    wire: str
    state: State = State.IDLE
    since_ns: int = 0


class Connection:
    """The life of one connection over two wires, of which the second only serves to take over.

    Everything it wants done comes back as effects; what it was told is in `state`. Reconnecting waits
    250 ms * 1.5^n up to 5 s, times a random factor from 0.8 to 1, so that many clients do not return at once.
    """

    def __init__(
        self, name: str, url: str, symbols: Sequence[str], patience: Patience, ping: bytes, random: Random
    ) -> None:
        self.name, self.url, self.symbols = name, url, tuple(symbols)
        self.patience = patience
        self.reconnects = 0
        self.last_heard_ns = 0
        self.last_reason = ""
        self._ping = ping
        self._random = random
        self._slots = (Slot(f"{name}-a"), Slot(f"{name}-b"))
        self._serving: Slot | None = None
        self._successor: Slot | None = None
        self._opened = 0
        self._attempts = 0
        self._due_ns: int | None = None
        self._pinged_ns = 0
        self._replace_ns = 0
        """When a successor is due; 0 while none is planned."""

    @property
    def wires(self) -> tuple[str, str]:
        """Names of the two wires, for the core's inputs."""
        return self._slots[0].wire, self._slots[1].wire

    @property
    def open(self) -> bool:
        return self._serving is not None and self._serving.state is State.OPEN

    @property
    def serving(self) -> str:
        """Name of the wire in use; empty when there is none."""
        return self._serving.wire if self._serving is not None and self._serving.state is State.OPEN else ""

    def silent_ns(self, now_ns: int) -> int:
        """Return how long nothing arrived."""
        return max(0, now_ns - self.last_heard_ns)

    def alive(self, now_ns: int) -> bool:
        """Say whether it is open and has been heard within its silence limit."""
        return self.open and self.silent_ns(now_ns) < self.patience.silence_ms * NS_PER_MS

    def begin(self, now_ns: int) -> list[Effect]:
        """Connect for the first time."""
        self.last_heard_ns = now_ns
        self._serving = self._slots[0]
        return self._open(self._slots[0], now_ns)

    def on_open(self, wire: str, now_ns: int) -> Opened:
        """Take note that a wire is connected; says what it is for."""
        slot = self._slot(wire)
        if slot.state is not State.OPENING:
            return Opened.UNWANTED
        slot.state, slot.since_ns = State.OPEN, now_ns
        self.reconnects += self._opened > 0
        self._opened += 1
        if slot is self._successor:
            return Opened.BESIDE
        self.last_heard_ns = now_ns
        self._plan_successor(now_ns)
        return Opened.FRESH

    def on_frame(self, wire: str, now_ns: int) -> bool:
        """Take note of a sign of life; False when the frame comes from a wire that was given up."""
        serving = self._serving
        if serving is not None and serving.wire == wire and serving.state is State.OPEN:
            self.last_heard_ns = now_ns
            return True
        successor = self._successor
        return successor is not None and successor.wire == wire and successor.state is State.OPEN

    def on_close(self, wire: str, reason: str, now_ns: int) -> bool:
        """Take note that a wire is gone; True when with it the connection was lost."""
        slot = self._slot(wire)
        stable = self._stable(slot, now_ns)
        slot.state, slot.since_ns = State.IDLE, now_ns
        if slot is self._successor:
            self._successor = None
            self._replace_ns = now_ns + REPLACE_RETRY_MS * NS_PER_MS
            return False
        if slot is not self._serving:
            return False
        self.last_reason = reason[:REASON_CHARS_MAX]
        if self._successor is not None:
            self._promote(now_ns)
            return not self.open
        self._serving = None
        self._reopen_later(stable, now_ns)
        return True

    def on_timer(self, now_ns: int) -> list[Effect]:
        """Do what time has made due."""
        effects: list[Effect] = []
        for slot in self._slots:
            effects += self._overdue(slot, now_ns)
        if self._serving is None:
            free = self._free()
            if self._due_ns is not None and now_ns >= self._due_ns and free is not None:
                self._serving, self._due_ns = free, None
                effects += self._open(free, now_ns)
        elif self._serving.state is State.OPEN:
            effects += self._watch(self._serving, now_ns)
        return effects

    def replace(self, now_ns: int) -> list[Effect]:
        """Open a successor now: the end of the serving wire is near."""
        free = self._free()
        if not self.open or self._successor is not None or free is None:
            return []
        self._successor = free
        return self._open(free, now_ns)

    def fail(self, reason: str, now_ns: int) -> list[Effect]:
        """Give the connection up; it comes back after its back-off."""
        if self._serving is None:
            return []
        stable = self._stable(self._serving, now_ns)
        given_up = [slot for slot in (self._serving, self._successor) if slot is not None]
        effects: list[Effect] = [self._close(slot, reason, now_ns) for slot in given_up]
        self._serving = self._successor = None
        self.last_reason = reason[:REASON_CHARS_MAX]
        self._reopen_later(stable, now_ns)
        return effects

    def end(self, now_ns: int) -> list[Effect]:
        """Close for good."""
        effects = self.fail("stopping", now_ns)
        self._due_ns = None
        return effects

    def _watch(self, serving: Slot, now_ns: int) -> list[Effect]:
        silent_ns = self.silent_ns(now_ns)
        if silent_ns >= self.patience.silence_ms * NS_PER_MS:
            return self.fail(f"silent for {silent_ns // NS_PER_MS} ms", now_ns)
        successor = self._successor
        if successor is not None:
            if successor.state is State.OPEN and now_ns - successor.since_ns >= HANDOVER_MS * NS_PER_MS:
                self._promote(now_ns)
                return [self._close(serving, "replaced", now_ns)]
        elif 0 < self._replace_ns <= now_ns:
            return self.replace(now_ns)
        ping_ns = self.patience.ping_ms * NS_PER_MS
        if self._ping and silent_ns >= ping_ns and now_ns - self._pinged_ns >= ping_ns:
            self._pinged_ns = now_ns
            return [Send(serving.wire, self._ping)]
        return []

    def _overdue(self, slot: Slot, now_ns: int) -> list[Effect]:
        age_ns = now_ns - slot.since_ns
        if slot.state is State.CLOSING and age_ns >= CLOSE_MAX_MS * NS_PER_MS:
            slot.state = State.IDLE
        if slot.state is not State.OPENING or age_ns < OPEN_MAX_MS * NS_PER_MS:
            return []
        if slot is self._serving:
            return self.fail("no connection in time", now_ns)
        self._successor = None
        self._replace_ns = now_ns + REPLACE_RETRY_MS * NS_PER_MS
        return [self._close(slot, "no connection in time", now_ns)]

    def _promote(self, now_ns: int) -> None:
        self._serving, self._successor = self._successor, None
        self._plan_successor(now_ns)

    def _plan_successor(self, now_ns: int) -> None:
        # The random part keeps the connections of one process from being renewed all at once.
        lifetime_ns = self.patience.lifetime_ms * NS_PER_MS
        self._replace_ns = now_ns + int(lifetime_ns * self._random.uniform(0.95, 1.0)) if lifetime_ns else 0

    def _open(self, slot: Slot, now_ns: int) -> list[Effect]:
        slot.state, slot.since_ns = State.OPENING, now_ns
        return [Open(slot.wire, self.url)]

    def _close(self, slot: Slot, reason: str, now_ns: int) -> Close:
        slot.state, slot.since_ns = State.CLOSING, now_ns
        return Close(slot.wire, reason)

    def _stable(self, slot: Slot, now_ns: int) -> bool:
        return slot.state is State.OPEN and now_ns - slot.since_ns >= STABLE_MS * NS_PER_MS

    def _reopen_later(self, stable: bool, now_ns: int) -> None:
        if stable:
            self._attempts = 0
        step_ms = min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * BACK_OFF_GROWTH ** min(self._attempts, 10))
        self._attempts += 1
        self._due_ns = now_ns + int(step_ms * NS_PER_MS * self._random.uniform(BACK_OFF_LEAST, 1.0))

    def _free(self) -> Slot | None:
        return next((slot for slot in self._slots if slot.state is State.IDLE), None)

    def _slot(self, wire: str) -> Slot:
        return self._slots[0] if wire == self._slots[0].wire else self._slots[1]
