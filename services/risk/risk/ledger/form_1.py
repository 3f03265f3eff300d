"""The ledger as the documents of form 1, in which a line was a whole market's: what a store of then is proven by.

A store of form 1 is read by folding FILL anew and saying the result in form 1: the same bytes prove that FILL is the
stream the store was made from and that nothing is booked otherwise than then. What form 1 does not tell (the fees of
each outcome, whether a YES holding is that of an instrument without outcomes) comes from FILL.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from common.instruments import Outcome

from risk.ledger.books import AccountBook, BotBook, Ledger
from risk.ledger.positions import Line, MarketKey, total
from risk.ledger.snapshot import (
    ENCODER,
    META,
    BalanceDocument,
    BotDocument,
    account_field,
    bot_field,
    line_field,
    meta_document,
    seen_field,
)

FORMAT = 1


class AccountDocument(msgspec.Struct, frozen=True):
    """One account's book."""

    account: str
    cash: list[tuple[str, Decimal]]
    account_sequence: int
    deposited: bool
    disputed: list[int]


class LineDocument(msgspec.Struct, frozen=True):
    """All holdings of one market; an instrument without outcomes stands under YES."""

    algo_id: str
    account: str
    venue: str
    symbol: str
    currency: str
    lot_size: Decimal
    multiplier: Decimal
    yes_lots: int
    yes_cost: Decimal
    no_lots: int
    no_cost: Decimal
    fees: Decimal
    fills: int
    last_sequence: int


def documents(ledger: Ledger) -> dict[str, bytes]:
    """Return the whole ledger as fields of form 1."""
    fields = {META: meta_document(ledger, FORMAT)}
    fields |= {bot_field(algo_id): _bot(ledger.bots[algo_id]) for algo_id in sorted(ledger.bots)}
    fields |= {account_field(name): _account(ledger.accounts[name]) for name in sorted(ledger.accounts)}
    fields |= {line_field(key): _line(key, lines) for key, lines in ledger.markets().items()}
    fields |= {seen_field(number): chunk for number, chunk in enumerate(ledger.seen.chunks())}
    return fields


def _bot(book: BotBook) -> bytes:
    # A rate that is not known counted as 1.
    balances = [
        BalanceDocument(
            account, currency, each.cash, each.shares, each.fees, each.profit, each.capital, each.fx_rate or Decimal(1)
        )
        for (account, currency), each in sorted(book.balances.items(), key=lambda item: item[0])
    ]
    return ENCODER.encode(BotDocument(book.algo_id, book.day, book.opening_equity, book.fills, balances))


def _account(book: AccountBook) -> bytes:
    cash = sorted(book.cash.items())
    return ENCODER.encode(
        AccountDocument(book.account, cash, book.account_sequence, book.deposited, list(book.disputed))
    )


def _line(key: MarketKey, lines: Sequence[Line]) -> bytes:
    no = [line for line in lines if line.key.outcome is Outcome.NO]
    yes = [line for line in lines if line.key.outcome is not Outcome.NO]
    return ENCODER.encode(
        LineDocument(
            *key,
            currency=lines[0].currency,
            lot_size=lines[0].lot_size,
            multiplier=lines[0].multiplier,
            yes_lots=sum(line.lots for line in yes),
            yes_cost=total(line.cost for line in yes),
            no_lots=sum(line.lots for line in no),
            no_cost=total(line.cost for line in no),
            fees=total(line.fees for line in lines),
            fills=sum(line.fills for line in lines),
            last_sequence=max(line.last_sequence for line in lines),
        )
    )
