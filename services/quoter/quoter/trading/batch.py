"""What the passes of one turn want sent to the venue and told on the bus: it leaves together, when the turn ends.

What is placed and cancelled in one turn never leaves: its cancel would go ahead of it, find nothing, and it would rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from common.core import Effect
from common.instruments import InstrumentKind
from common.orders import CANCELLING
from common.pretrade import Approved

from quoter.orders.own_depth import OwnDepthOut
from quoter.orders.own_orders import Order, Orders
from quoter.trading.order_updates import OrderUpdatesOut
from quoter.venues.base import NO_PARAMETERS, Placement, Session


class ChildTerms(NamedTuple):
    """What an order that hedges has beside its price and size."""

    parent_id: str
    immediate: bool
    """It never rests: what cannot trade at once is gone."""
    parameters: Mapping[str, str]
    """For the venue, as the configuration has them."""
    spared_halts: tuple[str, ...]
    """Reasons of halts of its bot that leave it where it is."""


class Batch:
    """Cancels, new orders and targets, entered in our own books at once."""

    def __init__(self, session: Session, orders: Orders, news: OrderUpdatesOut, own_depth: OwnDepthOut) -> None:
        self._session, self._orders, self._news, self._own_depth = session, orders, news, own_depth
        self._cancelling: list[int] = []
        self._placing: dict[int, Placement] = {}
        """By order id, in the order of placing."""
        self._targets: list[Effect] = []
        self._senders: dict[str, None] = {}
        """Bots with orders in the batch."""
        self._spot: dict[str, None] = {}
        """Spot markets of orders in the batch."""

    def cancel(self, orders: Iterable[Order]) -> None:
        """Cancel orders, or take back those that have not left."""
        placing, step, cancelling = self._placing, self._orders.step, self._cancelling
        for order in orders:
            if order.order_id in placing:
                self.withdraw(order)
            else:
                step(order, CANCELLING)
                cancelling.append(order.order_id)

    def withdraw(self, order: Order) -> bool:
        """Take an order out that has not left; return False when it is not in the batch, so that it has."""
        if self._placing.pop(order.order_id, None) is None:
            return False
        self._news.forget(order)
        self._orders.withdraw(order)
        return True

    def unsent(self, orders: Iterable[Order]) -> list[Order]:
        """Return those of the orders that are in the batch and have not left."""
        placing = self._placing
        return [order for order in orders if order.order_id in placing] if placing else []

    def place(self, approved: Approved, now_ns: int, child: ChildTerms | None = None) -> None:
        """Send an order that rests and never takes, or one that takes at once and never rests.

        A hedge's child may take and then rest.
        """
        new = approved.order
        order_id, instrument, side, ticks = new.order_id, new.instrument, new.side, new.price_ticks
        lots, symbol, outcome = new.quantity_lots, instrument.symbol, instrument.outcome
        order = Order(order_id, new.algo_id, symbol, outcome, side, ticks, lots)
        immediate = not new.post_only
        if child is not None:
            order.parent_id, order.spared_halts = child.parent_id, child.spared_halts
            immediate = child.immediate
        order.immediate, order.sent_ns, order.on_axis = immediate, now_ns, approved.on_axis
        self._orders.add(order)
        self._news.note(order)
        self._senders[new.algo_id] = None
        if instrument.kind is InstrumentKind.SPOT:
            self._spot[symbol] = None
        self._placing[order_id] = Placement(
            order_id,
            symbol,
            outcome,
            side,
            ticks,
            lots,
            new.post_only,
            immediate,
            instrument.tick_size,
            instrument.lot_size,
            NO_PARAMETERS if child is None else child.parameters,
        )

    def publish(self, target: Effect) -> None:
        self._targets.append(target)

    def send(self, epoch: int, now_ns: int) -> list[Effect]:
        """Hand the batch to the session; nothing else goes to the venue before it.

        What a public book will show of ours is told first. The news of new orders follows the frame, for the queue at
        the venue, but in the same turn: when we die, our successor knows whose orders these are. What has become of
        earlier ones goes along. Targets come last.
        """
        effects: list[Effect] = []
        if self._cancelling or self._placing:
            cancels, placements, senders = self._cancelling, list(self._placing.values()), self._senders
            self._cancelling, self._placing, self._senders = [], {}, {}
            # Without a connection these were lost with it, and recovery asks what became of them.
            if self._session.connected:
                if self._spot:
                    effects += self._own_depth.tell_sent(self._spot, epoch, now_ns)
                    self._spot = {}
                effects += self._session.send(cancels, placements, now_ns)
            for algo_id in senders:
                effects += self._news.tell_sent(algo_id, epoch, now_ns)
        if self._targets:
            effects += self._targets
            self._targets = []
        return effects
