"""When two people stand for a correction of the books: checked where it is approved and where it is booked."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from common.events import Adjustment, AdjustmentState

PROPOSAL_LIFE_S = 24 * 3600
"""A proposal that nobody has approved for this long is void: what it corrects may have changed."""
CASH_MAX = Decimal(10) ** 9
CASH_DECIMALS_MAX = {"USD": 6}
OTHER_DECIMALS_MAX = 8
"""Of a currency that is not listed."""
LOTS_MAX = 10**9
REASON_CHARS_MAX = 300
UNASSIGNED = "unassigned"
"""Books of the account itself, of no bot."""
_NS = 1_000_000_000


def fault_in_content(adjustment: Adjustment) -> str:
    """Return 'field: rule' for what cannot be booked whoever approves it, '' when it can."""
    cash = adjustment.cash
    exponent = cash.as_tuple().exponent
    decimals_max = CASH_DECIMALS_MAX.get(adjustment.currency, OTHER_DECIMALS_MAX)
    if not isinstance(exponent, int) or abs(cash) > CASH_MAX or -exponent > decimals_max:
        return f"cash: must be at most {CASH_MAX} either way, with at most {decimals_max} decimals"
    if max(abs(adjustment.yes_lots), abs(adjustment.no_lots), abs(adjustment.lots)) > LOTS_MAX:
        return f"yes_lots, no_lots, lots: must be at most {LOTS_MAX} either way"
    moves_shares = bool(adjustment.yes_lots or adjustment.no_lots)
    if moves_shares and adjustment.lots:
        return "lots: must be 0 beside yes_lots and no_lots: what has outcomes has no other position"
    moves_lots = moves_shares or bool(adjustment.lots)
    if not (cash or moves_lots):
        return "cash: must not be 0 where no shares change"
    if moves_lots != bool(adjustment.symbol):
        return "symbol: must be named where shares change, and only there"
    if not 1 <= len(adjustment.reason) <= REASON_CHARS_MAX:
        return f"reason: must have 1 to {REASON_CHARS_MAX} characters"
    return ""


def fault_in_approval(proposal: Adjustment, by: str, now_ns: int) -> str:
    """Return why somebody may not approve a proposal now, '' when he may."""
    if proposal.state is not AdjustmentState.PROPOSED:
        return f"it is {proposal.state.value} already"
    if not by or by == proposal.proposed_by:
        return "who proposed it may not approve it: another person must"
    age_s = (now_ns - proposal.proposed_ns) / _NS
    if age_s > PROPOSAL_LIFE_S:
        return f"it is {age_s / 3600:.0f} h old, and void after {PROPOSAL_LIFE_S // 3600} h: propose it again"
    return ""


def fault_in_approved(adjustment: Adjustment) -> str:
    """Return why an approved adjustment is not one that two people stand for, '' when it is."""
    if adjustment.decided_ns < adjustment.proposed_ns:
        return "it was approved before it was proposed"
    proposal = replace(adjustment, state=AdjustmentState.PROPOSED)
    return fault_in_content(adjustment) or fault_in_approval(proposal, adjustment.decided_by, adjustment.decided_ns)


def said(adjustment: Adjustment) -> str:
    """Return an adjustment in words: 'mm1: -12.50 USD, +10 YES of BTC-5M-1, books of bot 1 (missing fee)'."""
    moved = [f"{adjustment.cash:+f} {adjustment.currency}"] if adjustment.cash else []
    for outcome, lots in (("YES", adjustment.yes_lots), ("NO", adjustment.no_lots)):
        if lots:
            moved.append(f"{lots:+d} {outcome} of {adjustment.symbol}")
    if adjustment.lots:
        moved.append(f"{adjustment.lots:+d} lots of {adjustment.symbol}")
    books = "the account's books" if adjustment.algo_id == UNASSIGNED else f"books of bot {adjustment.algo_id}"
    return f"{adjustment.account}: {', '.join(moved)}, {books} ({adjustment.reason})"
