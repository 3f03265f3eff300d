"""The two lines of a YES/NO market together: what a posting moves of each, and what both pay when it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from common.events import Posting
from common.instruments import Outcome

from risk.ledger.positions import ZERO, Line, Move, part_of


def moves_of(posting: Posting, paid: Decimal) -> list[Move]:
    """Return what a split, merge, transfer or correction moves of each outcome.

    What comes in costs the cash that went out, shared by lots; when one outcome leaves and the other comes in, the
    cash belongs to the one that leaves.
    """
    yes_lots, no_lots = posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO)
    if yes_lots * no_lots >= 0:
        yes_paid = part_of(paid, abs(yes_lots), abs(yes_lots) + abs(no_lots))
    else:
        yes_paid = paid if yes_lots < 0 else ZERO
    moves = (Move(Outcome.YES, yes_lots, yes_paid), Move(Outcome.NO, no_lots, paid - yes_paid))
    return [move for move in moves if move.lots]


def payout_of(lines: Sequence[Line], settlement: Posting) -> Decimal:
    """Return the cash that a settlement pays for what is held; ValueError when the market has no outcomes."""
    if any(line.key.outcome is Outcome.NONE for line in lines):
        raise ValueError(f"symbol: {settlement.symbol} has no outcomes, so there is nothing to settle")
    return sum((line.payout(settlement.payout_of(line.key.outcome)) for line in lines), start=ZERO)


def lots_of(lines: Sequence[Line], outcome: Outcome) -> int:
    """Return the lots of one outcome, 0 where it has no line."""
    return next((line.lots for line in lines if line.key.outcome is outcome), 0)


def net_lots(lines: Sequence[Line]) -> int:
    """Return YES less NO: what is left when pairs are taken away."""
    return lots_of(lines, Outcome.YES) - lots_of(lines, Outcome.NO)
