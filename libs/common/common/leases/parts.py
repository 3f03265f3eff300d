"""Leases that each let one part of a core begin by itself: what one process trades, another may have taken over."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from common.leases.lease import LeaseKeeper, LeaseState


class Next(Enum):
    """What is to be done for a part now."""

    NOTHING = "nothing"
    BEGIN = "begin"
    """Its lease is held, and its life has not begun."""
    GIVE_BACK = "give back"
    """Its core wants its lease given back: it has failed, and its next life begins under the next epoch."""
    LEAVE = "leave"
    """Another process has its lease."""


class Part:
    """One such lease: waited for, held while its part lives, lost or given back, and waited for again."""

    def __init__(self, keep: Callable[[], LeaseKeeper]) -> None:
        """`keep` makes a keeper that waits for the lease."""
        self._keep = keep
        self.keeper = keep()
        self.role, self.key = self.keeper.role, self.keeper.key
        self.begun = False
        self.doubted = False
        self.lives = 0
        """Those that are over."""

    @property
    def held(self) -> bool:
        return self.keeper.state is LeaseState.HELD

    def contends(self, *, renounced: bool) -> bool:
        """Say whether a beat is due at all: one that is renounced is not waited for."""
        return self.held or not renounced

    def next(self, *, renounced: bool) -> Next:
        """Return what is to be done; `renounced` is what the core says of it."""
        if self.keeper.state is LeaseState.LOST:
            return Next.LEAVE
        if self.held and self.begun and renounced:
            return Next.GIVE_BACK
        return Next.BEGIN if self.held and not self.begun else Next.NOTHING

    def renew(self) -> None:
        """Wait for the lease again; the life that had it is over."""
        self.keeper = self._keep()
        self.begun = self.doubted = False
        self.lives += 1
