"""Coins of the ledger's lines as the venue shows them: as cash of a currency, whichever symbols they were bought by.

The ledger has a line for each symbol that a bot trades and what the account had besides as cash of the currency; the
venue has one balance. What a symbol buys is said by its market.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, Protocol

from common.events import AccountState
from common.instruments import Outcome, quantity_of

from risk.binary.settlement import Markets
from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO, Line


class Moved(Protocol):
    """An entry that the snapshot does not contain yet."""

    @property
    def symbol(self) -> str: ...

    @property
    def lots(self) -> tuple[tuple[Outcome, int], ...]: ...


class Coins(NamedTuple):
    """What of a snapshot's currencies is in lines of the ledger, as of the snapshot."""

    by_currency: dict[str, Decimal]
    symbols: frozenset[str]
    """Symbols whose lots are counted there, and so not compared as holdings."""
    unknown: frozenset[str]
    """Symbols held of which nobody has said yet what they buy: the snapshot cannot be judged."""


def coins_in(ledger: Ledger, markets: Markets, snapshot: AccountState, later: Iterable[Moved]) -> Coins:
    """Return the coins of the account's lines that a snapshot shows as balances; `later` is taken off again."""
    currencies = {balance.currency for balance in snapshot.balances}
    held_as_lots = {holding.instrument.symbol for holding in snapshot.holdings}
    by_currency: dict[str, Decimal] = {}
    lot_sizes: dict[str, tuple[str, Decimal]] = {}
    unknown: set[str] = set()
    for line in _plain_lines(ledger, snapshot):
        symbol = line.key.symbol
        base = "" if symbol in held_as_lots else markets.base_of(snapshot.venue, symbol)
        if base in currencies:
            by_currency[base] = by_currency.get(base, ZERO) + line.quantity
            lot_sizes[symbol] = base, line.lot_size
        elif not base and symbol not in held_as_lots and markets.get(snapshot.venue, symbol) is None:
            unknown.add(symbol)
    for move in later:
        if move.symbol in lot_sizes:
            base, lot_size = lot_sizes[move.symbol]
            by_currency[base] -= quantity_of(sum(lots for _, lots in move.lots), lot_size)
    return Coins(by_currency, frozenset(lot_sizes), frozenset(unknown))


def _plain_lines(ledger: Ledger, snapshot: AccountState) -> Iterable[Line]:
    """Yield the account's lines of what has no outcomes."""
    for key, line in ledger.lines.items():
        if key.outcome is Outcome.NONE and (key.account, key.venue) == (snapshot.account, snapshot.venue):
            yield line
