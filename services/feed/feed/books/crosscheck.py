"""A second opinion: what a venue's REST interface says about prices must agree with what its stream told us.

Either may be wrong. The stream loses a change, or stays open and dead; REST answers from a cache, or with a ghost: an
almost empty book around the true one, seen for hours. So a contradiction is asked about twice; then the stream has to
bring its book anew; and when REST still contradicts that fresh book, REST is alone and is not believed for a while,
provided that the stream is alive and that being late cannot explain it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from common.clock import NS_PER_MS, NS_PER_S

from feed.messages import Check

CHECK_EVERY_MS = 10_000
RECHECK_MS = 2_000
"""A symbol that failed is asked about again this soon."""
GRACE_MS = 2_000
"""Time the stream has to catch up with an answer, and how far around the question its prices are remembered."""
PRICE_TOLERANCE = 0.001
"""Share of the price by which an answer may leave the range of our prices around it."""
DISPROVED_AT = 2
"""Failures in a row that disprove a symbol: one may be an answer from a cache."""
LIVING_CHANGES = 3
"""Changes of a book between question and verdict that show its stream to be alive."""
OLD_ANSWER_NS = 2 * NS_PER_S
"""An answer stamped so much before our book was, is older than our book and contradicts nothing."""
DISTRUST_MAX_NS = 600 * NS_PER_S
"""After so long REST has to be outvoted anew."""


class Verdict(Enum):
    """What a cross-check comes to."""

    OPEN = "open"
    """Nothing can be said yet."""
    AGREES = "agrees"
    DISAGREES = "disagrees"
    ALONE = "alone"
    """REST contradicts a stream that is alive and has just brought its book anew."""


class Ours(NamedTuple):
    """What our copy of a book says of itself."""

    sequence: int = 0
    """The stream's own count of updates, 0 where it has none."""
    changes: int = 0
    """Snapshots and changes applied so far."""
    ts_event_ns: int = 0
    """Venue's stamp of the last of them; 0 where it gives none."""


@dataclass(slots=True)
class Opinion:
    """One symbol's cross-check."""

    due_ns: int = 0
    failures: int = 0
    asked: bool = False
    check: Check | None = None
    judged_ns: int = 0
    """When the verdict on `check` is due."""
    low: float = 0.0
    high: float = 0.0
    """Range of our prices since the question; 0 while there was none."""
    changes: int = -1
    """Our changes when the question was asked; -1 before our prices were first remembered."""
    trades: tuple[float, ...] = ()
    """The last trades at our prices since the question."""
    distrusted_ns: int | None = None
    """Since when REST is not believed about this symbol."""


TRADES_MAX = 5


