"""Be flat at expiry: what a market should take from the book now."""

from __future__ import annotations

from common.pretrade import CheckContext

from quoter.binary.crossing import Taking, bound, offers, taking, to_give_up
from quoter.orders.own_orders import Orders
from quoter.trading.bot import QuotedMarket


def to_take(quoted: QuotedMarket, context: CheckContext, orders: Orders) -> Taking | str:
    """Return the order that should cross the book of a market now, or why there is none; empty: nothing to give up."""
    crossing, unwind, terms = quoted.crossing, quoted.config.unwind, quoted.terms
    cost_max = bound(terms.seconds_left(context.venue_now_ns), quoted.config.inventory.close_threshold_s, unwind)
    held = quoted.held
    net = to_give_up(held)
    if cost_max < 0.0 or abs(net) <= unwind.cross_tolerance:
        return ""
    if context.fair is None or context.limits is None:
        return "no fair value or no limits"
    if crossing.book is None:
        return "no book has been seen"
    if crossing.spent >= unwind.cross_budget:
        return "what crossing may cost in this market is spent"
    yes = terms.pair.yes
    own_bids, own_asks = orders.levels(terms.pair)
    book = crossing.book
    found = taking(
        net,
        context.fair,
        offers(book.bids, yes, own_bids) if net > 0 else offers(book.asks, yes, own_asks),
        yes,
        cost_max=cost_max,
        budget=unwind.cross_budget - crossing.spent,
        lots_max=context.limits.max_order_lots,
        sellable_lots=held.yes_lots - held.unconfirmed_yes_lots if net > 0 else held.no_lots - held.unconfirmed_no_lots,
        unwind=unwind,
    )
    return found if found is not None else "nothing in the book is worth its price"
