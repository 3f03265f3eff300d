"""Corrections of the books that two people stand for: each becomes one posting, booked once, whatever is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from common.adjustments import fault_in_approved
from common.adjustments import said as in_words
from common.events import Adjustment, AdjustmentState, Fill, InstrumentKey, InstrumentMove, Posting, PostingKind
from common.instruments import InstrumentKind, Outcome
from msgspec.structs import replace

from risk.binary.settlement import Markets
from risk.ledger.books import Ledger
from risk.ledger.entries import fault_in, fingerprint
from risk.ledger.positions import ONE, MarketKey
from risk.ledger.seen import IDENTITY_BYTES

WAITING_MAX = 1_000
"""Approved adjustments that are not in the ledger yet."""


class Unfit(NamedTuple):
    """An approved adjustment that is not booked, and why."""

    adjustment: Adjustment
    fault: str

    def in_words(self) -> str:
        return f"adjustment {self.adjustment.adjustment_id} is not booked: {self.fault}; {in_words(self.adjustment)}"


class Adjustments:
    """What was approved and is not booked yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, Adjustment] = {}
        """By the id of the posting that each becomes."""

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, adjustment: Adjustment) -> None:
        """Take an approved adjustment in hand until it is booked or found unfit for the books."""
        if adjustment.state is AdjustmentState.APPROVED:
            self._waiting[posting_of(adjustment).message_id()] = adjustment
            if len(self._waiting) > WAITING_MAX:
                del self._waiting[next(iter(self._waiting))]

    def due(self, ledger: Ledger, markets: Markets) -> Iterator[Posting | Unfit]:
        """Yield the posting of each adjustment that is not in the ledger yet, and once each that must not get there."""
        for posting_id, adjustment in list(self._waiting.items()):
            posting = posting_of(adjustment)
            if is_booked(posting, ledger):
                del self._waiting[posting_id]
                continue
            fault = fault_in_approved(adjustment) or fault_in(posting) or _fault_in_line(adjustment, ledger, markets)
            if fault:
                del self._waiting[posting_id]
                yield Unfit(adjustment, fault)
            else:
                yield _with_terms(posting, ledger, markets)

    def ended(self, event: Fill | Posting) -> Adjustment | None:
        """Let go of the adjustment whose posting came back through FILL, booked or disputed, and return it."""
        return self._waiting.pop(event.message_id(), None)


def posting_of(adjustment: Adjustment) -> Posting:
    """Return the one posting an adjustment becomes; its id makes a repeat count once."""
    lots = (
        (Outcome.YES, adjustment.yes_lots),
        (Outcome.NO, adjustment.no_lots),
        (Outcome.NONE, adjustment.lots),
    )
    moves = [
        InstrumentMove(InstrumentKey(adjustment.venue, adjustment.symbol, outcome), moved)
        for outcome, moved in lots
        if moved
    ]
    return Posting(
        account=adjustment.account,
        algo_id=adjustment.algo_id,
        entry_id=f"adjustment:{adjustment.adjustment_id}",
        kind=PostingKind.ADJUSTMENT,
        venue=adjustment.venue,
        moves=moves,
        cash={adjustment.currency: adjustment.cash},
        reason=f"{adjustment.reason} (proposed by {adjustment.proposed_by}, approved by {adjustment.decided_by})",
        ts_event_ns=adjustment.decided_ns,
        ts_received_ns=adjustment.decided_ns,
    )


def _with_terms(posting: Posting, ledger: Ledger, markets: Markets) -> Posting:
    """Return a posting that says what a lot is where nothing of its market is held yet, and a lot is not one unit."""
    market = markets.get(posting.venue, posting.symbol)
    if market is None or ledger.lines_in(_market_of(posting)) or (market.lot_size, market.multiplier) == (ONE, ONE):
        return posting
    terms = {"lot_size": market.lot_size, "multiplier": market.multiplier}
    return replace(posting, moves=[replace(move, **terms) for move in posting.moves])


def _market_of(entry: Adjustment | Posting) -> MarketKey:
    return MarketKey(entry.algo_id, entry.account, entry.venue, entry.symbol)


def is_booked(posting: Posting, ledger: Ledger) -> bool:
    return ledger.seen.content_of(fingerprint(posting)[:IDENTITY_BYTES]) is not None


def booked_in_words(adjustment: Adjustment) -> str:
    people = f"proposed by {adjustment.proposed_by}, approved by {adjustment.decided_by}"
    return f"adjustment {adjustment.adjustment_id} booked: {in_words(adjustment)}; {people}"


def _fault_in_line(adjustment: Adjustment, ledger: Ledger, markets: Markets) -> str:
    """Return why the ledger would dispute a change of shares: what a lot of them is worth must be known."""
    if not adjustment.symbol:
        return ""
    lines = ledger.lines_in(_market_of(adjustment))
    if lines and lines[0].currency != adjustment.currency:
        return f"currency: {adjustment.symbol} is held in {lines[0].currency}"
    if lines and adjustment.no_lots and lines[0].key.outcome is Outcome.NONE:
        return f"no_lots: {adjustment.symbol} has no outcomes, so it has no NO shares"
    if lines and adjustment.lots and lines[0].key.outcome is not Outcome.NONE:
        return f"lots: {adjustment.symbol} has outcomes, say yes_lots or no_lots"
    if lines:
        return ""
    market = markets.get(adjustment.venue, adjustment.symbol)
    if market is None:
        return f"symbol: {adjustment.symbol} is neither held nor a market of {adjustment.venue} that is known"
    if market.currency != adjustment.currency:
        return f"currency: {adjustment.symbol} is traded in {market.currency}"
    binary = market.kind is InstrumentKind.BINARY
    if binary and adjustment.lots:
        return f"lots: {adjustment.symbol} has outcomes, say yes_lots or no_lots"
    if not binary and not adjustment.lots:
        return f"lots: {adjustment.symbol} has no outcomes, say lots"
    return ""
