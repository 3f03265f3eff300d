"""The account's own orders by client id: what each is, how far it got, and what of it may still be executed.

Only fills reduce what is open. When the venue says that more was executed than the fills we have seen, the difference
stays in the exposure until its fills arrive. Orders that ended are remembered for a while, because a fill may come
after the news of the cancel.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

import msgspec
from common.events import OrderUpdate
from common.instruments import BUY, SELL, Instrument, OnAxis, Outcome, Side, pair_lots
from common.orders import CANCELLING, FILLED, LIVE, SUBMITTING, UNKNOWN, OrderState, may_step
from common.pretrade import CheckContext

from quoter.orders.terms import Terms
from quoter.venues.base import Execution, OrderReport

FINISHED_MAX = 20_000
"""Ended orders remembered for late fills and for recognising own ids."""


NEVER_SENT = "withdrawn before it was sent"
HEDGES = "hedges/"
"""Before the id of a bot, where orders are filed by whom they are for: those that hedge for it."""

Others = Callable[[str, Callable[[Outcome], Instrument]], tuple[int, int]]
"""Tells the highest price bid and the lowest offered in a market, given what its instruments are; 0 is none."""


class Standing(NamedTuple):
    """Where an order stands, and its whole size, with what is filled."""

    price_ticks: int
    quantity_lots: int


class Order(msgspec.Struct, eq=False):
    """One order of the account, from the moment it is sent."""

    order_id: int
    algo_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    state: OrderState = SUBMITTING
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
    trades: set[str] = msgspec.field(default_factory=set)
    cancels_refused: int = 0
    cancel_from_ns: int = 0
    """A cancel that was refused is not sent again before."""
    shelf: OpenOrders | None = None
    """Where it is filed while it lives; None until it is taken in."""
    parent_id: str = ""
    """The hedge parent it is a child of; '' for what a bot's strategy wants."""
    spared_halts: tuple[str, ...] = ()
    """Of a hedge: reasons of halts of its bot that leave it where it is."""
    before: Standing | None = None
    """Where it stood before an amendment that the venue has not confirmed; both count until it has."""
    amended: bool = False
    """It was given another price or size at least once, so that where the venue says it stands may differ from ours."""
    on_axis: OnAxis | None = None
    """As its market's price axis has it; None until somebody has asked, and again when its ticks have changed."""

    @property
    def leaves_lots(self) -> int:
        """Shares that may still be executed as far as we know."""
        if not self.state.terminal:
            return (self.quantity_lots if self.before is None else self.most_lots) - self.filled_lots
        return 0 if self.inherited else max(0, self.executed_lots - self.filled_lots)

    @property
    def most_lots(self) -> int:
        """Its whole size, the larger one while an amendment is on its way."""
        before = self.before
        return self.quantity_lots if before is None else max(self.quantity_lots, before.quantity_lots)

    @property
    def filed_under(self) -> str:
        """Return whose orders it is among: hedges for a bot are not what its strategy has resting."""
        return HEDGES + self.algo_id if self.parent_id else self.algo_id

    def stand_on(self, instrument: Instrument) -> OnAxis:
        """Find out how the axis has it; `instrument` is what it buys or sells."""
        found = self.on_axis = instrument.on_axis(self.side, self.price_ticks)
        return found


@dataclass(slots=True)
class Counts:
    """How many orders a bot has, and what became of all it ever had."""

    living: int = 0
    sent: int = 0
    executions: int = 0


@dataclass(slots=True)
class OpenOrders:
    """The living orders of one bot in one market."""

    bot: Counts
    orders: dict[int, Order] = field(default_factory=dict)
    version: int = 0
    """Grows with every change, so that an unchanged market is recognised without looking."""
    best: tuple[int, int] = (0, 0)
    """Highest price bid and lowest offered on the axis, 0 for none, of the version below."""
    best_version: int = -1


