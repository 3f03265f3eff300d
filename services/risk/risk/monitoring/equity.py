"""What every bot has earned, marked to the newest prices, in total and since the UTC day began."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from common.events import FairValue, Market, Posting, PostingKind, SourcePrice, Statistics
from common.instruments import InstrumentKind, Outcome

from risk.ledger.books import NS_PER_DAY, Ledger, converted, sum_known
from risk.ledger.positions import QUANTUM, ZERO, Line, canonical

Price: TypeAlias = FairValue | SourcePrice
PRICES: tuple[type[FairValue] | type[SourcePrice], ...] = (FairValue, SourcePrice)
"""What a pricer says of a market, whichever its bot is priced by."""
MARKS_MAX = 20_000
SHOWN = Decimal("1e-6")
"""Money is shown with six decimals, as venues do."""


class Unknown(NamedTuple):
    """What would have to be known to say what a bot has earned."""

    what: str
    """'rate' of a currency to the account's, or 'price' of an instrument."""
    of: str

    def __str__(self) -> str:
        return f"no {self.what} of {self.of}"


class Earnings(NamedTuple):
    """A bot's profit in account currency; None where a part of it is not known, which `unknown` names."""

    realized: Decimal | None
    unrealized: Decimal | None
    daily: Decimal | None
    fees: Decimal | None = ZERO
    unknown: tuple[Unknown, ...] = ()


class Marks:
    """The newest price of every symbol, by bot; a symbol a bot has no opinion of is marked with anybody's.

    A mark is a price on the axis of the symbol's instruments: that of YES, or of what has no outcomes.
    """

    def __init__(self) -> None:
        self._by_bot: dict[tuple[str, str], float] = {}
        self._by_symbol: dict[str, float] = {}
        self._buying: dict[tuple[str, str], str] = {}
        """By base and currency that is paid: the spot symbol whose price is the rate between them."""

    def on_market(self, market: Market) -> None:
        """Learn which currencies a spot symbol is the rate of, and drop the marks of a market that is over."""
        if market.status.over:
            self.forget(market.symbol)
        elif market.kind is InstrumentKind.SPOT and market.base:
            self._buying[market.base, market.currency] = market.symbol
            if len(self._buying) > MARKS_MAX:
                del self._buying[next(iter(self._buying))]

    def rate(self, currency: str, into: str) -> Decimal | None:
        """Return what a unit of a currency costs in another, by the price of its spot symbol; None without one."""
        mark = self._by_symbol.get(self._buying.get((currency, into), ""))
        return None if mark is None else Decimal(str(round(mark, 9)))

    def put(self, price: Price) -> None:
        """Take a fair value, or the middle of a source price; what is no price of its market marks nothing."""
        if isinstance(price, SourcePrice):
            if 0.0 < price.bid <= price.ask < math.inf:
                self._put(price.algo_id, price.symbol, 0.5 * (price.bid + price.ask))
        elif math.isfinite(price.fair) and 0.0 <= price.fair <= 1.0:
            self._put(price.algo_id, price.symbol, price.fair)

    def _put(self, algo_id: str, symbol: str, price: float) -> None:
        for marks, key in ((self._by_bot, (algo_id, symbol)), (self._by_symbol, symbol)):
            marks[key] = price  # type: ignore[index]
            if len(marks) > MARKS_MAX:
                del marks[next(iter(marks))]  # type: ignore[arg-type]

    def mark(self, algo_id: str, symbol: str) -> float | None:
        """Return the price to mark with, None when nobody has an opinion."""
        own = self._by_bot.get((algo_id, symbol))
        return own if own is not None else self._by_symbol.get(symbol)

    def forget(self, symbol: str) -> None:
        """Drop the marks of a finished market."""
        self._by_symbol.pop(symbol, None)
        for key in [key for key in self._by_bot if key[1] == symbol]:
            del self._by_bot[key]


def restore_highest(told: Statistics, days: HighWaterMarks, periods: HighWaterMarks) -> None:
    """Take over what a bot's figures say its highest profit was, in its day or in its period since the cutoff."""
    began, peak = "since_ms" if "since_ms" in told.figures else "day", told.figures.get("daily_peak")
    if told.scope.startswith("bot-") and began in told.figures and peak is not None:
        marks = days if began == "day" else periods
        marks.restore(told.scope.removeprefix("bot-"), int(told.figures[began]), Decimal(str(peak)))


