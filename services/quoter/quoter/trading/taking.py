"""The one order that takes from the book, near the end or what others offer too cheaply, behind a pass."""

from __future__ import annotations

from common.pretrade import shut

from quoter.trading.bot import Bot, QuotedMarket
from quoter.trading.memory import NOTHING_SENT, record_of
from quoter.trading.trader import Trader

LIVELY = ("quoting", "reduce_only", "crossing")
"""States of a plan in which orders may go out."""


IN_FLIGHT = "a taking order is in flight"


def cross(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> None:
    """Take from the book what the strategy wants taken; behind a pass of the same moment.

    Near the end everything of ours goes from the market first, so that nothing can be executed twice over; then one
    order goes out that takes at once or never. When something is to be taken and no order goes, the reason is kept.
    """
    before = quoted.not_taking
    quoted.not_taking = _cross(trader, bot, quoted, now_ns)
    if quoted.not_taking and quoted.not_taking != before and quoted.plan is not None:
        trader.memory.note(bot.algo_id, record_of(quoted, "", *NOTHING_SENT))


def _cross(trader: Trader, bot: Bot, quoted: QuotedMarket, now_ns: int) -> str:
    """Do so; return why not, or an empty text."""
    strategy = quoted.strategy
    if quoted.plan is None or quoted.plan.state not in LIVELY:
        strategy.let_be()
        return ""
    if not strategy.takes_beside and _in_flight(trader, bot, quoted):
        return IN_FLIGHT
    found = strategy.to_take(quoted, trader.orders, now_ns)
    if isinstance(found, str):
        return found
    if strategy.takes_beside and _in_flight(trader, bot, quoted):
        # Asked behind the strategy, which has nothing to take at nearly every pass.
        return IN_FLIGHT
    if not strategy.takes_beside:
        if quoted.plan.state != "crossing":
            trader.quote(bot, quoted, now_ns)
        if trader.orders.of(bot.algo_id, quoted.terms.symbol):
            return "own orders are still there"
    closed = shut(quoted.context)
    if closed is not None:
        return closed[0].value
    trader.refused = []
    admitted = trader.admitted(bot, quoted, [found], now_ns, immediate=True)
    trader.place(quoted, admitted)
    quoted.not_taking = ""
    placed = [each.order for each in admitted]
    trader.memory.note(bot.algo_id, record_of(quoted, "", [], placed, trader.refused, taking=True))
    strategy.took(len(admitted), now_ns)
    return ""


def _in_flight(trader: Trader, bot: Bot, quoted: QuotedMarket) -> bool:
    return any(order.immediate for order in trader.orders.of(bot.algo_id, quoted.terms.symbol))
