"""The pre-trade check: every new order, whoever wants it, is approved here or rejected with its reason.

The rules are common to all kinds of instrument; what an order does to a position is said by the inventory of its kind.
`check` is a pure function of the order and of what is known at that moment. It refuses when something it needs is
unknown or too old; a limit of 0 is no room at all, never 'no limit'. Cancels never come here: they always pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from common.clock import NS_PER_MS
from common.events import CommonLimits, NotionalLimits
from common.instruments import OnAxis, Side, ceil_ticks
from common.pretrade.context import CheckContext
from common.pretrade.limits import Bounds, MarketLimits
from common.pretrade.orders import Approved, NewOrder, Refusal, Rejection, RejectReason

LIMITS_AGE_MAX_NS = 1_000 * NS_PER_MS
"""Limits, halts and positions are as fresh as the RiskState that carries them, which comes every 250 ms."""
FEED_AGE_MAX_NS = 1_000 * NS_PER_MS
"""FeedStatus, which carries the venue's clock and its silence, comes every 200 ms."""
COLLAR_EPSILON = 1e-9


def scopes_of(account: str, venue: str, algo_id: str, currency: str) -> frozenset[str]:
    """Return the halt scopes that contain an order of this bot there."""
    return frozenset({"global", f"venue-{venue}", f"account-{account}", f"bot-{algo_id}", f"currency-{currency}"})


def first_halt(halts: Iterable[str], scopes: frozenset[str]) -> str:
    """Return the first 'scope:reason' whose scope is one of these, or an empty text."""
    for halt in halts:
        if halt.partition(":")[0] in scopes:
            return halt
    return ""


def check(order: NewOrder, context: CheckContext) -> Approved | Rejection:
    """Return the order approved, which is what can be placed, or why it may not go out."""
    refusal = closed(context) or _order_terms(order, context)
    if refusal is None:
        instrument = order.instrument
        on_axis = instrument.on_axis(order.side, order.price_ticks)
        notional = instrument.money(order.price_ticks, order.quantity_lots)
        approved = Approved(order, on_axis, notional)
        refusal = _beyond_limits(approved, context)
        if refusal is None:
            return approved
    return Rejection(order.order_id, refusal[0], refusal[1])


def closed(context: CheckContext) -> Refusal | None:
    """Return why no order at all may go out in this business now, or None when the door is open."""
    refusal = shut(context) or stale(context)
    closing = context.closing
    if refusal is None and closing is not None and context.venue_now_ns >= closing.close_from_ns:
        return RejectReason.CLOSE_TO_EXPIRY, "nothing may rest this close to expiry"
    return refusal


def shut(context: CheckContext) -> Refusal | None:
    """Return what keeps new orders in although every input may be fine: a halt, the bus, the session, a change."""
    if context.halt:
        return RejectReason.HALTED, context.halt
    if not context.bus_up:
        return RejectReason.BUS_DOWN, "the bus is down or the lease in doubt"
    if not context.reconciled:
        return RejectReason.NOT_RECONCILED, "the venue session is not up and reconciled"
    if not context.deadman_armed:
        return RejectReason.DEADMAN_NOT_ARMED, "the venue does not confirm its dead-man switch"
    if context.limits is not None and context.limits_revision < context.config_revision:
        return (
            RejectReason.CONFIG_BEHIND,
            f"limits are of revision {context.limits_revision}, the bot's is {context.config_revision}",
        )
    return None


def stale(context: CheckContext) -> Refusal | None:
    """Return which input is missing or too old: then nothing may rest either."""
    if context.limits is None:
        return RejectReason.NO_LIMITS, context.no_limits
    if context.limits_age_ns > LIMITS_AGE_MAX_NS:
        return RejectReason.LIMITS_STALE, f"limits are {context.limits_age_ns // NS_PER_MS} ms old"
    if not context.position_known:
        return RejectReason.POSITION_UNKNOWN, "no position from risk"
    if context.feed_age_ns > FEED_AGE_MAX_NS:
        return RejectReason.FEED_SILENT, f"the feed last spoke {context.feed_age_ns // NS_PER_MS} ms ago"
    if context.venue_age_ns > context.venue_age_max_ns:
        return RejectReason.VENUE_SILENT, f"nothing came from the venue for {context.venue_age_ns // NS_PER_MS} ms"
    if not context.clock_known:
        return RejectReason.CLOCK_UNKNOWN, "the venue's clock is not known"
    if abs(context.clock_offset_ns) > context.clock_offset_max_ns:
        return RejectReason.CLOCK_OFFSET, f"the venue's clock is {context.clock_offset_ns // NS_PER_MS:+} ms from ours"
    if context.fair is None or context.fair_age_ns > context.fair_age_max_ns:
        return RejectReason.FAIR_STALE, f"fair value is {context.fair_age_ns // NS_PER_MS} ms old"
    if context.book_stale:
        return RejectReason.BOOK_STALE, "the feed calls this market's data stale"
    return None


