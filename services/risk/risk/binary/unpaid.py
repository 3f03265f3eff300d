"""What a venue still owes for shares of decided markets: booked as cash when it was decided, paid when redeemed.

The ledger books a settlement when the market is decided: from then on the money is the account's. At some venues the
shares stay shares until somebody redeems them, for days perhaps. Until then the venue's cash is short of the ledger's
by exactly what these shares pay, and a snapshot of the account names them: as redeemable, once the venue says so
itself, and as holdings of a decided market before.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from common.events import AccountState, Holding
from common.instruments import Outcome, payout_of

from risk.binary.settlement import Markets, decision_of
from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO

UNPAID_TOLD_NS = 24 * 3600 * 1_000_000_000
"""Money that has waited this long to be redeemed causes an alert."""


class Unpaid(NamedTuple):
    """Money of the ledger that the venue has not paid yet."""

    cash: Decimal
    """In what the account counts in."""
    symbols: frozenset[str]
    """Markets whose shares the venue shows and the ledger no longer holds."""
    since_ns: int
    """When the oldest of them ended, by the venue's word; 0 when it does not say."""
    shown: dict[str, list[Holding]]
    """What the venue shows of markets the ledger holds, decided there or not, by market."""


def unpaid_in(snapshot: AccountState, ledger: Ledger, markets: Markets) -> Unpaid:
    """Return what of a snapshot is owed for markets that the ledger has settled already.

    A market is either in the ledger's lines or settled there: what the ledger still holds is compared as shares, also
    where the venue has decided it first.
    """
    held = {key.symbol for key in ledger.lines if (key.account, key.venue) == (snapshot.account, snapshot.venue)}
    cash, since_ns = snapshot.main.redeemable, 0
    symbols: set[str] = set()
    shown: dict[str, list[Holding]] = {}
    for each in snapshot.redeemable:
        if each.symbol in held:
            cash -= each.cash
            shown[each.symbol] = each.holdings
        else:
            symbols.add(each.symbol)
            since_ns = min(since_ns or each.since_ns, each.since_ns or since_ns)
    for holding in snapshot.holdings:
        symbol = holding.instrument.symbol
        market = markets.get(snapshot.venue, symbol)
        decision = decision_of(market) if market is not None and symbol not in held else None
        if market is None or decision is None:
            shown.setdefault(symbol, []).append(holding)
            continue
        per_unit = decision.no if holding.instrument.outcome is Outcome.NO else decision.yes
        cash += payout_of(holding.lots, per_unit, market.lot_size)
        symbols.add(symbol)
    return Unpaid(cash if symbols or cash else ZERO, frozenset(symbols), since_ns, shown)
