"""The pre-trade check: every new order, whoever wants it, is approved here or rejected with its reason.

The rules are common to all kinds of instrument; what an order does to a position is said by the inventory of its kind.
The check is a pure function of the order and of what is known at that moment. It refuses when something it needs is
unknown or too old; a limit of 0 is no room at all, never 'no limit'. Cancels never come here: they always pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from common.clock import NS_PER_MS
from common.events import CommonLimits, NotionalLimits
from common.instruments import BUY, ceil_ticks
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


class PreTradeCheck:
    """The check of the orders of one pass over one market: what is the same for all of them is looked at once.

    It holds until something else changes in the context than what `admit` counts.
    """

    __slots__ = ("_closed", "_collar", "_context", "_fair", "_least_spread_ticks", "_limits", "_reduce_only")
    _limits: MarketLimits
    _fair: float
    _collar: float
    """How far from fair value a price may be."""
    _least_spread_ticks: int

    def __init__(self, context: CheckContext) -> None:
        self._context = context
        self._closed = closed(context)
        """Why no order at all may go out."""
        if self._closed is None:
            limits, fair = context.limits, context.fair
            assert limits is not None, "closed() lets nothing through without limits"
            assert fair is not None, "closed() lets nothing through without a fair value"
            self._limits, self._fair, self._collar = limits, fair, limits.price_collar.at(fair)
            self._least_spread_ticks = ceil_ticks(limits.min_spread.at(fair), context.instrument.axis_price(1))
            self._reduce_only = context.reduce_only

    def of(self, order: NewOrder) -> Approved | Rejection:
        """Return the order approved, which is what can be placed, or why it may not go out."""
        refusal = self._closed or _order_terms(order, self._context)
        if refusal is None:
            instrument = order.instrument
            on_axis = instrument.on_axis(order.side, order.price_ticks)
            notional = instrument.money(order.price_ticks, order.quantity_lots)
            approved = Approved(order, on_axis, notional, _cover(order, notional, self._context))
            refusal = self._beyond_limits(approved)
            if refusal is None:
                return approved
        return Rejection(order.order_id, refusal[0], refusal[1])

    def _beyond_limits(self, approved: Approved) -> Refusal | None:
        """Return the limit that the order would go beyond."""
        order, (bids, ticks) = approved.order, approved.on_axis
        context, limits = self._context, self._limits
        inventory = context.inventory
        if order.quantity_lots > limits.max_order_lots:
            return RejectReason.SIZE, f"size {order.quantity_lots} lots, limit {limits.max_order_lots}"
        return (
            self._price(bids, ticks)
            or self._own_spread(bids, ticks, rests=order.post_only or not context.takes_beside)
            or inventory.position(order, limits, reduce_only=self._reduce_only)
            or inventory.net_position(order, limits)
            or (None if order.post_only else _post_only(order, context))
            or _collateral(order, approved.cover, context)
            or _notional(order, approved.notional, context, limits.notional)
            or _open_orders(bids, context, limits.common)
            or _throttles(bids, context, limits.common)
        )

    def _price(self, bids: bool, ticks: int) -> Refusal | None:
        """A price stays near fair value, within its bounds, and reaches not far into the public book."""
        context, bounds = self._context, self._limits.bounds
        price = context.instrument.axis_price(ticks)
        distance = abs(price - self._fair)
        if distance > self._collar + COLLAR_EPSILON:
            return RejectReason.PRICE_COLLAR, f"price {distance:.4f} from fair value, limit {self._collar:g}"
        if bounds is not None:
            if bounds.of_reference:
                refusal = _reference_bounds(bids, price, context.reference, bounds)
                if refusal is not None:
                    return refusal
            elif bids and price > bounds.max_bid + COLLAR_EPSILON:
                return RejectReason.PRICE_BOUND, f"bid {price:.4f}, highest bid {bounds.max_bid}"
            elif not bids and price < bounds.min_ask - COLLAR_EPSILON:
                return RejectReason.PRICE_BOUND, f"ask {price:.4f}, lowest ask {bounds.min_ask}"
        other_ticks = context.book_ask_ticks if bids else context.book_bid_ticks
        if not other_ticks:
            return None
        other = context.instrument.axis_price(other_ticks)
        through, most = price - other if bids else other - price, self._limits.book_collar.at(other)
        if through > most + COLLAR_EPSILON:
            return RejectReason.BOOK_COLLAR, f"price {through:.4f} through the best {_SIDE[not bids]}, limit {most:g}"
        return None

    def _own_spread(self, bids: bool, ticks: int, *, rests: bool) -> Refusal | None:
        """Own bid and own ask of a market keep `min_spread` between them, over all bots of the account.

        What takes beside own quotes never rests: it only must not trade with them. With an order of another account of
        ours at the venue none trades.
        """
        context = self._context
        others_ticks = context.others_ask_ticks if bids else context.others_bid_ticks
        if others_ticks and (ticks >= others_ticks if bids else ticks <= others_ticks):
            text = (
                f"{_SIDE[bids]} at {ticks} would trade with another account's {_SIDE[not bids]} at {others_ticks} ticks"
            )
            return RejectReason.SELF_CROSS, text
        other_ticks = context.best_ask_ticks if bids else context.best_bid_ticks
        if not other_ticks:
            return None
        spread_ticks = other_ticks - ticks if bids else ticks - other_ticks
        if spread_ticks <= 0:
            text = f"{_SIDE[bids]} at {ticks} would trade with the own {_SIDE[not bids]} at {other_ticks} ticks"
            return RejectReason.SELF_CROSS, text
        if rests and spread_ticks < self._least_spread_ticks:
            return RejectReason.MIN_SPREAD, f"own spread {spread_ticks}, limit {self._least_spread_ticks} ticks"
        return None


def closed(context: CheckContext) -> Refusal | None:
    """Return why no order at all may go out in this market now, or None when one may."""
    refusal = shut(context) or stale(context)
    closing = context.closing
    if refusal is None and closing is not None and context.venue_now_ns >= closing.close_from_ns:
        closed_ms = (context.venue_now_ns - closing.close_from_ns) // NS_PER_MS
        return RejectReason.CLOSE_TO_EXPIRY, f"closed to new orders before expiry, {closed_ms} ms ago"
    return refusal


def shut(context: CheckContext) -> Refusal | None:
    """Return what forbids new orders although every input may be fine: a halt, the bus, the session, a change."""
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
            f"limits are of configuration revision {context.limits_revision}, the bot's is {context.config_revision}",
        )
    return None


def stale(context: CheckContext) -> Refusal | None:
    """Return which input is missing or too old: then nothing may rest either."""
    if context.limits is None:
        return RejectReason.NO_LIMITS, context.no_limits
    if context.limits_age_ns > LIMITS_AGE_MAX_NS:
        return RejectReason.LIMITS_STALE, f"limits are {_older(context.limits_age_ns, LIMITS_AGE_MAX_NS)}"
    if not context.position_known:
        return RejectReason.POSITION_UNKNOWN, "no position from risk"
    if context.feed_age_ns > FEED_AGE_MAX_NS:
        return RejectReason.FEED_SILENT, f"the feed's status is {_older(context.feed_age_ns, FEED_AGE_MAX_NS)}"
    if context.venue_age_ns > context.venue_age_max_ns:
        return (
            RejectReason.VENUE_SILENT,
            f"the venue's last data is {_older(context.venue_age_ns, context.venue_age_max_ns)}",
        )
    if not context.clock_known:
        return RejectReason.CLOCK_UNKNOWN, "the venue's clock is not known"
    if abs(context.clock_offset_ns) > context.clock_offset_max_ns:
        offset_ms, limit_ms = (each // NS_PER_MS for each in (context.clock_offset_ns, context.clock_offset_max_ns))
        return RejectReason.CLOCK_OFFSET, f"the venue's clock is {offset_ms:+} ms from ours, limit {limit_ms} ms"
    if context.fair is None:
        return RejectReason.FAIR_STALE, "no fair value"
    if context.fair_age_ns > context.fair_age_max_ns:
        return RejectReason.FAIR_STALE, f"fair value is {_older(context.fair_age_ns, context.fair_age_max_ns)}"
    if context.book_stale:
        return RejectReason.BOOK_STALE, "the feed marks this market's data as stale"
    return None


def _older(age_ns: int, limit_ns: int) -> str:
    return f"{age_ns // NS_PER_MS} ms old, limit {limit_ns // NS_PER_MS} ms"


def _order_terms(order: NewOrder, context: CheckContext) -> Refusal | None:
    """Return what is wrong with the order itself."""
    instrument, ticks, lots, market = order.instrument, order.price_ticks, order.quantity_lots, context.instrument
    if order.expires_at_ns <= context.now_ns:
        return RejectReason.EXPIRED, f"order expired {(context.now_ns - order.expires_at_ns) // NS_PER_MS} ms ago"
    if order.order_id in context.known_ids:
        return RejectReason.DUPLICATE, f"order id {order.order_id} is in use"
    if (instrument.outcome, order.side, ticks) in context.own_places:
        return RejectReason.DUPLICATE, f"an own order is open at {ticks} ticks"
    if not context.inventory.trades(instrument):
        return RejectReason.WRONG_INSTRUMENT, f"{instrument.symbol} ({instrument.outcome.value}) is not traded here"
    # One decimal as a rule: to compare two costs as much as a rule does.
    if instrument.tick_size is not market.tick_size and instrument.tick_size != market.tick_size:
        return RejectReason.OFF_TICK, f"order's tick size {instrument.tick_size}, market's {market.tick_size}"
    if not market.in_bounds(ticks):
        bounds = f"1 to {market.max_ticks - 1}" if market.max_ticks else "1 or more"
        return RejectReason.OFF_RANGE, f"price {ticks}, must be {bounds} ticks"
    if lots < market.min_lots:
        return RejectReason.SIZE, f"size {lots} lots, market's minimum {market.min_lots}"
    if market.min_notional and market.notional(ticks, lots) < market.min_notional:
        notional, least = (f"{each.normalize():f}" for each in (market.notional(ticks, lots), market.min_notional))
        return RejectReason.SIZE, f"notional {notional} {market.currency}, market's minimum {least}"
    return None


def _reference_bounds(bids: bool, price: float, reference: float | None, bounds: Bounds) -> Refusal | None:
    """A bid is not far above the market's reference price, an ask not far below it."""
    if reference is None:
        return RejectReason.PRICE_BOUND, "no reference price to bound the price by"
    if bids and price > bounds.max_bid * reference + COLLAR_EPSILON:
        return RejectReason.PRICE_BOUND, f"bid {price:.4f}, highest bid {bounds.max_bid * reference:.4f}"
    if not bids and price < bounds.min_ask * reference - COLLAR_EPSILON:
        return RejectReason.PRICE_BOUND, f"ask {price:.4f}, lowest ask {bounds.min_ask * reference:.4f}"
    return None


