"""Doing something again until nothing is left to do: with pauses that grow, and a word to people when it goes on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from common.events import AlertLevel

from quoter.venues.base import Trouble
from quoter.venues.conversation import Backoff, Pause, Script

ROUNDS_TOLD = 5
"""People are told after so many rounds, and again after as many more."""
ROUNDS_MAX = 12
"""Rounds of a recovery after which it is given up; the connection is made anew."""


def rounds(once: Callable[[], Script[str]], pauses: Backoff, kind: str, most: int = 0) -> Script[bool]:
    """Do a round until it says that nothing is left ("" and not what is), at most so often where `most` is not 0.

    Returns whether it came to an end; people are told of one that does not under a kind of alert.
    """
    for number in count(1):
        left = yield from once()
        if not left:
            return True
        if number % ROUNDS_TOLD == 0 or number == most:
            yield Trouble(AlertLevel.CRITICAL, kind, f"no end after {number} rounds: {left}"[:400])
        if number == most:
            return False
        yield Pause(pauses.next_ms())
    raise AssertionError("counting has no end")
