"""Be flat at expiry: what a market should take from the book now, and the one order that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.pretrade import View, shut

from quoter.binary.crossing import Taking, bound, offers, taking, to_give_up
from quoter.orders.diff import Wanted
from quoter.orders.holdings import Held
from quoter.orders.own_orders import Orders
from quoter.trading.bot import Bot, Line
from quoter.views.explain import NOTHING_SENT, record_of

if TYPE_CHECKING:
    from quoter.trading.trader import Desk

LIVELY = ("quoting", "reduce_only", "crossing")
"""States of a plan in which orders may go out."""


def cross(desk: Desk, bot: Bot, line: Line, now_ns: int) -> None:
    """Take from the book what is left of |net| near the end; behind a pass of the same moment.

    First everything of ours goes from the market, so that nothing can be executed twice over; then one order goes out
    that takes at once or never. When something is to be given up and no order goes, the reason is kept.
    """
    crossing, before = line.crossing, line.crossing.why
    crossing.why = _cross(desk, bot, line, now_ns)
    if crossing.why and crossing.why != before and line.plan is not None:
        desk.memory.note(bot.algo_id, record_of(line, "", *NOTHING_SENT))


def _cross(desk: Desk, bot: Bot, line: Line, now_ns: int) -> str:
    """Do so; return why not, or an empty text."""
    crossing, view = line.crossing, line.view
    if not line.config.unwind.cross_from_s or line.plan is None or line.plan.state not in LIVELY:
        crossing.taking = None
        return ""
    if any(order.immediate for order in desk.orders.of(bot.algo_id, line.terms.symbol)):
        return "an order that takes is on its way"
    found = to_take(line, view, desk.orders)
    waits = now_ns < crossing.next_at_ns
    crossing.taking = None if waits or isinstance(found, str) else found
    if isinstance(found, str):
        return found
    if waits:
        return "waits after the last order that took"
    if line.plan.state != "crossing":
        desk.quote(bot, line, now_ns)
    if desk.orders.of(bot.algo_id, line.terms.symbol):
        return "own orders are still there"
    closed = shut(view)
    if closed is not None:
        return closed[0].value
    want = Wanted(found.outcome, found.price_ticks, found.quantity_lots, found.side)
    desk.refused = []
    admitted = desk.admitted(bot, line, [want], [], now_ns, immediate=True)
    desk.put(line, [], admitted)
    crossing.why = ""
    desk.memory.note(bot.algo_id, record_of(line, "", [], admitted, desk.refused, taking=True))
    crossing.orders += len(admitted)
    crossing.sent(now_ns, line.config.unwind)
    return ""


def to_take(line: Line, view: View, orders: Orders) -> Taking | str:
    """Return the order that should cross the book of a market now, or why there is none; empty: nothing to give up."""
    crossing, unwind, terms = line.crossing, line.config.unwind, line.terms
    cost_max = bound(terms.seconds_left(view.venue_now_ns), line.config.inventory.close_threshold_s, unwind)
    held = Held(view.held_yes_lots, view.held_no_lots, view.doubt_yes_lots, view.doubt_no_lots)
    net = to_give_up(held)
    if cost_max < 0.0 or abs(net) <= unwind.cross_tolerance:
        return ""
    if view.fair is None or view.limits is None:
        return "no fair value or no limits"
    if crossing.book is None:
        return "no book has been seen"
    if crossing.spent >= unwind.cross_budget:
        return "what crossing may cost in this market is spent"
    units = terms.grid.ticks_per_unit
    own_bids, own_asks = orders.levels(terms.symbol, units)
    book = crossing.book
    found = taking(
        net,
        view.fair,
        offers(book.bids, units, own_bids) if net > 0 else offers(book.asks, units, own_asks),
        units,
        cost_max=cost_max,
        budget=unwind.cross_budget - crossing.spent,
        lots_max=view.limits.max_order_lots,
        sellable_lots=held.yes_lots - held.doubt_yes_lots if net > 0 else held.no_lots - held.doubt_no_lots,
        unwind=unwind,
    )
    return found if found is not None else "nothing in the book is worth its price"
