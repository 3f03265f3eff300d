"""Doing something again until nothing is left to do: with pauses that grow, and a word to people when it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from common.clock import NS_PER_MS
from common.events import AlertLevel

from quoter.venues.base import SessionAlert
from quoter.venues.conversation import Backoff, Pause, Script

ROUNDS_TOLD = 5
"""Rounds after which there is an alert, and again after as many more."""
ROUNDS_MAX = 12
"""Rounds of a recovery after which it is given up; the connection is rebuilt."""


def asked_until_final(
    order_ids: Iterable[int],
    ask: Callable[[int, bool], Script[bool]],
    now_ns: Callable[[], int],
    pause_ms: Callable[[], float],
    *,
    final_ms: int,
    most_ms: int | None = None,
) -> Script[list[int]]:
    """Ask what became of orders until each has an answer.

    `ask` is given an order and whether its request can no longer arrive, which is so after `final_ms`: only then is it
    an answer that the venue does not know the order. It returns whether that was the answer. Returns the orders that
    have had none after `most_ms`.
    """
    since_ns = now_ns()
    left = list(dict.fromkeys(order_ids))
    while True:
        unanswered = []
        for order_id in left:
            if not (yield from ask(order_id, now_ns() - since_ns > final_ms * NS_PER_MS)):
                unanswered.append(order_id)  # noqa: PERF401  a script cannot be run in a comprehension
        left = unanswered
        if not left or (most_ms is not None and now_ns() - since_ns > most_ms * NS_PER_MS):
            return left
        yield Pause(pause_ms())


def rounds(once: Callable[[], Script[str]], pauses: Backoff, kind: str, most: int = 0) -> Script[bool]:
    """Do a round until it says that nothing is left ("" and not what is), at most so often where `most` is not 0.

    Returns whether it came to an end; one that does not causes an alert of a kind.
    """
    for number in count(1):
        left = yield from once()
        if not left:
            return True
        if number % ROUNDS_TOLD == 0 or number == most:
            yield SessionAlert(AlertLevel.CRITICAL, kind, f"no end after {number} rounds: {left}"[:400])
        if number == most:
            return False
        yield Pause(pauses.next_ms())
    raise AssertionError("counting has no end")