class HighWaterMarks:
    """The highest profit each bot has had in its day; at least 0, where every day begins."""

    def __init__(self, named: str = "day") -> None:
        """`named` is the figure that tells which day a bot is in."""
        self._named = named
        self._highest: dict[str, tuple[int, Decimal]] = {}

    def update(self, ledger: Ledger, algo_id: str, daily: Decimal, now_ns: int) -> Decimal:
        """Take in a bot's profit of the day; return how far below the day's highest it is, 0 or more."""
        book = ledger.bots.get(algo_id)
        return self.update_in(book.day if book else now_ns // NS_PER_DAY, algo_id, daily)

    def update_in(self, day: int, algo_id: str, daily: Decimal) -> Decimal:
        """Do so in a day that is known by its number."""
        before = self._highest.get(algo_id)
        peak = max(ZERO, daily, before[1] if before is not None and before[0] == day else ZERO)
        self._highest[algo_id] = (day, peak)
        return peak - daily

    def restore(self, algo_id: str, day: int, peak: Decimal) -> None:
        """Take over what was told before a restart; what is of another day counts for nothing when it is looked at."""
        known = self._highest.get(algo_id)
        if known is None or known[0] < day or (known[0] == day and known[1] < peak):
            self._highest[algo_id] = (day, peak)

    def figures(self, algo_id: str) -> dict[str, float]:
        """Return day and highest profit, as they are told and restored."""
        day, peak = self._highest.get(algo_id, (0, ZERO))
        return {self._named: float(day), "daily_peak": float(peak)}


def _rate(ledger: Ledger, algo_id: str, key: tuple[str, str], marks: Marks) -> Decimal | None:
    """Return account currency per unit of a balance's: by its price, else as stamped on the last fill, else None."""
    account, currency = key
    priced = marks.rate(currency, ledger.accounts[account].currency)
    return ledger.bots[algo_id].balances[key].fx_rate if priced is None else priced


def _unpriced(line: Line, marks: Marks) -> bool:
    """Say whether something is held that nobody prices; shares of a market never cost more than was paid for them."""
    held = bool(line.lots) and line.key.outcome is Outcome.NONE
    return held and marks.mark(line.key.algo_id, line.key.symbol) is None


def unrealized(ledger: Ledger, line: Line, marks: Marks) -> Decimal | None:
    """Return what a line would earn at its mark, in account currency.

    None without a rate. Without a mark it is 0 for shares, and None for what has no outcomes.
    """
    if _unpriced(line, marks):
        return None
    profit = line.unrealized(marks.mark(line.key.algo_id, line.key.symbol))
    rate = _rate(ledger, line.key.algo_id, (line.key.account, line.currency), marks)
    if rate is None:
        return None if profit else ZERO
    return profit * rate


def earnings(ledger: Ledger, algo_id: str, marks: Marks, carried: Decimal = ZERO) -> Earnings:
    """Return a bot's profit; all zero for a bot that has never traded.

    `carried` is a loss of the day that the ledger lost with a part of FILL.
    """
    book = ledger.bots.get(algo_id)
    if book is None:
        return Earnings(ZERO, ZERO, carried)
    rates = {key: _rate(ledger, algo_id, key, marks) for key in book.balances}
    closed = {key: converted(-each.profit - each.fees, rates[key]) for key, each in book.balances.items()}
    lines = ledger.lines_of(algo_id)
    opened = [unrealized(ledger, line, marks) for line in lines]
    unknown = {Unknown("rate", currency) for (_, currency), amount in closed.items() if amount is None}
    unknown |= {_missing(line, marks) for line, amount in zip(lines, opened, strict=True) if amount is None}
    realized, open_profit = sum_known(closed.values()), sum_known(opened)
    daily = sum_known((realized, open_profit, -book.opening_equity, carried))
    fees = sum_known(converted(each.fees, rates[key]) for key, each in book.balances.items())
    return Earnings(realized, open_profit, daily, fees, tuple(sorted(unknown)))


def _missing(line: Line, marks: Marks) -> Unknown:
    return Unknown("price", line.key.instrument) if _unpriced(line, marks) else Unknown("rate", line.currency)


def shown(amount: Decimal) -> Decimal:
    """Return money with six decimals, for people and other services."""
    return amount.quantize(SHOWN)


def cutoff_posting(ledger: Ledger, algo_id: str, marks: Marks, now_ns: int) -> Posting | None:
    """Return the posting that begins a bot's new UTC day, None while its day lasts or what it has earned is unknown.

    The opening equity goes through FILL like everything that changes the ledger, so it survives a restart and a wiped
    positions store.
    """
    book = ledger.bots.get(algo_id)
    day = now_ns // NS_PER_DAY
    if book is None or book.day >= day or not book.balances:
        return None
    account, currency = min(book.balances)
    earned = earnings(ledger, algo_id, marks)
    equity = sum_known((earned.realized, earned.unrealized))
    if equity is None:
        return None
    return Posting(
        account=account,
        algo_id=algo_id,
        entry_id=f"cutoff:{algo_id}:{day}",
        kind=PostingKind.CUTOFF,
        venue="ledger",
        cash={currency: ZERO},
        equity=canonical(equity.quantize(QUANTUM)),
        reason="UTC day begins",
        ts_event_ns=now_ns,
        ts_received_ns=now_ns,
    )
