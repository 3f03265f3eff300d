"""The books: a fold of the FILL stream in which every entry moves money from somewhere to somewhere, to the last digit.

Each entry is legs over five books per bot, account and currency: cash, shares at cost, fees, profit (of what was closed
or settled; a gain stands negative, as in any double entry), capital (what was paid in). The legs of an entry sum to
zero, so the books always do. What cannot be booked is kept in the chain as disputed, and its account must halt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.events import Fill, Posting, PostingKind
from common.instruments import Outcome, quantity_of

from risk.ledger import pairs
from risk.ledger.entries import Entry, Forged, StoredEntry, Uncounted, Undecodable, fault_in, fingerprint, paid_for
from risk.ledger.positions import (
    BALANCE_MAX,
    ONE,
    ZERO,
    Line,
    LineKey,
    MarketKey,
    Move,
    by_market,
    canonical,
    rounded_product,
)
from risk.ledger.seen import IDENTITY_BYTES, Seen
from risk.ledger.sides import Sides, has_sides

NS_PER_DAY = 24 * 3600 * 1_000_000_000
LINES_MAX = 40_000
"""Of instruments; a YES/NO market has two."""
BOTS_MAX = 1_000
DISPUTED_MAX = 100
"""Sequences of disputed entries remembered per account, newest last."""
GENESIS = bytes(32)


class FoldStatus(StrEnum):
    """What became of a message of the FILL stream."""

    BOOKED = "booked"
    REPEAT = "repeat"
    """Its identity is booked already: it counts once."""
    DISPUTED = "disputed"
    """Not booked: undecodable, impossible, or contradicting what is booked. A person decides."""
    FORGED = "forged"
    """Nobody who may write here has said it: its place in the stream is counted, nothing else."""
    UNCOUNTED = "uncounted"
    """It moves no money: what the store says of itself."""
    OLD = "old"
    """Its sequence is folded already; nothing changed."""


class Folded(NamedTuple):
    """What a message changed: whose books, which lines."""

    status: FoldStatus
    algo_id: str
    account: str
    lines: tuple[LineKey, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Balance:
    """The five books of one bot in one account and currency; they sum to zero."""

    cash: Decimal = ZERO
    shares: Decimal = ZERO
    fees: Decimal = ZERO
    profit: Decimal = ZERO
    capital: Decimal = ZERO
    fx_rate: Decimal | None = None
    """Account currency per unit: as stamped on the last fill, 1 in the account's own currency, None where unknown."""

    def post(
        self,
        cash: Decimal = ZERO,
        shares: Decimal = ZERO,
        fees: Decimal = ZERO,
        profit: Decimal = ZERO,
        capital: Decimal = ZERO,
    ) -> None:
        """Book one entry's legs."""
        assert cash + shares + fees + profit + capital == 0, "the legs of an entry sum to zero"
        self.cash = _bounded(self.cash + cash)
        self.shares = _bounded(self.shares + shares)
        self.fees = _bounded(self.fees + fees)
        self.profit = _bounded(self.profit + profit)
        self.capital = _bounded(self.capital + capital)

    @property
    def counts(self) -> bool:
        """Say whether anything of it can be part of a profit."""
        return bool(self.shares or self.fees or self.profit)

    @property
    def total(self) -> Decimal:
        return self.cash + self.shares + self.fees + self.profit + self.capital


def converted(amount: Decimal, fx_rate: Decimal | None) -> Decimal | None:
    """Return an amount in account currency; nothing is nothing at any rate, anything else is unknown without one."""
    if fx_rate is None:
        return None if amount else ZERO
    return rounded_product(amount, fx_rate)