def _order_terms(order: NewOrder, context: CheckContext) -> Refusal | None:
    """Return what is wrong with the order itself."""
    instrument, ticks, lots, market = order.instrument, order.price_ticks, order.quantity_lots, context.instrument
    if order.expires_at_ns <= context.now_ns:
        return RejectReason.EXPIRED, f"expired {(context.now_ns - order.expires_at_ns) // NS_PER_MS} ms ago"
    if order.order_id in context.known_ids:
        return RejectReason.DUPLICATE, f"order id {order.order_id} was used"
    if (instrument.outcome, order.side, ticks) in context.own_places:
        return RejectReason.DUPLICATE, f"an own order rests at {ticks} ticks already"
    if not context.inventory.trades(instrument):
        return RejectReason.WRONG_INSTRUMENT, f"{instrument.symbol} ({instrument.outcome.value}) is not traded here"
    if instrument.tick_size != market.tick_size:
        return RejectReason.OFF_TICK, f"priced on a tick of {instrument.tick_size}, the market's is {market.tick_size}"
    if not market.in_bounds(ticks):
        bounds = f"1 to {market.max_ticks - 1} ticks" if market.max_ticks else "1 tick or more"
        return RejectReason.OFF_RANGE, f"price must be {bounds}, is {ticks}"
    if lots < market.min_lots:
        return RejectReason.SIZE, f"{lots} lots, the market's least is {market.min_lots}"
    if market.min_notional and market.notional(ticks, lots) < market.min_notional:
        return (
            RejectReason.SIZE,
            f"{market.notional(ticks, lots):f} {market.currency}, the market's least is {market.min_notional:f}",
        )
    return None


def _beyond_limits(approved: Approved, context: CheckContext) -> Refusal | None:
    """Return the limit that the order would go beyond."""
    order, on_axis, notional = approved
    limits, inventory = context.limits, context.inventory
    assert limits is not None, "closed() lets nothing through without limits"
    if order.quantity_lots > limits.max_order_lots:
        return RejectReason.SIZE, f"{order.quantity_lots} lots, limit {limits.max_order_lots}"
    return (
        _price(on_axis, context, limits)
        or _own_spread(on_axis, context, limits)
        or inventory.position(order, limits, reduce_only=context.reduce_only)
        or inventory.net_position(order, limits)
        or (None if order.post_only else _post_only(order, context))
        or _collateral(order, notional, context)
        or _notional(order, notional, context, limits.notional)
        or _open_orders(on_axis.bids, context, limits.common)
        or _throttles(on_axis.bids, context, limits.common)
    )


def _price(on_axis: OnAxis, context: CheckContext, limits: MarketLimits) -> Refusal | None:
    """A price stays near fair value, within its bounds, and reaches not far into the public book."""
    bids, ticks = on_axis
    instrument, fair, bounds = context.instrument, context.fair, limits.bounds
    assert fair is not None, "closed() lets nothing through without a fair value"
    price = instrument.axis_price(ticks)
    # Of a distance the two parts are added here: its method costs a call, and this is every order.
    collar, of_price = limits.price_collar
    distance, most = abs(price - fair), collar + of_price * fair
    if distance > most + COLLAR_EPSILON:
        return RejectReason.PRICE_COLLAR, f"{distance:.4f} from fair value, limit {most:g}"
    if bounds is not None:
        if bounds.of_reference:
            refusal = _reference_bounds(bids, price, context.reference, bounds)
            if refusal is not None:
                return refusal
        elif bids and price > bounds.max_bid + COLLAR_EPSILON:
            return RejectReason.PRICE_BOUND, f"bids {price:.4f}, at most {bounds.max_bid}"
        elif not bids and price < bounds.min_ask - COLLAR_EPSILON:
            return RejectReason.PRICE_BOUND, f"asks {price:.4f}, at least {bounds.min_ask}"
    other_ticks = context.book_ask_ticks if bids else context.book_bid_ticks
    if not other_ticks:
        return None
    other = instrument.axis_price(other_ticks)
    through = price - other if bids else other - price
    collar, of_price = limits.book_collar
    most = collar + of_price * other
    if through > most + COLLAR_EPSILON:
        return RejectReason.BOOK_COLLAR, f"{through:.4f} through the best other side, limit {most:g}"
    return None


