"""A second opinion: what a venue's REST interface says about prices must agree with what its stream told us."""

from __future__ import annotations

from dataclasses import dataclass

from common.clock import NS_PER_MS

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
        opinion.asked, opinion.low, opinion.high = True, 0.0, 0.0
        return True

    def sample(self, symbol: str, bid: float, ask: float) -> None:
        """Remember our prices while a question is open."""
        opinion = self._opinions[symbol]
        if not (opinion.asked or opinion.check is not None):
            return
        low, high = bid or ask, ask or bid
        if low:
            opinion.low = min(opinion.low, low) if opinion.low else low
            opinion.high = max(opinion.high, high)

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

    def judge(self, symbol: str, sequence: int, now_ns: int) -> bool | None:
        """Return whether the stream agrees, once that can be said; `sequence` is the stream's own count."""
        opinion = self._opinions[symbol]
        check = opinion.check
        if check is None:
            return None
        if check.sequence:
            if sequence < check.sequence and now_ns < opinion.judged_ns:
                return None
            agrees = sequence >= check.sequence
        else:
            if now_ns < opinion.judged_ns:
                return None
            agrees = _within(check, opinion.low, opinion.high)
        opinion.check = None
        opinion.failures = 0 if agrees else opinion.failures + 1
        opinion.due_ns = now_ns + (CHECK_EVERY_MS if agrees else RECHECK_MS) * NS_PER_MS
        return agrees


def _within(check: Check, low: float, high: float) -> bool:
    if not (check.bid or check.ask):
        return True
    if not low:
        return False
    room = high * PRICE_TOLERANCE
    return (not check.bid or low - room <= check.bid <= high + room) and (
        not check.ask or low - room <= check.ask <= high + room
    )