def _cover(order: NewOrder, notional: float, context: CheckContext) -> float:
    if order.side is not BUY:
        return 0.0
    fees = context.bid_fees
    if fees is None:
        return notional
    return fees.cover(order.instrument, order.price_ticks, order.quantity_lots, takes=not order.post_only)


def _collateral(order: NewOrder, cover: float, context: CheckContext) -> Refusal | None:
    """A bid has to be covered by cash that nothing else locks, with the fee that the venue takes of it."""
    free = context.free_cash
    if order.side is not BUY:
        return None
    if free is None:
        return RejectReason.COLLATERAL, f"the account's balance of {order.instrument.currency} is not known"
    if cover > free:
        return RejectReason.COLLATERAL, f"costs {cover:.2f}, free cash {max(0.0, free):.2f}"
    return None


def _post_only(order: NewOrder, context: CheckContext) -> Refusal | None:
    """Only a reduction of the position may execute against the book, and only where that is allowed.

    Who takes what others offer too cheaply may add to it.
    """
    if context.may_take and (context.takes_beside or context.inventory.reduces(order)):
        return None
    return RejectReason.POST_ONLY, "an order that may take must reduce the position"


def _notional(order: NewOrder, notional: float, context: CheckContext, limits: NotionalLimits) -> Refusal | None:
    """The order, the bot and the account stay within limits.

    What reduces a holding frees money and always passes the limits of bot and account.
    """
    if notional > limits.max_order_notional:
        return RejectReason.NOTIONAL, f"order's notional {notional:.2f}, limit {limits.max_order_notional:.2f}"
    of_bot, of_account = context.bot_notional + notional, context.account_notional + notional
    if of_bot <= limits.max_notional and of_account <= limits.max_account_notional:
        return None
    if context.inventory.reduces(order):
        return None
    if of_bot > limits.max_notional:
        return RejectReason.NOTIONAL, f"bot's notional {of_bot:.2f}, limit {limits.max_notional:.2f}"
    return RejectReason.NOTIONAL, f"account's notional {of_account:.2f}, limit {limits.max_account_notional:.2f}"