def _reference_bounds(bids: bool, price: float, reference: float | None, bounds: Bounds) -> Refusal | None:
    """A bid is not far above the market's reference price, an ask not far below it."""
    if reference is None:
        return RejectReason.PRICE_BOUND, "bounds are relative to a reference price, and none is known"
    if bids and price > bounds.max_bid * reference + COLLAR_EPSILON:
        return RejectReason.PRICE_BOUND, f"bids {price:.4f}, at most {bounds.max_bid * reference:.4f}"
    if not bids and price < bounds.min_ask * reference - COLLAR_EPSILON:
        return RejectReason.PRICE_BOUND, f"asks {price:.4f}, at least {bounds.min_ask * reference:.4f}"
    return None


def _own_spread(on_axis: OnAxis, context: CheckContext, limits: MarketLimits) -> Refusal | None:
    """Own bid and own ask of a market keep `min_spread` between them, over all bots of the account."""
    bids, ticks = on_axis
    if bids:
        if not context.best_ask_ticks:
            return None
        spread_ticks = context.best_ask_ticks - ticks
    else:
        if not context.best_bid_ticks:
            return None
        spread_ticks = ticks - context.best_bid_ticks
    if spread_ticks <= 0:
        return RejectReason.SELF_CROSS, f"would trade with an own order {-spread_ticks} ticks through it"
    assert context.fair is not None, "closed() lets nothing through without a fair value"
    least, of_price = limits.min_spread
    least_ticks = ceil_ticks(least + of_price * context.fair, context.instrument.axis_price(1))
    if spread_ticks < least_ticks:
        return RejectReason.MIN_SPREAD, f"{spread_ticks} ticks from own other side, limit {least_ticks}"
    return None


def _collateral(order: NewOrder, notional: float, context: CheckContext) -> Refusal | None:
    """A bid has to be covered by cash that nothing else locks."""
    if order.side is Side.BUY and notional > context.free_cash:
        return RejectReason.COLLATERAL, f"costs {notional:.2f}, {max(0.0, context.free_cash):.2f} is free"
    return None


def _post_only(order: NewOrder, context: CheckContext) -> Refusal | None:
    """Only what makes the position smaller may execute against the book, and only where that is allowed."""
    if context.may_take and context.inventory.reduces(order):
        return None
    return RejectReason.POST_ONLY, "it could take, and only a reduction may do so"


def _notional(order: NewOrder, notional: float, context: CheckContext, limits: NotionalLimits) -> Refusal | None:
    """Money: of the order, of the bot, of the account. What reduces a holding frees money and always passes."""
    if notional > limits.max_order_notional:
        return RejectReason.NOTIONAL, f"{notional:.2f} in one order, limit {limits.max_order_notional:.2f}"
    of_bot, of_account = context.bot_notional + notional, context.account_notional + notional
    if of_bot <= limits.max_notional and of_account <= limits.max_account_notional:
        return None
    if context.inventory.reduces(order):
        return None
    if of_bot > limits.max_notional:
        return RejectReason.NOTIONAL, f"bot would have {of_bot:.2f}, limit {limits.max_notional:.2f}"
    return RejectReason.NOTIONAL, f"account would have {of_account:.2f}, limit {limits.max_account_notional:.2f}"


def _open_orders(bids: bool, context: CheckContext, limits: CommonLimits) -> Refusal | None:
    if context.open_orders >= limits.max_open_orders:
        return RejectReason.OPEN_ORDERS, f"{context.open_orders} orders open, limit {limits.max_open_orders}"
    on_side = context.open_bids if bids else context.open_asks
    if on_side >= limits.max_side_orders:
        return RejectReason.OPEN_ORDERS, f"{on_side} orders open on this side, limit {limits.max_side_orders}"
    if context.messages_left < 1:
        return RejectReason.MESSAGE_RATE, "the message budget is used up for now"
    return None


def _throttles(bids: bool, context: CheckContext, limits: CommonLimits) -> Refusal | None:
    """Every new order brings a cancel: who cancels too much, or trades too little, sends none for a while."""
    free_from_ns = context.bid_free_from_ns if bids else context.ask_free_from_ns
    if context.now_ns < free_from_ns:
        left_ms = (free_from_ns - context.now_ns) / NS_PER_MS
        return RejectReason.QUOTE_LIFE, f"replaces a quote that should have stood {left_ms:.1f} ms longer"
    if context.cancels_left < 1:
        return RejectReason.CANCEL_RATE, f"more than {limits.max_cancels_per_s} cancels within a second"
    if context.orders_per_fill > limits.max_orders_per_fill:
        return (
            RejectReason.ORDER_TO_FILL,
            f"{context.orders_per_fill:.0f} orders per fill, limit {limits.max_orders_per_fill}",
        )
    return None
