"""The books: a fold of the FILL stream in which every entry moves money from somewhere to somewhere, to the last digit.

Each entry is legs over five books per bot, account and currency: cash, shares at cost, fees, profit (of what was closed
or settled; a gain stands negative, as in any double entry), capital (what was paid in). The legs of an entry sum to
zero, so the books always do. What cannot be booked is kept in the chain as disputed, and its account must halt.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.events import Fill, Posting, PostingKind
from common.instruments import Outcome

from risk.ledger.entries import Entry, Forged, Uncounted, Undecodable, canonical_bytes, fault_in, mark_of, paid_for
from risk.ledger.positions import BALANCE_MAX, ZERO, Line, LineKey, canonical, exact_product, part_of, rounded_product
from risk.ledger.seen import IDENTITY_BYTES, Seen

NS_PER_DAY = 24 * 3600 * 1_000_000_000
LINES_MAX = 20_000
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
    """What a message changed: whose books, which line."""

    status: FoldStatus
    algo_id: str
    account: str
    line: LineKey | None = None
    reason: str = ""


@dataclass(slots=True)
class Balance:
    """The five books of one bot in one account and currency; they sum to zero."""

    cash: Decimal = ZERO
    shares: Decimal = ZERO
    fees: Decimal = ZERO
    profit: Decimal = ZERO
    capital: Decimal = ZERO
    fx_rate: Decimal = Decimal(1)
    """Account currency per unit, as stamped on the last fill."""

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
    def total(self) -> Decimal:
        return self.cash + self.shares + self.fees + self.profit + self.capital


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
    def realized(self) -> Decimal:
        """Profit of everything closed or settled less all fees, in account currency, since the ledger began."""
        return sum(
            (rounded_product(-each.profit - each.fees, each.fx_rate) for each in self.balances.values()), start=ZERO
        )

    @property
    def fees(self) -> Decimal:
        return sum((rounded_product(each.fees, each.fx_rate) for each in self.balances.values()), start=ZERO)


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
    disputed: list[int] = field(default_factory=list)


class Ledger:
    """All books, lines and marks after folding FILL up to `sequence`."""

    def __init__(self) -> None:
        self.sequence = 0
        self.tip = GENESIS
        """SHA-256 of the message at `sequence`: tells whether a FILL stream is the one we folded."""
        self.chain = GENESIS
        """Running hash over everything booked or disputed, in order."""
        self.entries = 0
        self.repeats = 0
        self.disputes = 0
        self.holes = 0
        """Sequences the stream no longer had when it was read."""
        self.bots: dict[str, BotBook] = {}
        self.accounts: dict[str, AccountBook] = {}
        self.lines: dict[LineKey, Line] = {}
        self.seen = Seen()

    def fold(self, entry: Entry, sequence: int) -> Folded:
        """Take the stream's next message; nothing is ever taken twice and nothing is skipped."""
        if sequence <= self.sequence:
            return Folded(FoldStatus.OLD, entry.algo_id, entry.account)
        self.holes += sequence - self.sequence - 1
        self.sequence = sequence
        content = canonical_bytes(entry)
        self.tip = hashlib.sha256(content).digest()
        if isinstance(entry, Forged):
            return Folded(FoldStatus.FORGED, entry.algo_id, entry.account, reason=entry.reason)
        if isinstance(entry, Uncounted):
            return Folded(FoldStatus.UNCOUNTED, "", "")
        folded = self._take(entry)
        if folded.status is FoldStatus.REPEAT:
            self.repeats += 1
            return folded
        self.entries += 1
        self.chain = hashlib.sha256(self.chain + sequence.to_bytes(8, "big") + content).digest()
        if folded.status is FoldStatus.DISPUTED:
            self.disputes += 1
            disputed = self._account(entry.account).disputed
            disputed.append(sequence)
            del disputed[:-DISPUTED_MAX]
        return folded

    def lines_of(self, algo_id: str) -> list[Line]:
        """Return a bot's lines in the order of their keys."""
        return [self.lines[key] for key in sorted(self.lines) if key.algo_id == algo_id]

    def equity(self, algo_id: str, unrealized: Decimal) -> Decimal:
        """Return what a bot has earned, marked with the unrealized profit given."""
        book = self.bots.get(algo_id)
        return canonical((book.realized if book else ZERO) + unrealized)

    def _take(self, entry: Fill | Posting | Undecodable) -> Folded:
        if isinstance(entry, Undecodable):
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=entry.reason)
        fault = fault_in(entry)
        if fault:
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=fault)
        mark = mark_of(entry)
        known = self.seen.content_of(mark[:IDENTITY_BYTES])
        if known is not None:
            if known == mark[IDENTITY_BYTES:]:
                return Folded(FoldStatus.REPEAT, entry.algo_id, entry.account)
            reason = f"{entry.message_id()} is booked with other figures"
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=reason)
        try:
            line = self._book_fill(entry) if isinstance(entry, Fill) else self._book_posting(entry)
        except ValueError as error:
            return Folded(FoldStatus.DISPUTED, entry.algo_id, entry.account, reason=str(error))
        self.seen.add(mark)
        return Folded(FoldStatus.BOOKED, entry.algo_id, entry.account, line)

    # Everything that can refuse an entry comes before the first change of a book.

    def _book_fill(self, fill: Fill) -> LineKey:
        key = LineKey(fill.algo_id, fill.account, fill.venue, fill.symbol)
        paid = paid_for(fill)
        line = self._line(key, fill.currency, fill.lot_size, fill.multiplier)
        book = self._bot(fill.algo_id, fill.ts_received_ns or fill.ts_event_ns)
        account = self._account(fill.account)
        balance = book.balances.setdefault((fill.account, fill.currency), Balance())
        balance.fx_rate = canonical(fill.fx_rate)
        stake = line.no if fill.outcome is Outcome.NO else line.yes
        cost_before = stake.cost
        profit = stake.move(fill.side.sign * fill.quantity_lots, paid)
        cash = -paid - fill.fee
        balance.post(cash=cash, shares=stake.cost - cost_before, fees=fill.fee, profit=-profit)
        self._move_cash(account, fill.currency, cash)
        line.fees = canonical(line.fees + fill.fee)
        line.fills += 1
        line.last_sequence = self.sequence
        book.fills += 1
        account.account_sequence = max(account.account_sequence, fill.account_sequence)
        return key

    def _book_posting(self, posting: Posting) -> LineKey | None:
        if posting.kind is PostingKind.SETTLEMENT:
            return self._settle(posting)
        if posting.yes_lots or posting.no_lots:
            return self._move_shares(posting)
        book = self._bot(posting.algo_id, posting.ts_event_ns)
        account = self._account(posting.account)
        if posting.kind is PostingKind.CUTOFF:
            day = posting.ts_event_ns // NS_PER_DAY
            if day > book.day:
                book.day, book.opening_equity = day, canonical(posting.equity)
        balance = book.balances.setdefault((posting.account, posting.currency), Balance())
        if posting.kind is PostingKind.FEE:
            balance.post(cash=posting.cash, fees=-posting.cash)
        elif posting.kind in (PostingKind.DEPOSIT, PostingKind.TRANSFER):
            balance.post(cash=posting.cash, capital=-posting.cash)
        else:
            balance.post(cash=posting.cash, profit=-posting.cash)
        account.deposited |= posting.kind is PostingKind.DEPOSIT
        self._move_cash(account, posting.currency, posting.cash)
        return None

    def _settle(self, posting: Posting) -> LineKey:
        """Pay out what is held now and close the line; nothing held, nothing paid."""
        key = LineKey(posting.algo_id, posting.account, posting.venue, posting.symbol)
        line = self.lines.get(key)
        if line is None:
            return key
        if line.currency != posting.currency:
            raise ValueError(f"currency: {posting.symbol} is held in {line.currency}, not {posting.currency}")
        payout = sum(
            (
                exact_product("payout", stake.lots, per_share, line.lot_size)
                for stake, per_share in ((line.yes, posting.payout_yes), (line.no, posting.payout_no))
            ),
            start=ZERO,
        )
        balance = self.bots[posting.algo_id].balances[posting.account, posting.currency]
        balance.post(cash=payout, shares=-line.cost, profit=line.cost - payout)
        self._move_cash(self._account(posting.account), posting.currency, payout)
        del self.lines[key]
        return key

    def _move_shares(self, posting: Posting) -> LineKey:
        """Split, merge, transfer or correct: shares and cash move together, shares leave at average cost.

        What comes in costs the cash that went out, shared by lots; when one outcome leaves and the other comes in,
        the cash belongs to the one that leaves.
        """
        key = LineKey(posting.algo_id, posting.account, posting.venue, posting.symbol)
        known = self.lines.get(key)
        one = Decimal(1)
        line = self._line(key, posting.currency, known.lot_size if known else one, known.multiplier if known else one)
        book = self._bot(posting.algo_id, posting.ts_event_ns)
        balance = book.balances.setdefault((posting.account, posting.currency), Balance())
        yes_lots, no_lots, paid = posting.yes_lots, posting.no_lots, -posting.cash
        if yes_lots * no_lots >= 0:
            yes_paid = part_of(paid, abs(yes_lots), abs(yes_lots) + abs(no_lots))
        else:
            yes_paid = paid if yes_lots < 0 else ZERO
        cost_before = line.cost
        profit = line.yes.move(yes_lots, yes_paid) + line.no.move(no_lots, paid - yes_paid)
        balance.post(cash=posting.cash, shares=line.cost - cost_before, profit=-profit)
        self._move_cash(self._account(posting.account), posting.currency, posting.cash)
        line.last_sequence = self.sequence
        account = self._account(posting.account)
        account.account_sequence = max(account.account_sequence, posting.account_sequence)
        return key

    def _line(self, key: LineKey, currency: str, lot_size: Decimal, multiplier: Decimal) -> Line:
        line = self.lines.get(key)
        if line is None:
            if len(self.lines) >= LINES_MAX:
                raise ValueError(f"symbol: the ledger already holds {LINES_MAX} lines")
            self._demand_room(key.algo_id)
            line = self.lines[key] = Line(key, currency, canonical(lot_size), canonical(multiplier))
        elif (line.currency, line.lot_size, line.multiplier) != (currency, lot_size, multiplier):
            raise ValueError(
                f"symbol: {key.symbol} is held in {line.currency} with lot {line.lot_size} and multiplier "
                f"{line.multiplier}, not {currency}, {lot_size}, {multiplier}"
            )
        return line

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
