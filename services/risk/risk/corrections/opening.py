"""What the books begin with: what an account held before the first entry, or what no entry of a new FILL explains.

Only a first start may take what the venue shows for an opening deposit by itself. Where FILL began anew, a person has
resumed and answers for what cannot be told from the venue's fills: the entries say so, and in whose name.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from common.events import InstrumentKey, InstrumentMove, Posting, PostingKind

from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO, total
from risk.monitoring.reconcile import Verdict
from risk.monitoring.watch import UNASSIGNED

REASON_CHARS_MAX = 300
FIRST_REASON = "cash held before the first entry of the ledger in its currency"


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
    assert verdict.deposits is not None, "asked for what a verdict found"
    if opening.generation == 1 or verdict.currency not in verdict.deposits:
        # The venue has shown a currency for the first time; what the account counts in has been opened before.
        for currency, cash in verdict.deposits.items():
            yield _deposit(verdict, f"opening:{currency}", currency, cash, FIRST_REASON, now_ns)
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
            entry_id=f"resumed:{opening.generation}:{held.algo_id}:{held.symbol}",
            kind=PostingKind.ADJUSTMENT,
            venue=verdict.venue,
            moves=held.leaving,
            cash={verdict.currency: held.cost},
            reason=f"the venue no longer shows this market; {told}"[:REASON_CHARS_MAX],
            ts_event_ns=now_ns,
            ts_received_ns=now_ns,
        )
    reason = f"cash that no entry of FILL explains; {told}"[:REASON_CHARS_MAX]
    for currency, cash in verdict.deposits.items():
        own = cash - carried if currency == verdict.currency else cash
        yield _deposit(verdict, f"resumed:{opening.generation}:{currency}", currency, own, reason, now_ns)


class _Held(NamedTuple):
    """What is held of one market."""

    algo_id: str
    symbol: str
    leaving: list[InstrumentMove]
    """What takes all of it out of the books."""
    cost: Decimal


def _unshown(ledger: Ledger, verdict: Verdict) -> Iterator[_Held]:
    for key, lines in ledger.markets().items():
        ours = (key.account, key.venue, lines[0].currency) == (verdict.account, verdict.venue, verdict.currency)
        if ours and key.symbol not in verdict.shown and any(line.lots for line in lines):
            leaving = [
                InstrumentMove(InstrumentKey(key.venue, key.symbol, line.key.outcome), -line.lots)
                for line in lines
                if line.lots
            ]
            yield _Held(key.algo_id, key.symbol, leaving, total(line.cost for line in lines))


def opened_in_words(posting: Posting) -> str:
    """Return what the books were opened with, for people."""
    lots = [f"{move.lots} {move.instrument.outcome.upper()}" for move in posting.moves]
    moved = ", ".join([*lots, *(f"cash {cash:f}" for cash in posting.cash.values())])
    return f"account {posting.account}, {posting.symbol or posting.currency}: {moved}: {posting.reason}"


def _deposit(verdict: Verdict, entry_id: str, currency: str, cash: Decimal, reason: str, now_ns: int) -> Posting:
    return Posting(
        account=verdict.account,
        algo_id=UNASSIGNED,
        entry_id=entry_id,
        kind=PostingKind.DEPOSIT,
        venue=verdict.venue,
        cash={currency: cash},
        reason=reason,
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