class CrossCheck:
    """Compare symbols in turn.

    Where the stream counts its updates, its count must reach the answer's within the grace time; that is exact and
    also holds in a quiet market. Elsewhere the answer's best prices must lie in the range our own had around it.
    """

    def __init__(self) -> None:
        self._opinions: dict[str, Opinion] = {}

    def follow(self, symbol: str, now_ns: int) -> None:
        """Begin to check a symbol; symbols are spread over the interval by their number."""
        slot_ms = (len(self._opinions) * 331) % CHECK_EVERY_MS
        self._opinions[symbol] = Opinion(due_ns=now_ns + (GRACE_MS + slot_ms) * NS_PER_MS)

    def forget(self, symbol: str) -> None:
        """Check it no more."""
        self._opinions.pop(symbol, None)

    def restart(self, symbol: str, now_ns: int) -> None:
        """Drop a check under way: the stream has just begun again. Earlier failures stay until disproved."""
        opinion = self._opinions[symbol]
        opinion.asked, opinion.check = False, None
        opinion.due_ns = now_ns + RECHECK_MS * NS_PER_MS

    def failures(self, symbol: str) -> int:
        """Return the failures in a row."""
        opinion = self._opinions.get(symbol)
        return opinion.failures if opinion else 0

    def disproved(self, symbol: str) -> bool:
        """Say whether REST contradicts the stream."""
        return self.failures(symbol) >= DISPROVED_AT

    def due(self, symbol: str, now_ns: int) -> bool:
        """Say whether to ask about a symbol now; the caller then asks."""
        opinion = self._opinions[symbol]
        if opinion.asked or opinion.check is not None or now_ns < opinion.due_ns:
            return False
        opinion.asked, opinion.low, opinion.high, opinion.changes, opinion.trades = True, 0.0, 0.0, -1, ()
        return True

    def sample(self, symbol: str, bid: float, ask: float, changes: int = 0) -> None:
        """Remember our prices while a question is open."""
        opinion = self._opinions[symbol]
        if not (opinion.asked or opinion.check is not None):
            return
        if opinion.changes < 0:
            opinion.changes = changes
        low, high = bid or ask, ask or bid
        if low:
            opinion.low = min(opinion.low, low) if opinion.low else low
            opinion.high = max(opinion.high, high)

    def on_trade(self, symbol: str, price: float) -> None:
        """Remember a trade at one of our prices while a question is open: the third witness."""
        opinion = self._opinions.get(symbol)
        if opinion is None or not opinion.low:
            return
        room = opinion.high * PRICE_TOLERANCE
        if opinion.low - room <= price <= opinion.high + room:
            opinion.trades = (*opinion.trades, price)[-TRADES_MAX:]

    def on_answer(self, symbol: str, check: Check | None, now_ns: int) -> None:
        """Take in the answer; None when there was none, which proves nothing."""
        opinion = self._opinions.get(symbol)
        if opinion is None or not opinion.asked:
            return
        opinion.asked = False
        opinion.check = check
        opinion.judged_ns = now_ns + GRACE_MS * NS_PER_MS
        if check is None:
            opinion.due_ns = now_ns + CHECK_EVERY_MS * NS_PER_MS

    def judge(self, symbol: str, ours: Ours, now_ns: int) -> Verdict:
        """Return whether the stream agrees, once that can be said."""
        opinion = self._opinions[symbol]
        check = opinion.check
        if check is None:
            return Verdict.OPEN
        if check.sequence:
            if ours.sequence < check.sequence and now_ns < opinion.judged_ns:
                return Verdict.OPEN
            agrees = ours.sequence >= check.sequence
        else:
            if now_ns < opinion.judged_ns:
                return Verdict.OPEN
            agrees = _within(check, opinion.low, opinion.high) or _older(check, ours)
        opinion.check = None
        if agrees:
            opinion.failures, opinion.distrusted_ns = 0, None
            opinion.due_ns = now_ns + CHECK_EVERY_MS * NS_PER_MS
            return Verdict.AGREES
        alone = _alone(opinion, check, ours)
        if opinion.distrusted_ns is not None and not (alone and now_ns - opinion.distrusted_ns < DISTRUST_MAX_NS):
            opinion.distrusted_ns = None
        if opinion.distrusted_ns is None and alone and opinion.failures >= DISPROVED_AT:
            opinion.distrusted_ns = now_ns
        if opinion.distrusted_ns is not None:
            opinion.failures = 0
            opinion.due_ns = now_ns + CHECK_EVERY_MS * NS_PER_MS
            return Verdict.ALONE
        opinion.failures += 1
        opinion.due_ns = now_ns + RECHECK_MS * NS_PER_MS
        return Verdict.DISAGREES


def _alone(opinion: Opinion, check: Check, ours: Ours) -> bool:
    """Say whether the stream is alive and its being late cannot explain what REST says."""
    if check.sequence or not opinion.low:
        return False
    lives = ours.changes - opinion.changes >= LIVING_CHANGES
    room = opinion.high * PRICE_TOLERANCE
    quotes = (check.bid, check.ask)
    traded = any(all(abs(price - quote) > room for quote in quotes) for price in opinion.trades)
    if check.bid < opinion.low and not 0.0 < check.ask <= opinion.high:
        # It stands around our book: prices we are late for would lie to one side of ours.
        return lives or traded
    return lives and traded and 0 < check.ts_event_ns <= ours.ts_event_ns


def _older(check: Check, ours: Ours) -> bool:
    return 0 < check.ts_event_ns < ours.ts_event_ns - OLD_ANSWER_NS


def _within(check: Check, low: float, high: float) -> bool:
    if not (check.bid or check.ask):
        return True
    if not low:
        return False
    room = high * PRICE_TOLERANCE
    return (not check.bid or low - room <= check.bid <= high + room) and (
        not check.ask or low - room <= check.ask <= high + room
    )
