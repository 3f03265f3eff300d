"""The last door before a venue: every new order, whoever wants it, passes here or is refused with its reason.

`check` is a pure function of the order and of what is known at that moment. It refuses when something it needs is
unknown or too old; a limit of 0 is no room at all, never 'no limit'. Cancels never come here: they always pass.
"""

from __future__ import annotations

from collections.abc import Iterable

from common.clock import NS_PER_MS
from common.events import BotLimits, Conduct
from common.instruments import Outcome, Side, ceil_ticks
from common.pretrade.context import NewOrder, Rejection, RejectReason, View

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


def check(order: NewOrder, view: View) -> Rejection | None:
    """Return why an order may not go out, or None when it may."""
    refusal = closed(view) or _misfit(order, view)
    if refusal is None:
        assert view.limits is not None, "closed() lets nothing through without limits"
        refusal = _beyond(order, view, view.limits)
    return None if refusal is None else Rejection(order.order_id, refusal[0], refusal[1])


Refusal = tuple[RejectReason, str]


def closed(view: View) -> Refusal | None:
    """Return why no order at all may go out in this business now, or None when the door is open."""
    refusal = shut(view) or stale(view)
    if refusal is None and view.venue_now_ns >= view.close_from_ns:
        return RejectReason.CLOSE_TO_EXPIRY, "nothing may rest this close to expiry"
    return refusal


def shut(view: View) -> Refusal | None:
    """Return what keeps new orders in although every input may be fine: a halt, the bus, the session, a change."""
    if view.halt:
        return RejectReason.HALTED, view.halt
    if not view.bus_up:
        return RejectReason.BUS_DOWN, "the bus is away or the lease in doubt"
    if not view.reconciled:
        return RejectReason.NOT_RECONCILED, "the venue session is not up and reconciled"
    if not view.deadman_armed:
        return RejectReason.DEADMAN_NOT_ARMED, "the venue does not confirm its dead-man switch"
    if view.limits is not None and view.limits_revision < view.config_revision:
        return (
            RejectReason.CONFIG_BEHIND,
            f"limits are of revision {view.limits_revision}, the bot's is {view.config_revision}",
        )
    return None


def stale(view: View) -> Refusal | None:
    """Return which input is missing or too old: then nothing may rest either."""
    if view.limits is None:
        return RejectReason.NO_LIMITS, "risk publishes no limits for this bot"
    if view.limits_age_ns > LIMITS_AGE_MAX_NS:
        return RejectReason.LIMITS_STALE, f"limits are {view.limits_age_ns // NS_PER_MS} ms old"
    if not view.position_known:
        return RejectReason.POSITION_UNKNOWN, "no position from risk"
    if view.feed_age_ns > FEED_AGE_MAX_NS:
        return RejectReason.FEED_SILENT, f"the feed last spoke {view.feed_age_ns // NS_PER_MS} ms ago"
    if view.venue_age_ns > view.venue_age_max_ns:
        return RejectReason.VENUE_SILENT, f"nothing came from the venue for {view.venue_age_ns // NS_PER_MS} ms"
    if not view.clock_known:
        return RejectReason.CLOCK_UNKNOWN, "the venue's clock is not known"
    if abs(view.clock_offset_ns) > view.clock_offset_max_ns:
        return RejectReason.CLOCK_OFFSET, f"the venue's clock is {view.clock_offset_ns // NS_PER_MS:+} ms from ours"
    if view.fair is None or view.fair_age_ns > view.fair_age_max_ns:
        return RejectReason.FAIR_STALE, f"fair value is {view.fair_age_ns // NS_PER_MS} ms old"
    if view.book_stale:
        return RejectReason.BOOK_STALE, "the feed calls this market's data stale"
    return None


def _misfit(order: NewOrder, view: View) -> Refusal | None:
    """Return what is wrong with the order itself."""
    if order.expires_at_ns <= view.now_ns:
        return RejectReason.EXPIRED, f"expired {(view.now_ns - order.expires_at_ns) // NS_PER_MS} ms ago"
    if order.order_id in view.known_ids:
        return RejectReason.DUPLICATE, f"order id {order.order_id} was used"
    if (order.outcome, order.side, order.price_ticks) in view.own_places:
        return RejectReason.DUPLICATE, f"an own order rests at {order.price_ticks} ticks already"
    if order.outcome is Outcome.NONE:
        return RejectReason.WRONG_INSTRUMENT, "it is for neither YES nor NO, and the market trades nothing else"
    instrument = view.pair.of(order.outcome)
    if order.tick_size != instrument.tick_size:
        return RejectReason.OFF_TICK, f"priced on a tick of {order.tick_size}, the market's is {instrument.tick_size}"
    if not instrument.in_bounds(order.price_ticks):
        return RejectReason.OFF_RANGE, f"price must be 1 to {instrument.max_ticks - 1} ticks, is {order.price_ticks}"
    if order.quantity_lots < instrument.min_lots:
        return RejectReason.SIZE, f"{order.quantity_lots} lots, the market's least is {instrument.min_lots}"
    return None