def sum_known(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return a sum, None when any part of it is unknown."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _bounded(amount: Decimal) -> Decimal:
    assert abs(amount) < BALANCE_MAX, "a balance stays below 10^15"
    return canonical(amount)


@dataclass(slots=True)
class BotBook:
    """What one bot did with money."""

    algo_id: str
    day: int
    """UTC day its daily P&L counts from, in days since the epoch."""
    opening_equity: Decimal = ZERO
    fills: int = 0
    balances: dict[tuple[str, str], Balance] = field(default_factory=dict)
    """By account and currency."""

    @property
    def realized(self) -> Decimal | None:
        """Profit of everything closed or settled less all fees, in account currency, since the ledger began.

        None while some of it is in a currency whose rate is not known.
        """
        return sum_known(converted(-each.profit - each.fees, each.fx_rate) for each in self.balances.values())

    @property
    def realized_known(self) -> Decimal:
        """The part of `realized` whose rates are known, for events that cannot say that a figure is unknown."""
        known = (converted(-each.profit - each.fees, each.fx_rate) for each in self.balances.values())
        return sum((amount for amount in known if amount is not None), start=ZERO)

    @property
    def fees_known(self) -> Decimal:
        """Likewise of `fees`."""
        known = (converted(each.fees, each.fx_rate) for each in self.balances.values())
        return sum((amount for amount in known if amount is not None), start=ZERO)

    @property
    def fees(self) -> Decimal | None:
        """All fees in account currency, rebates deducted; None while some are in a currency of unknown rate."""
        return sum_known(converted(each.fees, each.fx_rate) for each in self.balances.values())

    @property
    def unrated(self) -> list[str]:
        """Currencies of what it earned or paid whose rate to the account's is not known, in order."""
        return sorted(
            {currency for (_, currency), each in self.balances.items() if each.fx_rate is None and each.counts}
        )


@dataclass(slots=True)
class AccountBook:
    """What the ledger says of one venue account, all bots together."""

    account: str
    cash: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""
    account_sequence: int = 0
    """Highest venue sequence of what is booked."""
    deposited: bool = False
    """True once any deposit is booked: before that the ledger's cash is only a change."""
    currency: str = ""
    """What the account counts in: that of its first entry, unless a fill says that this is not it; '' until known."""
    disputed: list[int] = field(default_factory=list)


class Ledger:
    """All books, lines and fingerprints after folding FILL up to `sequence`."""

    def __init__(self) -> None:
        self.sequence = 0
        self.tip = GENESIS
        """SHA-256 of the stored bytes at `sequence`: tells whether a FILL stream is the one we folded."""
        self.chain = GENESIS
        """Running hash over the stored bytes of everything booked or disputed, in order."""
        self.entries = 0
        self.repeats = 0
        self.disputes = 0
        self.holes = 0
        """Sequences the stream no longer had when it was read."""
        self.bots: dict[str, BotBook] = {}
        self.accounts: dict[str, AccountBook] = {}
        self.lines: dict[LineKey, Line] = {}
        self.sides: dict[str, Sides] = {}
        """By bot: what its quotes and its hedges have traded since its last cutoff."""
        self.seen = Seen()

    def fold(self, entry: Entry, sequence: int) -> Folded:
        """Take the stream's next message; nothing is ever taken twice and nothing is skipped."""
        if sequence <= self.sequence:
            return Folded(FoldStatus.OLD, entry.algo_id, entry.account)
        self.holes += sequence - self.sequence - 1
        self.sequence = sequence
        self.tip = hashlib.sha256(entry.data).digest()
        if isinstance(entry, Forged):
            return Folded(FoldStatus.FORGED, entry.algo_id, entry.account, reason=entry.reason)
        if isinstance(entry, Uncounted):
            return Folded(FoldStatus.UNCOUNTED, "", "")
        folded = self._take(entry)
        if folded.status is FoldStatus.REPEAT:
            self.repeats += 1
            return folded
        self.entries += 1
        self.chain = hashlib.sha256(self.chain + sequence.to_bytes(8, "big") + entry.data).digest()
        if folded.status is FoldStatus.DISPUTED:
            self.disputes += 1
            disputed = self._account(entry.account).disputed
            disputed.append(sequence)
            del disputed[:-DISPUTED_MAX]
        return folded

    def lines_of(self, algo_id: str) -> list[Line]:
        """Return a bot's lines in the order of their keys."""
        return [self.lines[key] for key in sorted(self.lines) if key.algo_id == algo_id]

    def markets(self) -> dict[MarketKey, list[Line]]:
        """Return the lines of every market in the order of the keys."""
        return by_market(self.lines[key] for key in sorted(self.lines))

    def lines_in(self, market: MarketKey) -> list[Line]:
        """Return the lines of one market, none when nothing was ever traded there or it is settled."""
        return [self.lines[key] for key in market.lines() if key in self.lines]

    def _take(self, stored: StoredEntry | Undecodable) -> Folded:
        if isinstance(stored, Undecodable):
            return Folded(FoldStatus.DISPUTED, stored.algo_id, stored.account, reason=stored.reason)
        entry = stored.event
        fault = fault_in(entry)
        if fault:
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=fault)
        told = fingerprint(entry)
        known = self.seen.content_of(told[:IDENTITY_BYTES])
        if known is not None:
            if known == told[IDENTITY_BYTES:]:
                return Folded(FoldStatus.REPEAT, entry.algo_id, entry.account)
            reason = f"{entry.message_id()} is booked with other figures"
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=reason)
        try:
            lines = self._book_fill(entry) if isinstance(entry, Fill) else self._book_posting(entry)
        except ValueError as error:
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=str(error))
        self.seen.add(told)
        return Folded(FoldStatus.BOOKED, entry.algo_id, entry.account, lines)

    # Everything that can refuse an entry comes before the first change of a book.

    def _book_fill(self, fill: Fill) -> tuple[LineKey, ...]:
        key = LineKey(fill.algo_id, fill.account, fill.venue, fill.symbol, fill.outcome)
        paid, terms = paid_for(fill), fill.instrument
        (line,) = self._lines(key.market, [fill.outcome], fill.currency, terms.lot_size, terms.multiplier)
        book = self._bot(fill.algo_id, fill.ts_received_ns or fill.ts_event_ns)
        account = self._account(fill.account)
        if fill.rate == 1:
            account.currency = account.currency or fill.currency
        cost_before = line.cost
        profit = line.stake.move(fill.side.sign * fill.quantity_lots, paid)
        balance = self._rated(book, account, fill.currency, fill.rate)
        balance.post(cash=-paid, shares=line.cost - cost_before, profit=-profit)
        self._move_cash(account, fill.currency, -paid)
        if fill.fee:
            self._rated(book, account, fill.fee_currency, fill.fee_rate).post(cash=-fill.fee, fees=fill.fee)
            self._move_cash(account, fill.fee_currency, -fill.fee)
        if fill.fee_currency == fill.currency:
            line.fees = canonical(line.fees + fill.fee)
        line.fills += 1
        line.last_sequence = self.sequence
        book.fills += 1
        account.account_sequence = max(account.account_sequence, fill.account_sequence)
        if (sides := self._sides(fill, fill.ts_received_ns or fill.ts_event_ns)) is not None:
            sides.on_fill(fill, paid)
        return (key,)

    def _book_posting(self, posting: Posting) -> tuple[LineKey, ...]:
        if posting.kind is PostingKind.SETTLEMENT:
            return self._settle(posting)
        if posting.moves_lots:
            return self._move_lots(posting)
        book = self._bot(posting.algo_id, posting.ts_event_ns)
        account = self._account(posting.account)
        if posting.kind is not PostingKind.TRANSFER:
            # Money may come in another currency than the account counts in.
            account.currency = account.currency or posting.currency
        if posting.kind is PostingKind.CUTOFF and posting.opening is None:
            day = posting.ts_event_ns // NS_PER_DAY
            if day > book.day:
                book.day, book.opening_equity = day, canonical(posting.equity)
        for currency, cash in posting.cash.items():
            balance = self._balance(book, account, currency)
            if posting.kind is PostingKind.FEE:
                balance.post(cash=cash, fees=-cash)
            elif posting.kind in (PostingKind.DEPOSIT, PostingKind.TRANSFER):
                balance.post(cash=cash, capital=-cash)
            else:
                balance.post(cash=cash, profit=-cash)
            self._move_cash(account, currency, cash)
        account.deposited |= posting.kind is PostingKind.DEPOSIT
        account.account_sequence = max(account.account_sequence, posting.account_sequence)
        if (sides := self._sides(posting, posting.ts_event_ns)) is not None:
            sides.on_posting(posting)
        return ()

    def _settle(self, posting: Posting) -> tuple[LineKey, ...]:
        """Pay out what is held now and close the lines of the market; nothing held, nothing paid."""
        lines = self.lines_in(MarketKey(posting.algo_id, posting.account, posting.venue, posting.symbol))
        if not lines:
            return ()
        currency = lines[0].currency
        if list(posting.cash) != [currency]:
            raise ValueError(f"cash: {posting.symbol} is held in {currency}, not in {', '.join(posting.cash)}")
        payout = pairs.payout_of(lines, posting)
        cost = sum((line.cost for line in lines), start=ZERO)
        balance = self.bots[posting.algo_id].balances[posting.account, currency]
        balance.post(cash=payout, shares=-cost, profit=cost - payout)
        self._move_cash(self._account(posting.account), currency, payout)
        for line in lines:
            del self.lines[line.key]
        return tuple(line.key for line in lines)

    def _move_lots(self, posting: Posting) -> tuple[LineKey, ...]:
        """Split, merge, transfer or correct: lots and cash move together, lots leave at average cost."""
        key = MarketKey(posting.algo_id, posting.account, posting.venue, posting.symbol)
        known = self.lines_in(key)
        currency = known[0].currency if known else posting.currency
        if currency not in posting.cash:
            raise ValueError(f"cash: {posting.symbol} is held in {currency}, not in {', '.join(posting.cash)}")
        if not known and len(posting.cash) > 1:
            raise ValueError(f"cash: {posting.symbol} is not held, so it must be in one currency")
        moves = self._moves(posting, known, -posting.cash[currency])
        lot_size, multiplier = (known[0].lot_size, known[0].multiplier) if known else (ONE, ONE)
        lot_size, multiplier = posting.moves[0].lot_size or lot_size, posting.moves[0].multiplier or multiplier
        lines = self._lines(key, [move.outcome for move in moves], currency, lot_size, multiplier)
        book = self._bot(posting.algo_id, posting.ts_event_ns)
        account = self._account(posting.account)
        account.currency = account.currency or currency
        balance = self._balance(book, account, currency)
        cost_before = sum((line.cost for line in lines), start=ZERO)
        profit = ZERO
        for line, move in zip(lines, moves, strict=True):
            profit += line.stake.move(move.lots, move.paid)
            line.last_sequence = self.sequence
        cost = sum((line.cost for line in lines), start=ZERO)
        balance.post(cash=posting.cash[currency], shares=cost - cost_before, profit=-profit)
        for other, cash in posting.cash.items():
            if other != currency:
                # A fee that was paid in another currency comes back with a fill that did not come to be.
                self._balance(book, account, other).post(cash=cash, fees=-cash)
            self._move_cash(account, other, cash)
        account.account_sequence = max(account.account_sequence, posting.account_sequence)
        if (sides := self._sides(posting, posting.ts_event_ns)) is not None:
            sides.on_posting(posting, quantity_of(moves[0].lots, lot_size), moves[0].paid)
        return tuple(line.key for line in lines)

    def _moves(self, posting: Posting, known: Sequence[Line], paid: Decimal) -> list[Move]:
        """Return what a posting moves of each instrument for the cash it takes; below 0 when it brings some.

        YES of what is held without outcomes is the position itself: the earlier form of a posting could not say more.
        """
        named = {move.instrument.outcome for move in posting.moves if move.lots}
        plain = any(line.key.outcome is Outcome.NONE for line in known)
        if plain and (Outcome.NO in named or posting.kind in (PostingKind.MERGE, PostingKind.SPLIT)):
            raise ValueError(f"symbol: {posting.symbol} has no outcomes, so it has no NO shares and no pairs")
        if Outcome.NONE in named and len(named) > 1:
            raise ValueError(f"moves: {posting.symbol} either has outcomes or has none")
        if plain or Outcome.NONE in named:
            return [Move(Outcome.NONE, posting.lots_of(Outcome.YES, Outcome.NONE), paid)]
        return pairs.moves_of(posting, paid)

    def _lines(
        self, market: MarketKey, outcomes: Sequence[Outcome], currency: str, lot_size: Decimal, multiplier: Decimal
    ) -> list[Line]:
        """Return the lines of some outcomes, new where there are none; ValueError when the market has other terms."""
        known = self.lines_in(market)
        if known:
            self._demand_same(known[0], outcomes, (currency, lot_size, multiplier))
        keys = [LineKey(*market, outcome) for outcome in outcomes]
        missing = [key for key in keys if key not in self.lines]
        if len(self.lines) + len(missing) > LINES_MAX:
            raise ValueError(f"symbol: the ledger already holds {LINES_MAX} lines")
        self._demand_room(market.algo_id)
        for key in missing:
            self.lines[key] = Line(key, currency, canonical(lot_size), canonical(multiplier))
        return [self.lines[key] for key in keys]

    def _demand_same(self, line: Line, outcomes: Sequence[Outcome], terms: tuple[str, Decimal, Decimal]) -> None:
        symbol = line.key.symbol
        if line.terms != terms:
            raise ValueError(
                f"symbol: {symbol} is held in {line.currency} with lot {line.lot_size} and multiplier "
                f"{line.multiplier}, not {terms[0]}, {terms[1]}, {terms[2]}"
            )
        if any((each is Outcome.NONE) is not (line.key.outcome is Outcome.NONE) for each in outcomes):
            raise ValueError(f"outcome: {symbol} is held as {line.key.instrument}, and either has outcomes or has none")

    def _balance(self, book: BotBook, account: AccountBook, currency: str) -> Balance:
        """Return a bot's balance; a new one has a rate where it is in the account's own currency."""
        balance = book.balances.get((account.account, currency))
        if balance is None:
            rate = Decimal(1) if currency == account.currency else None
            balance = book.balances[account.account, currency] = Balance(fx_rate=rate)
        return balance

    def _rated(self, book: BotBook, account: AccountBook, currency: str, rate: Decimal | None) -> Balance:
        """Return a bot's balance with the newest rate of its currency; without a new one the last holds."""
        balance = self._balance(book, account, currency)
        if rate is not None:
            balance.fx_rate = canonical(rate)
        return balance

    def _sides(self, entry: Fill | Posting, ts_ns: int) -> Sides | None:
        """Return the sides of an entry's bot, None where it has none and this does not make them."""
        if entry.algo_id not in self.sides and has_sides(entry):
            self.sides[entry.algo_id] = Sides(entry.algo_id, ts_ns)
        return self.sides.get(entry.algo_id)

    def _bot(self, algo_id: str, ts_ns: int) -> BotBook:
        book = self.bots.get(algo_id)
        if book is None:
            self._demand_room(algo_id)
            book = self.bots[algo_id] = BotBook(algo_id, ts_ns // NS_PER_DAY)
        return book

    def _demand_room(self, algo_id: str) -> None:
        if algo_id not in self.bots and len(self.bots) >= BOTS_MAX:
            raise ValueError(f"algo_id: the ledger already holds {BOTS_MAX} bots")

    def _account(self, account: str) -> AccountBook:
        return self.accounts.setdefault(account, AccountBook(account))

    def _move_cash(self, account: AccountBook, currency: str, amount: Decimal) -> None:
        account.cash[currency] = _bounded(account.cash.get(currency, ZERO) + amount)
