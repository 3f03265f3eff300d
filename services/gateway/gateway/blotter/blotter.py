"""Orders, trades and alerts of late, by bot and in order, for lists that show what changed."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from typing import TypeAlias

from common.events import Alert, AlertLevel, Fill, OrderUpdate
from common.orders import OrderState

from gateway.blotter.recent import Recent

ROWS_MAX = 100
"""Of each list."""
TALLIES_MAX = 10_000
"""Orders whose executions are summed."""
OrderKey: TypeAlias = tuple[str, int]
"""Account and order id."""
Told: TypeAlias = tuple[int, Alert]
"""An alert under its sequence."""


def _open_orders() -> Recent[OrderKey, OrderUpdate]:
    return Recent(ROWS_MAX, stays=lambda order: not order.state.terminal)


def _trades() -> Recent[str, Fill]:
    return Recent(ROWS_MAX)


class Blotter:
    """The last orders and trades of each bot, and the last alerts of all."""

    def __init__(self) -> None:
        self.orders: dict[str, Recent[OrderKey, OrderUpdate]] = defaultdict(_open_orders)
        """By bot; an order that may still be filled stays, however old it is."""
        self.trades: dict[str, Recent[str, Fill]] = defaultdict(_trades)
        self.warnings: Recent[int, Told] = Recent(ROWS_MAX)
        self.notes: Recent[int, Told] = Recent(ROWS_MAX)
        """Executions and the like: they push no warning out."""
        self._executed: OrderedDict[OrderKey, int] = OrderedDict()

    def on_order(self, order: OrderUpdate) -> None:
        """Take in an order as it is; one that is older than what is known changes nothing."""
        orders, key = self.orders[order.algo_id], (order.account, order.order_id)
        known = orders.get(key)
        if known is None or order.order_sequence > known.order_sequence:
            orders.put(key, order)

    def on_end(self, order: OrderUpdate) -> None:
        """Take in that an order rests no more, as somebody else than its sender says."""
        self.orders[order.algo_id].put((order.account, order.order_id), order)

    def on_fill(self, fill: Fill) -> None:
        """Take in an execution, once however often it is told; it changes its order too."""
        trades, name = self.trades[fill.algo_id], fill.message_id()
        if trades.get(name) is not None:
            return
        trades.put(name, fill)
        key = (fill.account, fill.order_id)
        self._executed[key] = self._executed.pop(key, 0) + fill.quantity_lots
        if len(self._executed) > TALLIES_MAX:
            self._executed.popitem(last=False)
        order = self.orders[fill.algo_id].get(key)
        if order is not None:
            self.orders[fill.algo_id].put(key, order)

    def on_alert(self, alert: Alert, sequence: int) -> None:
        """Take in an alert."""
        (self.notes if alert.level is AlertLevel.INFO else self.warnings).put(sequence, (sequence, alert))

    def executed_lots(self, order: OrderUpdate) -> int:
        """Return how much of an order was executed, by its fills or its own word, whichever is more."""
        told = self._executed.get((order.account, order.order_id), 0)
        # An ended order has no lots left, whether they were executed or not: only a filled one says it all.
        says_it = not order.state.terminal or order.state is OrderState.FILLED
        said = order.quantity_lots - order.leaves_lots if says_it else 0
        return min(order.quantity_lots, max(told, said, order.executed_lots))
