"""What of ours rests at the venues: every order update folded."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from common.events import AccountState, OpenOrder, OrderUpdate
from common.orders import OrderState

ORDERS_MAX = 20_000
"""Orders that may rest at once; beyond it the oldest known goes."""
FINISHED_MAX = 1_000
"""Ended orders kept for people to look at."""
SNAPSHOT_LAG_NS = 5_000_000_000
"""An account's snapshot may be this much older than the updates it is compared with."""

GONE = "it is not among the venue's open orders any more"

Name = tuple[str, int]
"""What an order is known by: its account, and its id there. Two accounts may use one id."""


class RestingOrders:
    """The last update of each order that may still be filled, and of the last that ended."""

    def __init__(self) -> None:
        self._open: dict[Name, OrderUpdate] = {}
        self._finished: dict[Name, OrderUpdate] = {}
        self._snapshots: dict[str, AccountState] = {}
        self._heard_ns: dict[tuple[str, str], int] = {}
        """Our time of the last update by (account, symbol)."""
        self.updates = 0

    def __len__(self) -> int:
        return len(self._open)

    def apply(self, update: OrderUpdate) -> None:
        """Take the next state of an order; an older state of the same order changes nothing."""
        self.updates += 1
        self._heard_ns[(update.account, update.symbol)] = update.ts_received_ns
        name = (update.account, update.order_id)
        known = self._open.get(name) or self._finished.get(name)
        if known is not None and update.order_sequence <= known.order_sequence:
            return
        self._finished.pop(name, None)
        if update.state.terminal:
            self._open.pop(name, None)
            _keep(self._finished, update, FINISHED_MAX)
        else:
            _keep(self._open, update, ORDERS_MAX)

    def apply_snapshot(self, snapshot: AccountState) -> list[OrderUpdate]:
        """Take the venue's snapshot of an account: it adds what we never heard of, and ends what is gone and returned.

        An order updated shortly before or after the snapshot was taken is left alone: the snapshot may not contain it.
        """
        self._snapshots[snapshot.account] = snapshot
        shown = {order.order_id for order in snapshot.open_orders}
        gone = [
            order
            for order in self._open.values()
            if order.account == snapshot.account
            and order.venue == snapshot.venue
            and order.order_id not in shown
            and order.ts_received_ns < snapshot.ts_received_ns - SNAPSHOT_LAG_NS
        ]
        for order in gone:
            del self._open[order.account, order.order_id]
        return [_ended(order, GONE) for order in gone]

    def end(self, account: str, below: int, reason: str) -> list[OrderUpdate]:
        """End an account's orders with ids below and return them: the venue was asked, and none of them rests."""
        gone = [order for order in self._open.values() if order.account == account and order.order_id < below]
        ended = [_ended(order, reason) for order in gone]
        for order in ended:
            del self._open[order.account, order.order_id]
            _keep(self._finished, order, FINISHED_MAX)
        return ended

    def forget_market(self, venue: str, symbol: str) -> None:
        """Drop what is known of a market that is over: nothing rests in it."""
        ended = [order for order in self._open.values() if order.venue == venue and order.symbol == symbol]
        for order in ended:
            del self._open[order.account, order.order_id]
            self._heard_ns.pop((order.account, symbol), None)

    def open(self) -> Iterator[OrderUpdate]:
        """Yield every order that may still be filled.

        An order that only the venue's snapshot shows has no algo_id; it counts until its market is heard of.
        """
        yield from self._open.values()
        for snapshot in self._snapshots.values():
            for order in snapshot.open_orders:
                heard_ns = self._heard_ns.get((snapshot.account, order.symbol), 0)
                known = (snapshot.account, order.order_id) in self._open
                if not known and heard_ns <= snapshot.ts_received_ns - SNAPSHOT_LAG_NS:
                    yield _of_snapshot(snapshot, order)

    def finished(self) -> Iterator[OrderUpdate]:
        """Yield the last ended orders, newest first."""
        return reversed(self._finished.values())


def _ended(order: OrderUpdate, reason: str) -> OrderUpdate:
    return msgspec.structs.replace(order, state=OrderState.CANCELLED, leaves_lots=0, reason=reason)


def _keep(orders: dict[Name, OrderUpdate], update: OrderUpdate, orders_max: int) -> None:
    orders[update.account, update.order_id] = update
    if len(orders) > orders_max:
        del orders[next(iter(orders))]


def _of_snapshot(snapshot: AccountState, order: OpenOrder) -> OrderUpdate:
    return OrderUpdate(
        account=snapshot.account,
        algo_id="",
        venue=snapshot.venue,
        symbol=order.symbol,
        order_id=order.order_id,
        order_sequence=0,
        venue_order_id=order.venue_order_id,
        outcome=order.outcome,
        side=order.side,
        price_ticks=order.price_ticks,
        quantity_lots=order.leaves_lots,
        leaves_lots=order.leaves_lots,
        state=OrderState.LIVE,
        reason="known from the venue's account snapshot",
        ts_event_ns=snapshot.ts_event_ns,
        ts_received_ns=snapshot.ts_received_ns,
    )