class Orders:
    """All orders of the account: living ones by market and bot, ended ones by id."""

    def __init__(self) -> None:
        self.by_id: dict[int, Order] = {}
        """Every order known, living and ended: read by those who ask of each order, changed only here."""
        self._living: dict[int, Order] = {}
        self._finished: OrderedDict[int, Order] = OrderedDict()
        """Oldest first. The front of a plain dict would have to be looked for among all that was deleted there."""
        self._markets: dict[str, dict[str, OpenOrders]] = {}
        self._counts: dict[str, Counts] = {}
        """By bot."""
        self.others: Others | None = None
        """The best prices of our other accounts at the venue, where there are any."""

    def __contains__(self, order_id: object) -> bool:
        return order_id in self.by_id

    def __len__(self) -> int:
        return len(self._living)

    def get(self, order_id: int) -> Order | None:
        return self.by_id.get(order_id)

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
            open_orders = shelves[algo_id] = OpenOrders(self._counts.setdefault(algo_id, Counts()))
        return open_orders

    def of(self, algo_id: str, symbol: str) -> list[Order]:
        open_orders = self._markets.get(symbol, {}).get(algo_id)
        return list(open_orders.orders.values()) if open_orders else []

    def selling(self, algo_id: str, symbol: str) -> tuple[int, int]:
        """Return how many YES and NO shares a bot's asks may still sell."""
        yes = no = 0
        for order in self.of(algo_id, symbol):
            if order.side is SELL:
                of_yes, of_no = pair_lots(order.outcome, order.leaves_lots)
                yes, no = yes + of_yes, no + of_no
        return yes, no

    def levels(self, terms: Terms) -> tuple[dict[int, int], dict[int, int]]:
        """Return the account's own lots bid for and offered in a market, by price on its axis."""
        sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for open_orders in self._markets.get(terms.symbol, {}).values():
            for order in open_orders.orders.values():
                bids, ticks = order.on_axis or order.stand_on(terms.of(order.outcome))
                side = sides[0 if bids else 1]
                side[ticks] = side.get(ticks, 0) + order.leaves_lots
                if order.before is not None:
                    _, ticks = terms.of(order.outcome).on_axis(order.side, order.before.price_ticks)
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
                for price_ticks in _prices_of(order):
                    bids, ticks = instrument_of(order.outcome).on_axis(order.side, price_ticks)
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
        counts = self._counts.get(algo_id)
        return counts.living if counts is not None else 0

    def counts_of(self, algo_id: str) -> tuple[int, int]:
        """Return how many orders of a bot were ever taken in, and how many executions there ever were."""
        counts = self._counts.get(algo_id)
        return (counts.sent, counts.executions) if counts is not None else (0, 0)

    # --- changes ------------------------------------------------------------------------------------------------

    def add(self, order: Order) -> None:
        """Take in an order that is about to be sent."""
        assert order.order_id not in self.by_id, f"order id {order.order_id} is used twice"
        self.by_id[order.order_id] = self._living[order.order_id] = order
        shelf = order.shelf = self.open_orders(order.filed_under, order.symbol)
        shelf.orders[order.order_id] = order
        shelf.version += 1
        shelf.bot.living += 1
        shelf.bot.sent += 1

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
                state=UNKNOWN,
                inherited=True,
                parent_id=update.parent_id,
            )
            self.add(order)
        if not order.inherited or update.order_sequence < order.told_sequence:
            return
        order.sequence = order.told_sequence = update.order_sequence
        order.venue_order_id = update.venue_order_id or order.venue_order_id
        order.executed_lots = max(order.executed_lots, update.executed_lots)
        if update.state.terminal:
            order.state = update.state
        else:
            order.filled_lots = max(order.filled_lots, update.quantity_lots - update.leaves_lots)
        self._settle(order)

    def report(self, order: Order, report: OrderReport) -> bool:
        """Take in the venue's snapshot of an order; return whether something changed."""
        sequence, ts_event_ns, executed_lots = report.venue_sequence, report.ts_event_ns, report.executed_lots
        if sequence < order.venue_sequence:
            return False
        order.venue_sequence, order.venue_order_id = sequence, report.venue_order_id
        if ts_event_ns > order.ts_event_ns:
            order.ts_event_ns = ts_event_ns
        executed = executed_lots > order.executed_lots
        if executed:
            order.executed_lots = executed_lots
        # One of a predecessor may have been amended in its last moment, without a word to the bus.
        moved = (order.amended or order.inherited) and self._stand(
            order, Standing(report.price_ticks, report.quantity_lots)
        )
        state = report.state
        if state is LIVE and order.state is CANCELLING:
            # It rests, and our cancel is still on its way.
            state = CANCELLING
        if state is order.state and not executed:
            # A repeat: a venue tells each change in its answer and in a frame of its own.
            return moved
        changed = self.step(order, state, report.reason)
        if executed:
            self._settle(order)
        return changed or executed or moved

    def amend(self, order: Order, to: Standing, on_axis: OnAxis) -> None:
        """Count an order at another price and size, which is about to be sent, beside those that it has."""
        self.step(order, LIVE)
        order.before, order.amended = Standing(order.price_ticks, order.quantity_lots), True
        order.price_ticks, order.quantity_lots, order.on_axis = *to, on_axis
        order.sequence += 1
        # For the ratio of orders to fills it is another one.
        self._counts[order.filed_under].sent += 1
        self._settle(order)

    def unamend(self, order: Order) -> None:
        """The amendment never left, or was refused: the order stands as it stood."""
        assert order.before is not None, "an amendment is on its way"
        (order.price_ticks, order.quantity_lots), order.before, order.on_axis = order.before, None, None
        order.sequence += 1
        self._settle(order)

    def _stand(self, order: Order, at: Standing) -> bool:
        """Take over where the venue says that an order stands; return whether that is news."""
        if at == (order.price_ticks, order.quantity_lots):
            if order.before is None:
                return False
            order.before = None
        elif at == order.before and order.state is not UNKNOWN:
            # Told before the amendment was there.
            return False
        else:
            (order.price_ticks, order.quantity_lots), order.before, order.on_axis = at, None, None
        order.sequence += 1
        self._settle(order)
        return True

    def execution(self, execution: Execution) -> Order | None:
        """Book a fill on its order; return the order, or None when the order is unknown or the fill is a repeat."""
        order = self.get(execution.order_id)
        if order is None or execution.trade_id in order.trades:
            return None
        order.trades.add(execution.trade_id)
        self._counts[order.filed_under].executions += 1
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
        if order.filled_lots >= order.most_lots and may_step(order.state, FILLED):
            order.state, order.reason = FILLED, ""
        elif order.state in (SUBMITTING, UNKNOWN):
            order.state = LIVE
        self._settle(order)
        return order

    def step(self, order: Order, state: OrderState, reason: str = "") -> bool:
        """Move an order by something we did or did not hear, when that is a legal step; return whether it moved."""
        if state is order.state or state not in order.state.following:
            return False
        order.state, order.reason = state, reason
        order.sequence += 1
        self._settle(order)
        return True

    def withdraw(self, order: Order) -> None:
        """End an order that was taken in and never sent: to the venue and to every count it is as if it never was."""
        self._counts[order.filed_under].sent -= 1
        self.step(order, OrderState.REJECTED, NEVER_SENT)

    def _settle(self, order: Order) -> None:
        """File an order among the living or the ended, whatever it was before."""
        shelf, order_id = order.shelf, order.order_id
        assert shelf is not None, "an order is taken in before anything becomes of it"
        alive = not order.state.terminal or order.leaves_lots > 0
        if alive is not (order_id in self._living):
            if alive:
                # A late report of executions we have not seen brings an ended order back into the exposure; its
                # market may have been forgotten meanwhile.
                shelf = order.shelf = self.open_orders(order.filed_under, order.symbol)
                del self._finished[order_id]
                self._living[order_id] = shelf.orders[order_id] = order
                shelf.bot.living += 1
            else:
                del self._living[order_id], shelf.orders[order_id]
                shelf.bot.living -= 1
                self._finish(order)
        shelf.version += 1

    def _finish(self, order: Order) -> None:
        """Remember an order that has ended, and forget the one that ended first."""
        self._finished[order.order_id] = order
        if len(self._finished) > FINISHED_MAX:
            oldest, _ = self._finished.popitem(last=False)
            del self.by_id[oldest]

    def regrid(self, symbol: str, old: Decimal, new: Decimal) -> list[Order]:
        """Count the prices of a market's living orders in its new ticks; return those that lie between two of them.

        A price between is counted at the tick that weighs more, until its order is gone.
        """
        between = []
        for open_orders in self._markets.get(symbol, {}).values():
            open_orders.version += 1
            for order in open_orders.orders.values():
                exact = order.price_ticks * old / new
                rounding = ROUND_CEILING if order.side is BUY else ROUND_FLOOR
                order.price_ticks, order.on_axis = int(exact.to_integral_value(rounding)), None
                if order.before is not None:
                    before = order.before.price_ticks * old / new
                    order.before = order.before._replace(price_ticks=int(before.to_integral_value(rounding)))
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

    def load_open_orders(self, context: CheckContext, algo_id: str, symbol: str) -> None:
        """Enter what is open in a market into its context: the bot's own sizes, and the best prices of all bots.

        An order whose cancel has been sent, or goes ahead in the same frame, still counts as exposure. Its price no
        longer counts against the other side: the venue works a connection's frames off in order, so it is gone before
        a new order arrives.
        """
        inventory = context.inventory
        add_open = inventory.add_open
        inventory.clear_open()
        context.open_bids = context.open_asks = 0
        context.own_places.clear()
        shelves = self._markets.get(symbol, {})
        mine = shelves.get(algo_id)
        for order in mine.orders.values() if mine is not None else ():
            outcome, side = order.outcome, order.side
            bids, _ = order.on_axis or order.stand_on(inventory.instrument(outcome))
            add_open(outcome, side, order.leaves_lots)
            if bids:
                context.open_bids += 1
            else:
                context.open_asks += 1
            if order.state is not CANCELLING and not order.state.terminal:
                context.own_places.add((outcome, side, order.price_ticks))
        best_bid, best_ask = 0, 0
        for shelf in shelves.values():
            # Of all the bots in a market few have moved since another looked.
            bid, ask = shelf.best if shelf.best_version == shelf.version else _find_best(shelf, inventory.instrument)
            if bid > best_bid:
                best_bid = bid
            if ask and (not best_ask or ask < best_ask):
                best_ask = ask
        context.best_bid_ticks, context.best_ask_ticks = best_bid, best_ask
        if self.others is not None:
            context.others_bid_ticks, context.others_ask_ticks = self.others(symbol, inventory.instrument)
        context.open_orders = self.count(algo_id)


