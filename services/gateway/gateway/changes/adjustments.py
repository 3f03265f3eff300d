"""Corrections of the books that people propose, approve and reject: the latest word on each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from common.adjustments import PROPOSAL_LIFE_S, said
from common.clock import NS_PER_S
from common.events import Adjustment, AdjustmentState

ADJUSTMENTS_MAX = 1_000
"""Adjustments remembered; those that are decided or void go first."""
OPEN_MAX = 50
"""Proposals that may wait for a decision at once."""


class StoredAdjustment(NamedTuple):
    """An adjustment and where its stream holds it: the decision must name this sequence."""

    adjustment: Adjustment
    sequence: int


class Adjustments:
    """Every adjustment by its id, newest last."""

    def __init__(self) -> None:
        self._words: dict[str, StoredAdjustment] = {}

    def apply(self, adjustment: Adjustment, sequence: int) -> None:
        """Take the next word on an adjustment; one older than the word already known changes nothing."""
        known = self._words.get(adjustment.adjustment_id)
        if known is not None and sequence < known.sequence:
            return
        self._words[adjustment.adjustment_id] = StoredAdjustment(adjustment, sequence)
        if len(self._words) > ADJUSTMENTS_MAX:
            decided = (each for each, word in self._words.items() if not _is_open(word.adjustment))
            del self._words[next(decided, next(iter(self._words)))]

    def get(self, adjustment_id: str) -> StoredAdjustment | None:
        return self._words.get(adjustment_id)

    def newest_first(self) -> Iterator[Adjustment]:
        return (word.adjustment for word in reversed(self._words.values()))

    def waiting(self, now_ns: int) -> list[Adjustment]:
        """Return the proposals that may still be approved."""
        return [each for each in self.newest_first() if _is_open(each) and not is_void(each, now_ns)]


def is_void(adjustment: Adjustment, now_ns: int) -> bool:
    """Say whether a proposal has waited too long for a decision."""
    return _is_open(adjustment) and now_ns - adjustment.proposed_ns > PROPOSAL_LIFE_S * NS_PER_S


def adjustment_row(adjustment: Adjustment, now_ns: int) -> dict[str, Any]:
    """Return an adjustment as people see it, money exact."""
    return {
        "adjustment_id": adjustment.adjustment_id,
        "state": "void" if is_void(adjustment, now_ns) else adjustment.state.value,
        "said": said(adjustment),
        "account": adjustment.account,
        "algo_id": adjustment.algo_id,
        "venue": adjustment.venue,
        "currency": adjustment.currency,
        "cash": f"{adjustment.cash:f}",
        "symbol": adjustment.symbol,
        "yes_lots": adjustment.yes_lots,
        "no_lots": adjustment.no_lots,
        "lots": adjustment.lots,
        "reason": adjustment.reason,
        "proposed_by": adjustment.proposed_by,
        "proposed_ns": adjustment.proposed_ns,
        "decided_by": adjustment.decided_by,
        "decided_ns": adjustment.decided_ns,
    }


def _is_open(adjustment: Adjustment) -> bool:
    return adjustment.state is AdjustmentState.PROPOSED
