"""What every bot has earned, marked to fair value, in total and since the UTC day began."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple

from common.events import FairValue, Posting, PostingKind

from risk.ledger.books import NS_PER_DAY, Ledger
from risk.ledger.positions import QUANTUM, ZERO, Line, canonical

MARKS_MAX = 20_000
SHOWN = Decimal("1e-6")
"""Money is shown with six decimals, as venues do."""


class Earnings(NamedTuple):
    """A bot's profit in account currency."""

    realized: Decimal
    unrealized: Decimal
    daily: Decimal


class Marks:
    """The newest fair value of every symbol, by bot; a symbol a bot has no opinion of is marked with anybody's."""

    def __init__(self) -> None:
        self._by_bot: dict[tuple[str, str], float] = {}
        self._by_symbol: dict[str, float] = {}

    def put(self, fair: FairValue) -> None:
        """Take a fair value; what is no price of a share marks nothing."""
        if not (math.isfinite(fair.fair) and 0.0 <= fair.fair <= 1.0):
            return
        for marks, key in ((self._by_bot, (fair.algo_id, fair.symbol)), (self._by_symbol, fair.symbol)):
            marks[key] = fair.fair  # type: ignore[index]
            if len(marks) > MARKS_MAX:
                del marks[next(iter(marks))]  # type: ignore[arg-type]

    def fair(self, algo_id: str, symbol: str) -> float | None:
        """Return the fair value to mark with, None when nobody has an opinion."""
        own = self._by_bot.get((algo_id, symbol))
        return own if own is not None else self._by_symbol.get(symbol)

    def forget(self, symbol: str) -> None:
        """Drop the marks of a finished market."""
        self._by_symbol.pop(symbol, None)
        for key in [key for key in self._by_bot if key[1] == symbol]:
            del self._by_bot[key]


class Peaks:
    """The highest profit each bot has had in its day; at least 0, where every day begins."""

    def __init__(self) -> None:
        self._peaks: dict[str, tuple[int, Decimal]] = {}

    def look(self, ledger: Ledger, algo_id: str, daily: Decimal, now_ns: int) -> Decimal:
        """Take in a bot's profit of the day; return how far below the day's highest it is, 0 or more."""
        book = ledger.bots.get(algo_id)
        day = book.day if book else now_ns // NS_PER_DAY
        before = self._peaks.get(algo_id)
        peak = max(ZERO, daily, before[1] if before is not None and before[0] == day else ZERO)
        self._peaks[algo_id] = (day, peak)
        return peak - daily

    def restore(self, algo_id: str, day: int, peak: Decimal) -> None:
        """Take over what was told before a restart; what is of another day counts for nothing when it is looked at."""
        known = self._peaks.get(algo_id)
        if known is None or known[0] < day or (known[0] == day and known[1] < peak):
            self._peaks[algo_id] = (day, peak)

    def figures(self, algo_id: str) -> dict[str, float]:
        """Return day and highest profit, as they are told and restored."""
        day, peak = self._peaks.get(algo_id, (0, ZERO))
        return {"day": float(day), "daily_peak": float(peak)}


def unrealized(ledger: Ledger, line: Line, marks: Marks) -> Decimal:
    """Return what a line would earn at fair value, in account currency."""
    profit = line.unrealized(marks.fair(line.key.algo_id, line.key.symbol))
    book = ledger.bots.get(line.key.algo_id)
    balance = book.balances.get((line.key.account, line.currency)) if book else None
    return profit * balance.fx_rate if balance else profit


def earnings(ledger: Ledger, algo_id: str, marks: Marks, carried: Decimal = ZERO) -> Earnings:
    """Return a bot's profit; all zero for a bot that has never traded.

    `carried` is a loss of the day that the ledger lost with a part of FILL.
    """
    book = ledger.bots.get(algo_id)
    if book is None:
        return Earnings(ZERO, ZERO, carried)
    open_profit = sum((unrealized(ledger, line, marks) for line in ledger.lines_of(algo_id)), start=ZERO)
    realized = book.realized
    return Earnings(realized, open_profit, realized + open_profit - book.opening_equity + carried)


def shown(amount: Decimal) -> Decimal:
    """Return money with six decimals, for people and other services."""
    return amount.quantize(SHOWN)


def cutoff_posting(ledger: Ledger, algo_id: str, marks: Marks, now_ns: int) -> Posting | None:
    """Return the posting that begins a bot's new UTC day, None while its day lasts.

    The opening equity goes through FILL like everything that changes the ledger, so it survives a restart and a wiped
    positions store.
    """
    book = ledger.bots.get(algo_id)
    day = now_ns // NS_PER_DAY
    if book is None or book.day >= day or not book.balances:
        return None
    account, currency = min(book.balances)
    earned = earnings(ledger, algo_id, marks)
    return Posting(
        account=account,
        algo_id=algo_id,
        posting_id=f"cutoff:{algo_id}:{day}",
        kind=PostingKind.CUTOFF,
        venue="ledger",
        currency=currency,
        equity=canonical((earned.realized + earned.unrealized).quantize(QUANTUM)),
        reason="UTC day begins",
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