def _find_best(shelf: OpenOrders, instrument_of: Callable[[Outcome], Instrument]) -> tuple[int, int]:
    """Return the highest price bid and the lowest offered of what rests or is on its way; 0 is none."""
    best_bid = best_ask = 0
    for order in shelf.orders.values():
        if order.state is CANCELLING or order.state.terminal:
            continue
        bids, ticks = order.on_axis or order.stand_on(instrument_of(order.outcome))
        if order.before is not None:
            _, before = instrument_of(order.outcome).on_axis(order.side, order.before.price_ticks)
            ticks = max(ticks, before) if bids else min(ticks, before)
        if bids:
            best_bid = max(best_bid, ticks)
        elif not best_ask or ticks < best_ask:
            best_ask = ticks
    shelf.best, shelf.best_version = (best_bid, best_ask), shelf.version
    return shelf.best


def _prices_of(order: Order) -> tuple[int, ...]:
    """Return where an order may stand: at two prices while an amendment is on its way."""
    return (order.price_ticks,) if order.before is None else (order.price_ticks, order.before.price_ticks)


def _has_orders(open_orders: OpenOrders | None) -> bool:
    return open_orders is not None and bool(open_orders.orders)


def resting(orders: Iterable[Order]) -> list[Order]:
    """Return the orders that a cancel could still reach and that have none on its way."""
    return [order for order in orders if not order.state.terminal and order.state is not CANCELLING]
