"""Compare what the venue says an account holds with what the ledger says, at the same point of the account's history.

A snapshot contains everything up to its account sequence. It is judged two seconds after it came, when what it contains
has had time to reach the ledger, and what the ledger booked beyond it is taken off again. Money that the venue owes for
decided shares (unpaid.py) counts as the account's. Coins in lines of the ledger are set against the venue's balance of
their currency, with what the account has of it besides (coins.py). Where a venue counts finer than lots and cents the
snapshot says how far the cash may lie from the ledger's for that alone: such a difference is booked, not disputed.
Where the two cannot be brought to one point (a settlement just booked, fills without a venue sequence, a symbol of
which nobody has said what it buys) the snapshot says nothing. A difference in two judged snapshots running is a
mismatch: the account halts; no fill is ever invented.

An entry that claims a place in the venue's stream which the venue, asked well after the entry was booked, has not
reached yet is not a later one: it was never said by the venue, and the account halts at once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from common.events import AccountState, Fill, Posting
from common.instruments import InstrumentKind, Outcome

from risk.binary.settlement import Markets
from risk.binary.unpaid import UNPAID_TOLD_NS, Unpaid, unpaid_in
from risk.ledger.books import AccountBook, Ledger
from risk.ledger.entries import cash_of
from risk.ledger.positions import ZERO, instrument_name
from risk.monitoring.coins import Coins, coins_in

SETTLE_NS = 2_000_000_000
"""How long fills contained in a snapshot may take to reach the ledger."""
PICTURE_AGE_NS_MAX = 10_000_000_000
"""A snapshot that was on its way for longer proves nothing: what it lacks may have happened since it was taken."""
REACHED_NS_MAX = 60_000_000_000
"""So long after an entry was booked a snapshot contains it. A session names only what it has without a gap, and asks
for what it missed: until then its snapshots stay behind fills that it has told already."""
PICTURES_MIN = 2
"""Judged snapshots running that must differ before an account halts."""
MOVES_MAX = 10_000
MOVES_NS_MAX = 120_000_000_000
"""Recent entries remembered per account, to look back to the point of a snapshot: their number and age at most."""


class Verdict(NamedTuple):
    """What became of a snapshot."""

    account: str
    venue: str
    currency: str
    """What the account counts in, by the venue's word."""
    deposits: dict[str, Decimal] | None = None
    """Cash by currency that was there before our first entry in it, to be booked once."""
    differences: tuple[str, ...] = ()
    mismatch: bool = False
    """The differences have stood long enough to halt the account."""
    rounding: Decimal = ZERO
    """Cash in `currency` that only parts of lots and cents explain, to be booked."""
    shown: frozenset[str] = frozenset()
    """Markets of which the venue shows shares, or coins as cash."""


class _Move(NamedTuple):
    booked_ns: int
    account_sequence: int
    cash: dict[str, Decimal]
    """By currency."""
    symbol: str
    lots: tuple[tuple[Outcome, int], ...]
    """Of what has no outcomes a posting may say YES, which in its earlier form it had to."""


@dataclass(slots=True)
class _Account:
    moves: deque[_Move] = field(default_factory=deque)
    floor: int = 0
    """Snapshots below this venue sequence lie before what `moves` remembers."""
    floor_ns: int = 0
    """When the entry at the floor was booked, or first known of after a start; 0 until then."""
    undated_at_ns: int = 0
    """When something without a venue sequence was booked last."""
    snapshot: AccountState | None = None
    received_ns: int = 0
    judged: bool = False
    running: int = 0
    differences: tuple[str, ...] = ()
    agreed_at_ns: int = 0
    rounded: tuple[int, Decimal] = (0, ZERO)
    """Epoch and rounding of the last snapshot whose cash agreed: what is allowed counts from there."""
    unpaid: Unpaid | None = None
    unpaid_since_ns: int = 0
    """Since when the venue has owed something without a pause, as far as we have seen."""

    def forget_oldest(self) -> None:
        oldest = self.moves.popleft()
        if oldest.account_sequence > self.floor:
            self.floor, self.floor_ns = oldest.account_sequence, oldest.booked_ns


