"""What the books begin with: what an account held before the first entry, or what no entry of a new FILL explains.

Only a first start may take what the venue shows for an opening deposit by itself. Where FILL began anew, a person has
resumed and answers for what cannot be told from the venue's fills: the entries say so, and in whose name.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from common.events import Posting, PostingKind

from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO, published
from risk.monitoring.reconcile import Verdict
from risk.monitoring.watch import UNASSIGNED

REASON_CHARS_MAX = 300
FIRST_REASON = "cash held before the first entry of the ledger"


class Opening(NamedTuple):
    """Of which generation of the stores the books are, and who answers for it where that is not the first."""

    generation: int = 1
    who: str = ""
    reason: str = ""


def opening_postings(opening: Opening, ledger: Ledger, verdict: Verdict, now_ns: int) -> Iterator[Posting]:
    """Yield what brings an account's books to what the venue shows, once, before anything was deposited there.

    In a generation that a person began, shares of markets that the venue does not show any more leave at what they
    cost: how they were settled is not known. Shares that it shows and no fill explains stay a difference.
    """
    assert verdict.deposit is not None, "asked for what a verdict found"
    if opening.generation == 1:
        yield _deposit(verdict, f"opening:{verdict.currency}", verdict.deposit, FIRST_REASON, now_ns)
        return
    told = f"generation {opening.generation}, resumed"
    if opening.who:
        told += f" by {opening.who}: {opening.reason}"
    carried = ZERO
    for held in _unshown(ledger, verdict):
        carried += held.cost
        yield Posting(
            account=verdict.account,
            algo_id=held.algo_id,
            posting_id=f"resumed:{opening.generation}:{held.algo_id}:{held.symbol}",
            kind=PostingKind.ADJUSTMENT,
            venue=verdict.venue,
            symbol=held.symbol,
            yes_lots=-held.yes_lots,
            no_lots=-held.no_lots,
            cash=held.cost,
            currency=verdict.currency,
            reason=f"the venue no longer shows this market; {told}"[:REASON_CHARS_MAX],
            ts_event_ns=now_ns,
            ts_received_ns=now_ns,
        )
    reason = f"cash that no entry of FILL explains; {told}"[:REASON_CHARS_MAX]
    posting_id = f"resumed:{opening.generation}:{verdict.currency}"
    yield _deposit(verdict, posting_id, verdict.deposit - carried, reason, now_ns)


class _Held(NamedTuple):
    """What is held of one market, as a posting says it: a position without outcomes stands under YES."""

    algo_id: str
    symbol: str
    yes_lots: int
    no_lots: int
    cost: Decimal


def _unshown(ledger: Ledger, verdict: Verdict) -> Iterator[_Held]:
    for key, lines in ledger.markets().items():
        ours = (key.account, key.venue, lines[0].currency) == (verdict.account, verdict.venue, verdict.currency)
        if ours and key.symbol not in verdict.shown and any(line.lots for line in lines):
            row = published(key, lines)
            yield _Held(key.algo_id, key.symbol, row.yes_lots, row.no_lots, row.cost)


def opened_in_words(posting: Posting) -> str:
    """Return what the books were opened with, for people."""
    moved = f"{posting.yes_lots} YES, {posting.no_lots} NO, cash {posting.cash:f}"
    return f"account {posting.account}, {posting.symbol or posting.currency}: {moved}: {posting.reason}"


def _deposit(verdict: Verdict, posting_id: str, cash: Decimal, reason: str, now_ns: int) -> Posting:
    return Posting(
        account=verdict.account,
        algo_id=UNASSIGNED,
        posting_id=posting_id,
        kind=PostingKind.DEPOSIT,
        venue=verdict.venue,
        cash=cash,
        currency=verdict.currency,
        reason=reason,
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
