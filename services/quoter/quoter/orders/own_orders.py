"""The account's own orders by client id: what each is, how far it got, and what of it may still be executed.

Only fills reduce what is open. When the venue says that more was executed than the fills we have seen, the difference
stays in the exposure until its fills arrive. Orders that ended are remembered for a while, because a fill may come
after the news of the cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from common.events import OrderUpdate
from common.instruments import Instrument, Outcome, Side, pair_lots
from common.orders import OrderState, may_step
from common.pretrade import CheckContext

from quoter.orders.terms import Terms
from quoter.venues.base import Execution, OrderReport

FINISHED_MAX = 20_000
"""Ended orders remembered for late fills and for recognising own ids."""


NEVER_SENT = "withdrawn before it was sent"

Others = Callable[[str, Callable[[Outcome], Instrument]], tuple[int, int]]
"""Tells the highest price bid and the lowest offered in a market, given what its instruments are; 0 is none."""


@dataclass(slots=True)
class Order:
    """One order of the account, from the moment it is sent."""

    order_id: int
    algo_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    state: OrderState = OrderState.SUBMITTING
    venue_order_id: str = ""
    reason: str = ""
    filled_lots: int = 0
    """Sum of the fills seen."""
    executed_lots: int = 0
    """The most that the venue ever said was executed."""
    sequence: int = 1
    """Counts the changes of this order, as told in OrderUpdate and Fill."""
    venue_sequence: int = 0
    told_sequence: int = 0
    """The last change that was published."""
    sent_ns: int = 0
    ts_event_ns: int = 0
    immediate: bool = False
    """It never rests: what cannot trade at once is gone."""
    inherited: bool = False
    """Sent by a predecessor, whose fills we have not seen one by one."""
    trades: set[str] = field(default_factory=set)
    cancels_refused: int = 0
    cancel_from_ns: int = 0
    """A cancel that was refused is not sent again before."""

    @property
    def leaves_lots(self) -> int:
        """Shares that may still be executed as far as we know."""
        if not self.state.terminal:
            return self.quantity_lots - self.filled_lots
        return 0 if self.inherited else max(0, self.executed_lots - self.filled_lots)

    def step(self, state: OrderState, reason: str = "") -> bool:
        """Go to another state when that is a legal step; return whether something changed."""
        if state is self.state or not may_step(self.state, state):
            return False
        self.state = state
        self.reason = reason
        self.sequence += 1
        return True


@dataclass(slots=True)
class OpenOrders:
    """The living orders of one bot in one market."""

    orders: dict[int, Order] = field(default_factory=dict)
    version: int = 0
    """Grows with every change, so that an unchanged market is recognised without looking."""


class Orders:
    """All orders of the account: living ones by market and bot, ended ones by id."""

    def __init__(self) -> None:
        self._living: dict[int, Order] = {}
        self._finished: dict[int, Order] = {}
        self._markets: dict[str, dict[str, OpenOrders]] = {}
        self._counts: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._executions: dict[str, int] = {}
        self.others: Others | None = None
        """The best prices of our other accounts at the venue, where there are any."""

    def __contains__(self, order_id: object) -> bool:
        return order_id in self._living or order_id in self._finished

    def __len__(self) -> int:
        return len(self._living)

    def get(self, order_id: int) -> Order | None:
        return self._living.get(order_id) or self._finished.get(order_id)

    def living(self) -> Iterator[Order]:
        """Return a snapshot of every order that may still be executed, in order of id."""
        return iter([self._living[order_id] for order_id in sorted(self._living)])

    def unresolved(self) -> list[int]:
        """Return the ids of living orders, which the venue has to be asked about after a break."""
        return sorted(self._living)

    def open_orders(self, algo_id: str, symbol: str) -> OpenOrders:
        shelves = self._markets.get(symbol)
        if shelves is None:
            shelves = self._markets[symbol] = {}
        open_orders = shelves.get(algo_id)
        if open_orders is None:
            open_orders = shelves[algo_id] = OpenOrders()
        return open_orders

    def of(self, algo_id: str, symbol: str) -> list[Order]:
        open_orders = self._markets.get(symbol, {}).get(algo_id)
        return list(open_orders.orders.values()) if open_orders else []

    def selling(self, algo_id: str, symbol: str) -> tuple[int, int]:
        """Return how many YES and NO shares a bot's asks may still sell."""
        yes = no = 0
        for order in self.of(algo_id, symbol):
            if order.side is Side.SELL:
                of_yes, of_no = pair_lots(order.outcome, order.leaves_lots)
                yes, no = yes + of_yes, no + of_no
        return yes, no

    def levels(self, terms: Terms) -> tuple[dict[int, int], dict[int, int]]:
        """Return the account's own lots bid for and offered in a market, by price on its axis."""
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for open_orders in self._markets.get(terms.symbol, {}).values():
            for order in open_orders.orders.values():
                bids, ticks = terms.of(order.outcome).on_axis(order.side, order.price_ticks)
                side = sides[0 if bids else 1]
                side[ticks] = side.get(ticks, 0) + order.leaves_lots
        return sides

    def best(self, symbol: str, instrument_of: Callable[[Outcome], Instrument]) -> tuple[int, int]:
        """Return the highest price bid in a market and the lowest offered, in ticks on its axis; 0 is none.

        All that may still trade counts, also what is being cancelled.
        """
        bid = ask = 0
        for open_orders in self._markets.get(symbol, {}).values():
            for order in open_orders.orders.values():
                if order.state.terminal:
                    continue
                bids, ticks = instrument_of(order.outcome).on_axis(order.side, order.price_ticks)
                if bids:
                    bid = max(bid, ticks)
                else:
                    ask = min(ask, ticks) if ask else ticks
        return bid, ask

    def symbols_of(self, algo_id: str) -> list[str]:
        """Return the markets where a bot has living orders, sorted."""
        return sorted(symbol for symbol, shelves in self._markets.items() if _has_orders(shelves.get(algo_id)))

    def count(self, algo_id: str) -> int:
        """Return how many living orders a bot has."""
        return self._counts.get(algo_id, 0)

    def counts_of(self, algo_id: str) -> tuple[int, int]:
        """Return how many orders of a bot were ever taken in, and how many executions there ever were."""
        return self._sent.get(algo_id, 0), self._executions.get(algo_id, 0)

    # --- changes ------------------------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Take in an order that is about to be sent."""
        assert order.order_id not in self, f"order id {order.order_id} is used twice"
        self._living[order.order_id] = order
        open_orders = self.open_orders(order.algo_id, order.symbol)
        open_orders.orders[order.order_id] = order
        open_orders.version += 1
        self._counts[order.algo_id] = self._counts.get(order.algo_id, 0) + 1
        self._sent[order.algo_id] = self._sent.get(order.algo_id, 0) + 1

    def remember(self, update: OrderUpdate) -> None:
        """Take in what a predecessor said about an order; one that had not ended is of unknown outcome."""
        order = self.get(update.order_id)
        if order is None:
            order = Order(
                update.order_id,
                update.algo_id,
                update.symbol,
                update.outcome,
                update.side,
                update.price_ticks,
                update.quantity_lots,
                state=OrderState.UNKNOWN,
                inherited=True,
            )
            self.add(order)
        if not order.inherited or update.order_sequence < order.told_sequence:
            return
        order.sequence = order.told_sequence = update.order_sequence
        order.venue_order_id = update.venue_order_id or order.venue_order_id
        if update.state.terminal:
            order.state = update.state
        else:
            order.filled_lots = max(order.filled_lots, update.quantity_lots - update.leaves_lots)
        self._settle(order)

    def report(self, report: OrderReport) -> Order | None:
        """Take in the venue's snapshot of an order; return it when something changed, None when nothing did."""
        order = self.get(report.order_id)
        if order is None or report.venue_sequence < order.venue_sequence:
            return None
        order.venue_sequence = report.venue_sequence
        order.venue_order_id = report.venue_order_id
        if report.ts_event_ns > order.ts_event_ns:
            order.ts_event_ns = report.ts_event_ns
        executed = report.executed_lots > order.executed_lots
        if executed:
            order.executed_lots = report.executed_lots
        state = report.state
        if state is OrderState.LIVE and order.state is OrderState.CANCELLING:
            # It rests, and our cancel is still on its way.
            state = OrderState.CANCELLING
        if state is order.state and not executed:
            # A repeat: a venue tells each change in its answer and in a frame of its own.
            return None
        changed = order.step(state, report.reason)
        self._settle(order)
        return order if changed or executed else None

    def execution(self, execution: Execution) -> Order | None:
        """Book a fill on its order; return the order, or None when the order is unknown or the fill is a repeat."""
        order = self.get(execution.order_id)
        if order is None or execution.trade_id in order.trades:
            return None
        order.trades.add(execution.trade_id)
        self._executions[order.algo_id] = self._executions.get(order.algo_id, 0) + 1
        if order.inherited:
            # The predecessor may have counted this very fill, so the venue's own sum is taken.
            order.filled_lots = max(order.filled_lots, order.quantity_lots - execution.leaves_lots)
        else:
            order.filled_lots += execution.quantity_lots
        order.executed_lots = max(order.executed_lots, order.filled_lots)
        order.venue_order_id = execution.venue_order_id
        order.venue_sequence = max(order.venue_sequence, execution.venue_sequence)
        order.ts_event_ns = max(order.ts_event_ns, execution.ts_event_ns)
        order.sequence += 1
        if order.filled_lots >= order.quantity_lots and may_step(order.state, OrderState.FILLED):
            order.state, order.reason = OrderState.FILLED, ""
        elif order.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
            order.state = OrderState.LIVE
        self._settle(order)
        return order

    def step(self, order: Order, state: OrderState, reason: str = "") -> bool:
        """Move an order by something we did or did not hear; return whether it moved."""
        moved = order.step(state, reason)
        self._settle(order)
        return moved

    def withdraw(self, order: Order) -> None:
        """End an order that was taken in and never sent: to the venue and to every count it is as if it never was."""
        self._sent[order.algo_id] -= 1
        self.step(order, OrderState.REJECTED, NEVER_SENT)

    def _settle(self, order: Order) -> None:
        """File an order among the living or the ended, whatever it was before."""
        open_orders = self.open_orders(order.algo_id, order.symbol)
        open_orders.version += 1
        alive = not order.state.terminal or order.leaves_lots > 0
        if alive == (order.order_id in self._living):
            return
        if alive:
            # A late report of executions we have not seen brings an ended order back into the exposure.
            del self._finished[order.order_id]
            self._living[order.order_id] = open_orders.orders[order.order_id] = order
            self._counts[order.algo_id] += 1
            return
        del self._living[order.order_id]
        del open_orders.orders[order.order_id]
        self._counts[order.algo_id] -= 1
        self._finished[order.order_id] = order
        if len(self._finished) > FINISHED_MAX:
            del self._finished[next(iter(self._finished))]

    def regrid(self, symbol: str, old: Decimal, new: Decimal) -> list[Order]:
        """Count the prices of a market's living orders in its new ticks; return those that lie between two of them.

        A price between is counted at the tick that weighs more, until its order is gone.
        """
        between = []
        for open_orders in self._markets.get(symbol, {}).values():
            open_orders.version += 1
            for order in open_orders.orders.values():
                exact = order.price_ticks * old / new
                rounding = ROUND_CEILING if order.side is Side.BUY else ROUND_FLOOR
                order.price_ticks = int(exact.to_integral_value(rounding))
                if order.price_ticks != exact:
                    between.append(order)
        return between

    def forget_market(self, symbol: str) -> bool:
        """Drop the shelves of a market that is over; return False while orders are left there."""
        shelves = self._markets.get(symbol, {})
        if any(_has_orders(open_orders) for open_orders in shelves.values()):
            return False
        self._markets.pop(symbol, None)
        return True

    # --- exposure -----------------------------------------------------------------------------------------------

    def load_open_orders(self, context: CheckContext, algo_id: str, symbol: str, leaving: Container[int]) -> None:
        """Enter what is open in a market into its context: the bot's own sizes, and the best prices of all bots.

        An order whose cancel has been sent, or goes ahead in the same frame (`leaving`), still counts as exposure. Its
        price no longer counts against the other side: the venue works a connection's frames off in order, so it is gone
        before a new order arrives.
        """
        inventory = context.inventory
        instrument_of, add_open = inventory.instrument, inventory.add_open
        inventory.clear_open()
        context.open_bids = context.open_asks = 0
        context.own_places.clear()
        best_bid, best_ask = 0, 0
        for shelf_algo_id, open_orders in self._markets.get(symbol, {}).items():
            own = shelf_algo_id == algo_id
            for order in open_orders.orders.values():
                outcome, side = order.outcome, order.side
                bids, ticks = instrument_of(outcome).on_axis(side, order.price_ticks)
                if own:
                    add_open(outcome, side, order.leaves_lots)
                    if bids:
                        context.open_bids += 1
                    else:
                        context.open_asks += 1
                if order.state is OrderState.CANCELLING or order.state.terminal or order.order_id in leaving:
                    continue
                if own:
                    context.own_places.add((outcome, side, order.price_ticks))
                if bids:
                    best_bid = max(best_bid, ticks)
                elif not best_ask or ticks < best_ask:
                    best_ask = ticks
        context.best_bid_ticks, context.best_ask_ticks = best_bid, best_ask
        if self.others is not None:
            context.others_bid_ticks, context.others_ask_ticks = self.others(symbol, instrument_of)
        context.open_orders = self.count(algo_id)


def _has_orders(open_orders: OpenOrders | None) -> bool:
    return open_orders is not None and bool(open_orders.orders)


def resting(orders: Iterable[Order]) -> list[Order]:
    """Return the orders that a cancel could still reach and that have none on its way."""
    return [order for order in orders if not order.state.terminal and order.state is not OrderState.CANCELLING]
