"""The one order that takes from the book near the end, behind a pass of the same moment."""

from __future__ import annotations

from common.pretrade import shut

from quoter.binary.flatten import to_take
from quoter.orders.diff import TargetOrder
from quoter.trading.bot import Bot, QuotedMarket
from quoter.trading.memory import NOTHING_SENT, record_of
from quoter.trading.trader import Trader

LIVELY = ("quoting", "reduce_only", "crossing")
"""States of a plan in which orders may go out."""


def cross(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> None:
    """Take from the book what is left of |net| near the end; behind a pass of the same moment.

    First everything of ours goes from the market, so that nothing can be executed twice over; then one order goes out
    that takes at once or never. When something is to be given up and no order goes, the reason is kept.
    """
    crossing, before = quoted.crossing, quoted.crossing.why
    crossing.why = _cross(trader, bot, quoted, now_ns)
    if crossing.why and crossing.why != before and quoted.plan is not None:
        trader.memory.note(bot.algo_id, record_of(quoted, "", *NOTHING_SENT))


def _cross(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> str:
    """Do so; return why not, or an empty text."""
    crossing, context = quoted.crossing, quoted.context
    if not quoted.config.unwind.cross_from_s or quoted.plan is None or quoted.plan.state not in LIVELY:
        crossing.taking = None
        return ""
    if any(order.immediate for order in trader.orders.of(bot.algo_id, quoted.terms.symbol)):
        return "a taking order is in flight"
    found = to_take(quoted, context, trader.orders)
    waits = now_ns < crossing.next_at_ns
    crossing.taking = None if waits or isinstance(found, str) else found
    if isinstance(found, str):
        return found
    if waits:
        return "waits after the last taking order"
    if quoted.plan.state != "crossing":
        trader.quote(bot, quoted, now_ns)
    if trader.orders.of(bot.algo_id, quoted.terms.symbol):
        return "own orders are still there"
    closed = shut(context)
    if closed is not None:
        return closed[0].value
    want = TargetOrder(found.outcome, found.price_ticks, found.quantity_lots, found.side)
    trader.refused = []
    admitted = trader.admitted(bot, quoted, [want], [], now_ns, immediate=True)
    trader.put(quoted, [], admitted)
    crossing.why = ""
    placed = [each.order for each in admitted]
    trader.memory.note(bot.algo_id, record_of(quoted, "", [], placed, trader.refused, taking=True))
    crossing.orders += len(admitted)
    crossing.sent(now_ns, quoted.config.unwind)
    return ""