class Reconciliation:
    """The newest snapshot of every account, and the recent entries of the ledger to set against it."""

    def __init__(self, markets: Markets | None = None) -> None:
        self._accounts: dict[str, _Account] = {}
        self._markets = Markets() if markets is None else markets
        """How markets ended, as far as it is known."""

    def begin(self, ledger: Ledger) -> None:
        """Start from a ledger whose history is not known here: only snapshots after its newest fill can be judged."""
        self._accounts = {
            name: _Account(floor=ledger.accounts[name].account_sequence) for name in sorted(ledger.accounts)
        }

    def note(self, entry: Fill | Posting, now_ns: int) -> None:
        """Remember an entry the ledger has just booked."""
        account = self._accounts.setdefault(entry.account, _Account())
        if entry.account_sequence == 0:
            account.undated_at_ns = now_ns
            return
        account.moves.append(_move(entry, now_ns))
        while len(account.moves) > MOVES_MAX or account.moves[0].booked_ns < now_ns - MOVES_NS_MAX:
            account.forget_oldest()

    def on_snapshot(self, snapshot: AccountState, received_ns: int) -> None:
        """Keep a snapshot until it is time to judge it; an older one than we have is dropped."""
        account = self._accounts.setdefault(snapshot.account, _Account())
        known = account.snapshot
        if known is not None and (snapshot.epoch, snapshot.account_sequence) < (known.epoch, known.account_sequence):
            return
        # Snapshots may come faster than they are judged; the waiting one keeps its turn, the next is judged after it.
        if known is not None and not account.judged and account.received_ns + SETTLE_NS > received_ns:
            return
        account.snapshot, account.received_ns, account.judged = snapshot, received_ns, False
        account.floor_ns = account.floor_ns or received_ns

    def judge(self, ledger: Ledger, now_ns: int, settling: frozenset[str]) -> Iterator[Verdict]:
        """Yield a verdict for every snapshot that is due; `settling` accounts have a settlement under way."""
        for name in sorted(self._accounts):
            account = self._accounts[name]
            snapshot = account.snapshot
            if snapshot is None or account.judged or now_ns - account.received_ns < SETTLE_NS:
                continue
            account.judged = True
            ahead = _ahead(account, snapshot)
            if ahead:
                account.differences = (ahead,)
                yield Verdict(
                    name, snapshot.venue, snapshot.main.currency, differences=account.differences, mismatch=True
                )
                continue
            undated = account.undated_at_ns > account.received_ns - SETTLE_NS
            if name in settling or undated or snapshot.account_sequence < account.floor:
                continue
            verdict = self._verdict(ledger, account, snapshot, now_ns)
            if verdict is not None:
                yield verdict

    def overdue(self, now_ns: int) -> Iterator[tuple[str, str]]:
        """Yield every account with snapshots and, where it has waited long, what is to be redeemed; '' where not."""
        for name in sorted(self._accounts):
            account = self._accounts[name]
            unpaid, since_ns = account.unpaid, account.unpaid_since_ns
            late = unpaid is not None and unpaid.cash > 0 and now_ns - since_ns >= UNPAID_TOLD_NS
            if unpaid is None or not late:
                yield name, ""
                continue
            hours, markets = (now_ns - since_ns) // (3600 * 1_000_000_000), len(unpaid.symbols)
            yield name, f"account {name}: {unpaid.cash:f} of {markets} decided markets not redeemed for {hours} h"

    def state(self, now_ns: int) -> dict[str, dict[str, object]]:
        """Return per account what people want to know."""
        return {
            name: {
                "picture_age_ms": (now_ns - account.received_ns) // 1_000_000 if account.snapshot else None,
                "agreed_age_ms": (now_ns - account.agreed_at_ns) // 1_000_000 if account.agreed_at_ns else None,
                "differences": list(account.differences),
                "pending_cash": format(account.unpaid.cash, "f") if account.unpaid else "0",
                "reserved_cash": format(account.snapshot.main.reserved, "f") if account.snapshot else "0",
            }
            for name, account in sorted(self._accounts.items())
        }

    def _verdict(self, ledger: Ledger, account: _Account, snapshot: AccountState, now_ns: int) -> Verdict | None:
        later = [move for move in account.moves if move.account_sequence > snapshot.account_sequence]
        coins = coins_in(ledger, self._markets, snapshot, later)
        if coins.unknown:
            return None
        unpaid = account.unpaid = unpaid_in(snapshot, ledger, self._markets)
        if unpaid.cash <= 0:
            account.unpaid_since_ns = 0
        else:
            account.unpaid_since_ns = min(account.unpaid_since_ns or now_ns, unpaid.since_ns or now_ns)
        book = ledger.accounts.get(snapshot.account)
        missing = _missing_cash(book, snapshot, unpaid, coins, later)
        differences = list(_share_differences(ledger, self._markets, snapshot, unpaid, coins, later))
        deposits, rounding, main = None, ZERO, snapshot.main.currency
        if book is None or not book.deposited:
            deposits = missing
        else:
            first = _first_seen(book, coins, missing)
            deposits, missing = first or None, missing | dict.fromkeys(first, ZERO)
            others = [currency for currency, cash in missing.items() if cash and currency != main]
            if not differences and not others and abs(missing[main]) <= _allowed(account, snapshot):
                rounding = missing[main]
                account.rounded = (snapshot.epoch, snapshot.main.rounding)
            else:
                differences = [*_cash_differences(missing, snapshot, unpaid), *differences]
        account.differences = tuple(differences)
        account.running = account.running + 1 if differences else 0
        if not differences:
            account.agreed_at_ns = now_ns
        mismatch = account.running >= PICTURES_MIN
        if mismatch:
            # After a person has lifted the halt, the next one needs its two snapshots again.
            account.running = 0
        return Verdict(
            snapshot.account,
            snapshot.venue,
            main,
            deposits,
            account.differences,
            mismatch,
            rounding,
            frozenset(unpaid.shown) | unpaid.symbols | coins.symbols,
        )


