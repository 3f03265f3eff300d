"""What trades change in the figures that hedgers watch: of open hedges by sign, before any of them decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from common.events import BOT_SCOPE

from risk.hedging.amounts import ZERO, Touch, change_by, change_in_term
from risk.hedging.terms import Hedger


class Figure(NamedTuple):
    """A position or an exposure, in units of its currency."""

    value: Decimal | None
    """None where it cannot be said."""
    why: str = ""
    """Why it cannot, for people."""


class Traded(NamedTuple):
    """A quantity that may be traded for a scope."""

    scope: str
    base: str
    term: str
    venues: frozenset[str]
    """Where it may be traded."""
    quantity: Decimal
    """Signed, above 0 to buy, in units of the base currency."""


class Change(NamedTuple):
    """What a trade changes in a figure, in units of its currency."""

    amount: Decimal
    certain: bool = True
    """False where it may as well be traded somewhere that does not count."""


NO_CHANGE = Change(ZERO)

Touches = Mapping[tuple[str, str], Touch]
"""Best prices now, by base and term."""


def change_of(watching: Hedger, traded: Traded, touches: Touches) -> Change | str:
    """Return what a trade changes in a hedger's figure; a text where no price says how much that is."""
    scope = watching.scope
    own = traded.scope == scope.name
    if scope.of_bot:
        if not own:
            return NO_CHANGE
        in_term = watching.in_term
    else:
        if scope.currency not in (traded.base, traded.term):
            return NO_CHANGE
        if scope.algo_id and not own and traded.scope != BOT_SCOPE + scope.algo_id:
            return NO_CHANGE
        if scope.venue and scope.venue not in traded.venues:
            return NO_CHANGE
        in_term = scope.currency != traded.base
    certain = not scope.venue or traded.venues == {scope.venue}
    if not in_term:
        return Change(change_by(traded.quantity, watching.factor), certain)
    touch = touches.get((traded.base, traded.term))
    if touch is None:
        return f"no price of {traded.base}/{traded.term}, in which {traded.scope} has a hedge open"
    return Change(change_in_term(traded.quantity, watching.factor, touch), certain)


def with_open(watching: Hedger, figure: Figure, open_trades: Iterable[Traded], touches: Touches) -> Figure:
    """Return a figure as it will be when open hedges are executed.

    What may be traded where it does not count is taken to count only where it reduces the figure: nothing is then
    hedged for it twice.
    """
    value = figure.value
    if value is None:
        return figure
    uncertain = []
    for traded in open_trades:
        change = change_of(watching, traded, touches)
        if isinstance(change, str):
            return Figure(None, change)
        if change.certain:
            value += change.amount
        else:
            uncertain.append(change.amount)
    for amount in sorted(uncertain):
        if amount * value < 0:
            value += max(amount, -value) if value > 0 else min(amount, -value)
    return Figure(value)
