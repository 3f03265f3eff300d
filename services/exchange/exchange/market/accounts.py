"""What a participant owns: money, shares, what of both is held for resting orders, and the history of all of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from exchange.market.money import DOLLAR, amount_text, dollars_text
from exchange.market.orders import OPEN, AnyOrder, Outcome
from exchange.market.refusals import Refusal

ORDERS_KEPT: Final = 100_000
FILLS_PER_ORDER_KEPT: Final = 2
ENTRIES_PER_ORDER_KEPT: Final = 5
OPEN_ORDERS_MAX: Final = 2_000


@dataclass(slots=True)
class Position:
    """Shares of one market, and those held for resting asks."""

    yes: int = 0
    no: int = 0
    yes_locked: int = 0
    no_locked: int = 0

    def held(self, outcome: Outcome) -> int:
        return self.yes if outcome == "yes" else self.no

    def free(self, outcome: Outcome) -> int:
        return self.yes - self.yes_locked if outcome == "yes" else self.no - self.no_locked

    def lock(self, outcome: Outcome, shares: int) -> None:
        if outcome == "yes":
            self.yes_locked += shares
        else:
            self.no_locked += shares

    def as_json(self, market: str) -> dict[str, Any]:
        return {
            "market": market,
            "yes": self.yes,
            "no": self.no,
            "yes_locked": self.yes_locked,
            "no_locked": self.no_locked,
        }


@dataclass(slots=True)
class Page:
    """A bounded list of events in the order of their account sequence; what fell off the front is remembered."""

    kept_max: int
    rows: deque[tuple[int, dict[str, Any]]] = field(default_factory=deque)
    trimmed_to: int = 0  # highest account sequence that was dropped

    def add(self, account_sequence: int, row: dict[str, Any]) -> None:
        self.rows.append((account_sequence, row))
        if len(self.rows) > self.kept_max:
            self.trimmed_to, _ = self.rows.popleft()

    def after(self, account_sequence: int, limit: int) -> tuple[list[dict[str, Any]], int, bool]:
        """Rows later than `account_sequence`, the sequence to go on with, and whether more follow."""
        if account_sequence < self.trimmed_to:
            raise Refusal(
                "history_trimmed",
                f"events up to {self.trimmed_to} are no longer kept",
                "after",
                oldest_after=self.trimmed_to,
            )
        start = bisect_right(self.rows, account_sequence, key=lambda row: row[0])
        found = [self.rows[index] for index in range(start, min(start + limit, len(self.rows)))]
        next_after = found[-1][0] if found else account_sequence
        return [row for _, row in found], next_after, start + limit < len(self.rows)


@dataclass(slots=True)
class Balance:
    """What an account has of a currency that is not the dollar, in units of it, and the statement of it."""

    entries: Page
    units: int = 0
    locked: int = 0


class Account:
    """One participant's money, shares, orders and private history; changed only by trading.py."""

    def __init__(self, name: str, orders_kept: int = ORDERS_KEPT) -> None:
        self.name = name
        self.orders_kept = orders_kept  # finished ones
        self.sequence = 0  # last private event
        self.cash_micros = 0
        self.locked_micros = 0
        self.balances: dict[str, Balance] = {}
        """By currency, of all but dollars."""
        self.positions: dict[str, Position] = {}
        self.open_orders: dict[int, AnyOrder] = {}
        self.by_client_id: dict[int, AnyOrder] = {}
        self.by_order_id: dict[int, AnyOrder] = {}  # in the order of the last change
        self.finished: deque[AnyOrder] = deque()
        self.fills = Page(FILLS_PER_ORDER_KEPT * orders_kept)
        self.entries = Page(ENTRIES_PER_ORDER_KEPT * orders_kept)

    @property
    def available_micros(self) -> int:
        return self.cash_micros - self.locked_micros

    def balance(self, currency: str) -> Balance:
        """What it has of a currency that is not the dollar."""
        assert currency != DOLLAR
        if (balance := self.balances.get(currency)) is None:
            balance = self.balances[currency] = Balance(Page(ENTRIES_PER_ORDER_KEPT * self.orders_kept))
        return balance

    def add(self, currency: str, units: int) -> None:
        """Change what it has of any currency; only with an entry in the statement."""
        if currency == DOLLAR:
            self.cash_micros += units
        else:
            self.balance(currency).units += units

    def total(self, currency: str) -> int:
        """Everything it has of a currency, in units."""
        if currency == DOLLAR:
            return self.cash_micros
        return self.balances[currency].units if currency in self.balances else 0

    def available(self, currency: str) -> int:
        """What of a currency is not held for resting orders, in units."""
        if currency == DOLLAR:
            return self.available_micros
        balance = self.balances.get(currency)
        return 0 if balance is None else balance.units - balance.locked

    def statement(self, currency: str) -> Page:
        """The entries of a currency."""
        return self.entries if currency == DOLLAR else self.balance(currency).entries

    def next_sequence(self) -> int:
        self.sequence += 1
        return self.sequence

    def position(self, market: str) -> Position:
        return self.positions.setdefault(market, Position())

    def lock(self, order: AnyOrder) -> None:
        """Hold what the resting part of an order may cost."""
        self._hold(order, order.leaves)

    def unlock(self, order: AnyOrder, size: int) -> None:
        self._hold(order, -size)

    def _hold(self, order: AnyOrder, size: int) -> None:
        hold = order.hold(size)
        if hold.currency == DOLLAR:
            self.locked_micros += hold.units
        elif hold.currency:
            self.balance(hold.currency).locked += hold.units
        else:
            self.position(order.market).lock(hold.outcome, hold.units)

    def remember(self, order: AnyOrder) -> None:
        """Keep the order's newest state; finished ones beyond the bound are forgotten, oldest first."""
        self.by_order_id.pop(order.order_id, None)
        self.by_order_id[order.order_id] = order
        self.by_client_id[order.client_order_id] = order
        if order.status == OPEN:
            self.open_orders[order.order_id] = order
            return
        self.open_orders.pop(order.order_id, None)
        self.finished.append(order)
        if len(self.finished) > self.orders_kept:
            oldest = self.finished.popleft()
            del self.by_order_id[oldest.order_id], self.by_client_id[oldest.client_order_id]

    def changed_after(self, account_sequence: int) -> Iterator[AnyOrder]:
        """Orders whose last change is later than `account_sequence`, oldest change first."""
        later: list[AnyOrder] = []
        for order in reversed(self.by_order_id.values()):
            if order.account_sequence <= account_sequence:
                break
            later.append(order)
        return reversed(later)

    def balance_json(self) -> dict[str, str]:
        return {
            "cash": dollars_text(self.cash_micros),
            "locked": dollars_text(self.locked_micros),
            "available": dollars_text(self.available_micros),
        }

    def currency_json(self, currency: str) -> dict[str, str]:
        total, available = self.total(currency), self.available(currency)
        return {
            "currency": currency,
            "total": amount_text(total, currency),
            "locked": amount_text(total - available, currency),
            "available": amount_text(available, currency),
        }

    def position_json(self, market: str) -> dict[str, Any]:
        return self.positions.get(market, Position()).as_json(market)
