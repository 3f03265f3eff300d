"""Be flat at expiry: what a market should take from the book now, and the one order that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.pretrade import View, shut

from quoter.bot import Bot, Line
from quoter.crossing import Taking, bound, offers, taking, to_give_up
from quoter.explain import record_of
from quoter.holdings import Held
from quoter.orders import Orders
from quoter.working import Wanted

if TYPE_CHECKING:
    from quoter.desk import Desk

LIVELY = ("quoting", "reduce_only", "crossing")
"""States of a plan in which orders may go out."""


def cross(desk: Desk, bot: Bot, line: Line, now_ns: int) -> None:
    """Take from the book what is left of |net| near the end; behind a pass of the same moment.

    First everything of ours goes from the market, so that nothing can be executed twice over; then one order goes out
    that takes at once or never.
    """
    crossing, view = line.crossing, line.view
    if not line.config.unwind.cross_from_s or line.plan is None or line.plan.state not in LIVELY:
        crossing.taking = None
        return
    if any(order.immediate for order in desk.orders.of(bot.algo_id, line.terms.symbol)):
        return
    crossing.taking = to_take(line, view, desk.orders) if now_ns >= crossing.next_at_ns else None
    if crossing.taking is None:
        return
    if line.plan.state != "crossing":
        desk.quote(bot, line, now_ns)
    if not desk.orders.of(bot.algo_id, line.terms.symbol) and shut(view) is None:
        wanted = crossing.taking
        want = Wanted(wanted.outcome, wanted.price_ticks, wanted.quantity_lots, wanted.side)
        desk.refused = []
        admitted = desk.admitted(bot, line, [want], [], now_ns, immediate=True)
        desk.put(line, [], admitted)
        desk.memory.note(bot.algo_id, record_of(line, "", [], admitted, desk.refused, taking=True))
        crossing.orders += len(admitted)
        crossing.sent(now_ns, line.config.unwind)


def to_take(line: Line, view: View, orders: Orders) -> Taking | None:
    """Return the order that should cross the book of a market now, or None."""
    crossing, unwind, terms = line.crossing, line.config.unwind, line.terms
    if crossing.book is None or view.fair is None or view.limits is None:
        return None
    cost_max = bound(terms.seconds_left(view.venue_now_ns), line.config.inventory.close_threshold_s, unwind)
    if cost_max < 0.0:
        return None
    held = Held(view.held_yes_lots, view.held_no_lots, view.doubt_yes_lots, view.doubt_no_lots)
    net = to_give_up(held)
    if abs(net) <= unwind.cross_tolerance:
        return None
    units = terms.grid.ticks_per_unit
    own_bids, own_asks = orders.levels(terms.symbol, units)
    book = crossing.book
    return taking(
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
