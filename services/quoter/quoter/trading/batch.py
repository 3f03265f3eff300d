"""What the passes of one turn want sent to the venue and told on the bus: it leaves together, when the turn ends.

What is placed and cancelled in one turn never leaves: its cancel would go ahead of it, find nothing, and it would rest.
Where the venue amends, a new order of a coin and the cancel of one on the same side are one amendment of that one: the
check has seen it as new exposure beside the old one, and what forbids new orders leaves the cancel alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from common.core import Effect
from common.instruments import NONE, InstrumentKind, Side
from common.orders import CANCELLING, LIVE
from common.pretrade import Approved

from quoter.orders.own_depth import OwnDepthOut
from quoter.orders.own_orders import Order, Orders, Standing
from quoter.trading.order_updates import OrderUpdatesOut
from quoter.venues.base import NO_PARAMETERS, Amending, Amendment, Placement, Session


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
        self._amending = session if isinstance(session, Amending) else None
        self._cancelling: dict[int, None] = {}
        self._replaceable: dict[tuple[str, str, Side], list[Order]] = {}
        """Those of them that rest and could be amended, by bot, market and side."""
        self._amendments: dict[int, Amendment] = {}
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
                continue
            if self._amendments.pop(order.order_id, None) is not None:
                self._orders.unamend(order)
            if self._amending is not None and _may_be_amended(order):
                self._replaceable.setdefault((order.algo_id, order.symbol, order.side), []).append(order)
            step(order, CANCELLING)
            cancelling[order.order_id] = None

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

    def place(self, approved: Approved, now_ns: int, child: ChildTerms | None = None) -> int:
        """Send an order that rests and never takes, or one that takes at once and never rests; return its id.

        A hedge's child may take and then rest. Where a cancel is in the batch whose order can be amended in place of
        both, the id is that order's.
        """
        new = approved.order
        if self._replaceable and child is None and new.post_only:
            replaced = self._replaceable.get((new.algo_id, new.instrument.symbol, new.side))
            if replaced:
                return self._amend(replaced.pop(0), approved, now_ns)
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
        return order_id

    def _amend(self, order: Order, approved: Approved, now_ns: int) -> int:
        """Give an order that was to be cancelled the price and size of a new one."""
        new, instrument = approved.order, approved.order.instrument
        del self._cancelling[order.order_id]
        to = Standing(new.price_ticks, order.filled_lots + new.quantity_lots)
        self._orders.amend(order, to, approved.on_axis)
        order.sent_ns = now_ns
        self._news.note(order)
        self._spot[order.symbol] = None
        self._amendments[order.order_id] = Amendment(order.order_id, *to, instrument.tick_size, instrument.lot_size)
        return order.order_id

    def publish(self, target: Effect) -> None:
        self._targets.append(target)

    def send(self, epoch: int, now_ns: int) -> Sequence[Effect]:
        """Hand the batch to the session; nothing else goes to the venue before it.

        What a public book will show of ours is told first. The news of new orders follows the frame, for the queue at
        the venue, but in the same turn: when we die, our successor knows whose orders these are. What has become of
        earlier ones goes along. Targets come last.
        """
        changed = self._cancelling or self._placing or self._amendments
        if not changed and not self._targets:
            return ()
        effects: list[Effect] = []
        if changed:
            cancels, placements, senders = list(self._cancelling), list(self._placing.values()), self._senders
            amendments = list(self._amendments.values())
            self._cancelling, self._placing, self._senders, self._amendments = {}, {}, {}, {}
            self._replaceable.clear()
            # Without a connection these were lost with it, and recovery asks what became of them.
            if self._session.connected:
                if self._spot:
                    effects += self._own_depth.tell_sent(self._spot, epoch, now_ns)
                    self._spot = {}
                if amendments and self._amending is not None:
                    effects += self._amending.send_amended(cancels, amendments, placements, now_ns)
                else:
                    effects += self._session.send(cancels, placements, now_ns)
            for algo_id in senders:
                effects += self._news.tell_sent(algo_id, epoch, now_ns)
        if self._targets:
            effects += self._targets
            self._targets = []
        return effects


def _may_be_amended(order: Order) -> bool:
    """Say whether an order rests for a strategy, as far as the venue has said, with no amendment on its way."""
    return order.outcome is NONE and order.state is LIVE and order.before is None and not order.parent_id