def _beyond(order: NewOrder, view: View, limits: BotLimits) -> Refusal | None:
    """Return the limit that the order would go beyond."""
    lots = order.quantity_lots
    if lots > limits.max_order_lots:
        return RejectReason.SIZE, f"{lots} lots, limit {limits.max_order_lots}"
    bids, ticks = view.pair.of(order.outcome).on_axis(order.side, order.price_ticks)
    assert view.fair is not None, "closed() lets nothing through without a fair value"
    price = ticks / view.pair.yes.max_ticks
    distance = abs(price - view.fair)
    if distance > limits.price_collar + COLLAR_EPSILON:
        return RejectReason.PRICE_COLLAR, f"{distance:.4f} from fair value, limit {limits.price_collar}"
    return (
        _out_of_place(bids, price, view, limits)
        or _too_tight(bids, ticks, view, limits)
        or _too_much(order, view, limits)
        or _too_one_sided(bids, lots, view, limits)
        or (None if order.post_only else _takes(order, view))
        or _too_dear(order, view)
        or _too_large(order, view, limits)
        or _too_many(bids, view, limits)
        or _too_busy(bids, view, limits.conduct)
    )


def _out_of_place(bids: bool, price: float, view: View, limits: BotLimits) -> Refusal | None:
    """A price stays within its absolute bounds and does not reach far into the other side of the public book."""
    through = 0.0
    if bids:
        if price > limits.quotes.max_bid + COLLAR_EPSILON:
            return RejectReason.PRICE_BOUND, f"bids {price:.4f}, at most {limits.quotes.max_bid}"
        if view.book_ask_ticks:
            through = price - view.book_ask_ticks / view.pair.yes.max_ticks
    else:
        if price < limits.quotes.min_ask - COLLAR_EPSILON:
            return RejectReason.PRICE_BOUND, f"asks {price:.4f}, at least {limits.quotes.min_ask}"
        if view.book_bid_ticks:
            through = view.book_bid_ticks / view.pair.yes.max_ticks - price
    if through > limits.book_collar + COLLAR_EPSILON:
        return RejectReason.BOOK_COLLAR, f"{through:.4f} through the best other side, limit {limits.book_collar}"
    return None


def _too_tight(bids: bool, ticks: int, view: View, limits: BotLimits) -> Refusal | None:
    """Own bid and own ask of a market keep `min_spread` between them, over all bots of the account."""
    if bids:
        if not view.best_ask_ticks:
            return None
        spread_ticks = view.best_ask_ticks - ticks
    else:
        if not view.best_bid_ticks:
            return None
        spread_ticks = ticks - view.best_bid_ticks
    if spread_ticks <= 0:
        return RejectReason.SELF_CROSS, f"would trade with an own order {-spread_ticks} ticks through it"
    least_ticks = ceil_ticks(limits.min_spread, 1 / view.pair.yes.max_ticks)
    if spread_ticks < least_ticks:
        return RejectReason.MIN_SPREAD, f"{spread_ticks} ticks from own other side, limit {least_ticks}"
    return None


def _too_much(order: NewOrder, view: View, limits: BotLimits) -> Refusal | None:
    """Worst-case shares of one outcome: held + open + new.

    What is held of the other outcome may always be paired off: such an order can only bring the position towards flat.
    Inside the reduce-only window that is the only order there is.
    """
    yes = order.outcome is Outcome.YES
    yes_at_least = view.held_yes_lots - view.doubt_yes_lots
    no_at_least = view.held_no_lots - view.doubt_no_lots
    held, other = (view.held_yes_lots, no_at_least) if yes else (view.held_no_lots, yes_at_least)
    if order.side is Side.SELL:
        selling = view.open_sell_yes_lots if yes else view.open_sell_no_lots
        held, other = (yes_at_least, view.held_no_lots) if yes else (no_at_least, view.held_yes_lots)
        left = held - selling - order.quantity_lots
        if left < 0:
            return RejectReason.WORST_CASE_POSITION, f"sells {-left} more {order.outcome.value} than is held"
        if view.venue_now_ns >= view.reduce_only_from_ns and left < other:
            return RejectReason.CLOSE_TO_EXPIRY, f"reduce only: leaves {left} {order.outcome.value} against {other}"
        return None
    worst = held + (view.open_buy_yes_lots if yes else view.open_buy_no_lots) + order.quantity_lots
    if worst > max(limits.max_position_lots, other if limits.max_position_lots else 0):
        return (
            RejectReason.WORST_CASE_POSITION,
            f"worst case {worst} {order.outcome.value}, limit {limits.max_position_lots}",
        )
    if view.venue_now_ns >= view.reduce_only_from_ns and worst > other:
        return RejectReason.CLOSE_TO_EXPIRY, f"reduce only: worst case {worst} {order.outcome.value} against {other}"
    return None