def _first_seen(book: AccountBook, coins: Coins, missing: dict[str, Decimal]) -> dict[str, Decimal]:
    """Return the currencies of which the account had something before our first entry in them.

    One that is in the books, as cash or as a line that was ever traded, is compared like any other.
    """
    known = book.cash.keys() | coins.by_currency.keys()
    return {currency: cash for currency, cash in missing.items() if cash > 0 and currency not in known}


def _missing_cash(
    book: AccountBook | None, snapshot: AccountState, unpaid: Unpaid, coins: Coins, later: list[_Move]
) -> dict[str, Decimal]:
    """Return by currency what the venue shows, and owes, beyond what the ledger had at the snapshot's place."""
    missing = {}
    for balance in snapshot.balances:
        cash = book.cash.get(balance.currency, ZERO) if book else ZERO
        cash -= sum((move.cash.get(balance.currency, ZERO) for move in later), start=ZERO)
        cash += coins.by_currency.get(balance.currency, ZERO)
        missing[balance.currency] = balance.owned - cash
    missing[snapshot.main.currency] += unpaid.cash
    return missing


def _cash_differences(missing: dict[str, Decimal], snapshot: AccountState, unpaid: Unpaid) -> Iterator[str]:
    """Yield 'cash in currency: venue n, ledger m' for every balance that differs."""
    for balance in snapshot.balances:
        cash = missing[balance.currency]
        if cash:
            pending = unpaid.cash if balance is snapshot.main else ZERO
            owed = f" and {pending:f} not redeemed" if pending else ""
            ledger = balance.owned + pending - cash
            yield f"cash in {balance.currency}: venue {balance.owned}{owed}, ledger {ledger}"


def _allowed(account: _Account, snapshot: AccountState) -> Decimal:
    """Return how far cash may lie from the ledger's for roundings since it agreed last."""
    epoch, rounding = account.rounded
    # A new holder of the account counts anew, and a restarted risk does not know what was agreed before.
    allowed = snapshot.main.rounding
    return allowed - rounding if epoch == snapshot.epoch else allowed


def _ahead(account: _Account, snapshot: AccountState) -> str:
    """Return what the ledger has booked from a future that the venue has not reached, '' when there is nothing."""
    if account.received_ns - snapshot.ts_received_ns > PICTURE_AGE_NS_MAX:
        return ""
    known_ns = account.received_ns - REACHED_NS_MAX
    booked = [move.account_sequence for move in account.moves if move.booked_ns < known_ns]
    if account.floor_ns < known_ns:
        booked.append(account.floor)
    highest = max(booked, default=0)
    if highest <= snapshot.account_sequence:
        return ""
    return f"account sequence {highest} is booked, the venue is at {snapshot.account_sequence}"


def _move(entry: Fill | Posting, booked_ns: int) -> _Move:
    """Return what an entry with a place in the venue's stream moved."""
    lots: tuple[tuple[Outcome, int], ...] = (
        tuple((move.instrument.outcome, move.lots) for move in entry.moves)
        if isinstance(entry, Posting)
        else ((entry.outcome, entry.side.sign * entry.quantity_lots),)
    )
    return _Move(booked_ns, entry.account_sequence, cash_of(entry), entry.symbol, lots)


def _share_differences(
    ledger: Ledger, markets: Markets, snapshot: AccountState, unpaid: Unpaid, coins: Coins, later: list[_Move]
) -> Iterator[str]:
    """Yield 'instrument: venue n, ledger m' for every holding that differs."""
    lines = [
        line for key, line in ledger.lines.items() if (key.account, key.venue) == (snapshot.account, snapshot.venue)
    ]
    plain = {line.key.symbol for line in lines if line.key.outcome is Outcome.NONE}
    booked: Counter[tuple[str, Outcome]] = Counter()
    for line in lines:
        booked[line.key.symbol, line.key.outcome] += line.lots
    for move in later:
        for outcome, lots in move.lots:
            booked[move.symbol, _held_as(move.symbol, outcome, plain)] -= lots
    shown: Counter[tuple[str, Outcome]] = Counter()
    for symbol, holdings in unpaid.shown.items():
        market = markets.get(snapshot.venue, symbol)
        if market is not None and market.kind is not InstrumentKind.BINARY:
            plain.add(symbol)
        for holding in holdings:
            shown[symbol, _held_as(symbol, holding.instrument.outcome, plain)] += holding.lots
    for symbol in sorted(({symbol for symbol, _ in booked} | unpaid.shown.keys()) - unpaid.symbols - coins.symbols):
        if symbol not in unpaid.shown and markets.ended(snapshot.venue, symbol):
            # Shares that won nothing are no longer shown; we only have not heard how the market ended.
            continue
        for outcome in Outcome:
            theirs, ours = shown[symbol, outcome], booked[symbol, outcome]
            if theirs != ours:
                yield f"{instrument_name(symbol, outcome)}: venue {theirs}, ledger {ours}"


def _held_as(symbol: str, outcome: Outcome, plain: set[str]) -> Outcome:
    """Return the outcome under which the ledger has a change or a holding; `plain` symbols have none."""
    return Outcome.NONE if symbol in plain and outcome is Outcome.YES else outcome
