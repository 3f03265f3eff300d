"""Trouble that lasts: told once when it has lasted, told once when it is over."""

from __future__ import annotations

from enum import Enum


class Turn(Enum):
    """What there is to tell of an episode now."""

    BEGUN = "begun"
    ENDED = "ended"


class Episode:
    """Something that is so or not, told when it has been so for a time, and when it has not been so for that time."""

    __slots__ = ("_since_ns", "after_ns", "told")

    def __init__(self, after_ns: int) -> None:
        self.after_ns = after_ns
        self._since_ns: int | None = None
        self.told = False
        """True from the telling of the begin to that of the end."""

    def see(self, so: bool, now_ns: int) -> Turn | None:
        """Take in how it is now; return what is to be told, mostly nothing."""
        if so == self.told:
            self._since_ns = None
            return None
        if self._since_ns is None:
            self._since_ns = now_ns
        if now_ns - self._since_ns < self.after_ns:
            return None
        self.told, self._since_ns = so, None
        return Turn.BEGUN if so else Turn.ENDED