def _too_one_sided(bids: bool, lots: int, view: View, limits: BotLimits) -> Refusal | None:
    """Worst-case |YES - NO| in the direction of the order, with everything open on that side executed."""
    if bids:
        net = view.held_yes_lots - (view.held_no_lots - view.doubt_no_lots)
        worst = net + view.open_buy_yes_lots + view.open_sell_no_lots + lots
    else:
        net = view.held_no_lots - (view.held_yes_lots - view.doubt_yes_lots)
        worst = net + view.open_buy_no_lots + view.open_sell_yes_lots + lots
    if worst > limits.max_net_lots:
        return RejectReason.WORST_CASE_NET, f"worst case net {worst}, limit {limits.max_net_lots}"
    return None


def _too_dear(order: NewOrder, view: View) -> Refusal | None:
    """A bid has to be covered by cash that nothing else locks."""
    cost = view.pair.of(order.outcome).money(order.price_ticks, order.quantity_lots)
    if order.side is Side.BUY and cost > view.free_cash:
        return RejectReason.COLLATERAL, f"costs {cost:.2f}, {max(0.0, view.free_cash):.2f} is free"
    return None


def _pairs_off(order: NewOrder, view: View) -> bool:
    """Say whether a bid, with those open beside it, only pairs off shares of the other outcome."""
    if order.outcome is Outcome.YES:
        worst = view.held_yes_lots + view.open_buy_yes_lots
        return worst + order.quantity_lots <= view.held_no_lots - view.doubt_no_lots
    worst = view.held_no_lots + view.open_buy_no_lots
    return worst + order.quantity_lots <= view.held_yes_lots - view.doubt_yes_lots


def _takes(order: NewOrder, view: View) -> Refusal | None:
    """Only what makes the position smaller may execute against the book, and only where that is allowed."""
    if view.may_take and (order.side is Side.SELL or _pairs_off(order, view)):
        return None
    return RejectReason.POST_ONLY, "it could take, and only a reduction may do so"


def _too_large(order: NewOrder, view: View, limits: BotLimits) -> Refusal | None:
    """Money: of the order, of the bot, of the account. What pairs off a holding frees money and always passes."""
    cost = view.pair.of(order.outcome).money(order.price_ticks, order.quantity_lots)
    if cost > limits.max_order_notional:
        return RejectReason.NOTIONAL, f"{cost:.2f} in one order, limit {limits.max_order_notional:.2f}"
    of_bot, of_account = view.bot_notional + cost, view.account_notional + cost
    if of_bot <= limits.max_notional and of_account <= limits.max_account_notional:
        return None
    if order.side is Side.SELL or _pairs_off(order, view):
        return None
    if of_bot > limits.max_notional:
        return RejectReason.NOTIONAL, f"bot would have {of_bot:.2f}, limit {limits.max_notional:.2f}"
    return RejectReason.NOTIONAL, f"account would have {of_account:.2f}, limit {limits.max_account_notional:.2f}"


def _too_many(bids: bool, view: View, limits: BotLimits) -> Refusal | None:
    if view.open_orders >= limits.max_open_orders:
        return RejectReason.OPEN_ORDERS, f"{view.open_orders} orders open, limit {limits.max_open_orders}"
    on_side = view.open_bids if bids else view.open_asks
    if on_side >= limits.quotes.max_side_orders:
        return RejectReason.OPEN_ORDERS, f"{on_side} orders open on this side, limit {limits.quotes.max_side_orders}"
    if view.messages_left < 1:
        return RejectReason.MESSAGE_RATE, "the message budget is used up for now"
    return None


def _too_busy(bids: bool, view: View, conduct: Conduct) -> Refusal | None:
    """Every new order brings a cancel: who cancels too much, or trades too little, sends none for a while."""
    free_from_ns = view.bid_free_from_ns if bids else view.ask_free_from_ns
    if view.now_ns < free_from_ns:
        left_ms = (free_from_ns - view.now_ns) / NS_PER_MS
        return RejectReason.QUOTE_LIFE, f"replaces a quote that should have stood {left_ms:.1f} ms longer"
    if view.cancels_left < 1:
        return RejectReason.CANCEL_RATE, f"more than {conduct.max_cancels_per_s} cancels within a second"
    if view.orders_per_fill > conduct.max_orders_per_fill:
        return (
            RejectReason.ORDER_TO_FILL,
            f"{view.orders_per_fill:.0f} orders per fill, limit {conduct.max_orders_per_fill}",
        )
    return None