def _open_orders(bids: bool, context: CheckContext, limits: CommonLimits) -> Refusal | None:
    if context.open_orders >= limits.max_open_orders:
        return RejectReason.OPEN_ORDERS, f"open orders {context.open_orders}, limit {limits.max_open_orders}"
    on_side = context.open_bids if bids else context.open_asks
    if on_side >= limits.max_side_orders:
        return RejectReason.OPEN_ORDERS, f"open {_SIDE[bids]}s in this market {on_side}, limit {limits.max_side_orders}"
    if context.messages_left < 1:
        return RejectReason.MESSAGE_RATE, f"message budget used up, bot's limit {limits.max_messages_per_s} a second"
    return None


def _throttles(bids: bool, context: CheckContext, limits: CommonLimits) -> Refusal | None:
    """Every new order brings a cancel: who cancels too much, or trades too little, sends none for a while."""
    free_from_ns = context.bid_free_from_ns if bids else context.ask_free_from_ns
    if context.now_ns < free_from_ns:
        left_ms = (free_from_ns - context.now_ns) / NS_PER_MS
        return (
            RejectReason.QUOTE_LIFE,
            f"replaces a quote cancelled {left_ms:.1f} ms too early, limit {limits.min_quote_life_ms} ms",
        )
    if context.cancels_left < 1:
        return RejectReason.CANCEL_RATE, f"no cancel left, limit {limits.max_cancels_per_s} a second"
    if context.orders_per_fill > limits.max_orders_per_fill:
        return (
            RejectReason.ORDER_TO_FILL,
            f"orders per fill {context.orders_per_fill:.0f}, limit {limits.max_orders_per_fill}",
        )
    return None


_SIDE = {True: "bid", False: "ask"}
"""What an order is on the price axis, by whether it bids there."""
