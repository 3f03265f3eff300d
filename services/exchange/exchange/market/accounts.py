"""What a participant owns: cash, shares, what of both is held for resting orders, and the history of all of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from exchange.entry.refusals import Refusal
from exchange.market.money import dollars_text
from exchange.market.orders import OPEN, AnyOrder, Outcome

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


class Account:
    """One participant's money, shares, orders and private history; changed only by trading.py."""

    def __init__(self, name: str, orders_kept: int = ORDERS_KEPT) -> None:
        self.name = name
        self.orders_kept = orders_kept  # finished ones
        self.sequence = 0  # last private event
        self.cash_micros = 0
        self.locked_micros = 0
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
        if hold.currency:
            self.locked_micros += hold.units
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

    def position_json(self, market: str) -> dict[str, Any]:
        return self.positions.get(market, Position()).as_json(market)
