"""Orders of spot markets that may still be executed, as quoters tell of them: what statistics and currencies count."""

from __future__ import annotations

from collections.abc import Iterator

from common.clock import NS_PER_S
from common.events import AccountState, OrderUpdate, OrderUpdates
from common.instruments import Outcome

ORDERS_MAX = 20_000
"""Open at once; beyond it the oldest known goes."""
ENDED_MAX = 5_000
"""Ended orders remembered, since an older state of one may still come."""
SNAPSHOT_LAG_NS = 5 * NS_PER_S
"""An order heard of so shortly before an account's snapshot was taken may be missing there."""

_Name = tuple[str, int]


class OpenOrders:
    """The newest state of each open order, by account and id."""

    def __init__(self) -> None:
        self._open: dict[_Name, OrderUpdate] = {}
        self._ended: dict[_Name, int] = {}
        """By the sequence of the end."""

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OrderUpdate]:
        return iter(self._open.values())

    def on_updates(self, updates: OrderUpdates) -> None:
        """Take the newest states; what has outcomes is no business of currencies."""
        for update in updates.orders:
            if update.outcome is Outcome.NONE:
                self._take(update)

    def _take(self, update: OrderUpdate) -> None:
        name = update.account, update.order_id
        known = self._open.get(name)
        ended = self._ended.get(name)
        if (known is not None and update.order_sequence <= known.order_sequence) or (
            ended is not None and update.order_sequence <= ended
        ):
            return
        self._open.pop(name, None)
        if update.state.terminal:
            self._ended[name] = update.order_sequence
            if len(self._ended) > ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            return
        self._open[name] = update
        if len(self._open) > ORDERS_MAX:
            del self._open[next(iter(self._open))]

    def on_snapshot(self, snapshot: AccountState) -> None:
        """End what the venue shows no more: the end of an order may have been told while nobody listened."""
        shown = {order.order_id for order in snapshot.open_orders}
        before_ns = snapshot.ts_received_ns - SNAPSHOT_LAG_NS
        gone = [
            name
            for name, order in self._open.items()
            if (order.account, order.venue) == (snapshot.account, snapshot.venue)
            and order.order_id not in shown
            and order.ts_received_ns < before_ns
        ]
        for name in gone:
            del self._open[name]
