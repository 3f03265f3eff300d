"""The last door before a venue: every new order, whoever wants it, passes here or is refused with its reason.

`check` is a pure function of the order and of what is known at that moment. It refuses when something it needs is
unknown or too old; a limit of 0 is no room at all, never 'no limit'. Cancels never come here: they always pass.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.clock import NS_PER_MS
from common.events import BotLimits
from common.instruments import Outcome, Side, ceil_ticks

LIMITS_AGE_MAX_NS = 1_000 * NS_PER_MS
"""Limits, halts and positions are as fresh as the RiskState that carries them, which comes every 250 ms."""
CLOCK_AGE_MAX_NS = 3_000 * NS_PER_MS
"""FeedStatus, which carries the venue's clock, comes every second."""
COLLAR_EPSILON = 1e-9


class RejectReason(StrEnum):
    """Why an order may not go out."""

    HALTED = "halted"
    BUS_DOWN = "bus_down"
    NOT_RECONCILED = "not_reconciled"
    DEADMAN_NOT_ARMED = "deadman_not_armed"
    NO_LIMITS = "no_limits"
    LIMITS_STALE = "limits_stale"
    CONFIG_BEHIND = "config_behind"
    POSITION_UNKNOWN = "position_unknown"
    CLOCK_UNKNOWN = "clock_unknown"
    FAIR_STALE = "fair_stale"
    BOOK_STALE = "book_stale"
    EXPIRED = "expired"
    CLOSE_TO_EXPIRY = "close_to_expiry"
    DUPLICATE = "duplicate"
    OFF_TICK = "off_tick"
    OFF_RANGE = "off_range"
    SIZE = "size"
    PRICE_COLLAR = "price_collar"
    SELF_CROSS = "self_cross"
    MIN_SPREAD = "min_spread"
    WORST_CASE_POSITION = "worst_case_position"
    WORST_CASE_NET = "worst_case_net"
    COLLATERAL = "collateral"
    OPEN_ORDERS = "open_orders"
    MESSAGE_RATE = "message_rate"


class NewOrder(NamedTuple):
    """An order that somebody wants to send."""

    order_id: int
    algo_id: str
    account: str
    venue: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    tick_size: Decimal
    """The grid the price was made on: a market may change its tick."""
    expires_at_ns: int
    """Our clock; a command or target that is older than this is dead."""


class Rejection(NamedTuple):
    """A refusal: which order, why, and the numbers behind it."""

    order_id: int
    reason: RejectReason
    detail: str


@dataclass(slots=True)
class View:
    """What is known about one bot's business in one market at the moment of an order.

    Exposure is the position in risk's ledger, plus own fills it does not contain yet, plus everything that rests, is
    in flight or of unknown outcome. `admit` counts an order that passed, so that one view serves a whole ladder.
    """

    now_ns: int
    venue_now_ns: int
    tick_size: Decimal
    ticks_per_unit: int
    """Ticks between a price of 0 and of 1."""
    min_lots: int
    reduce_only_from_ns: int
    """Venue time from which only orders pass that pair off what is held."""
    close_from_ns: int
    """Venue time from which no order passes."""

    halt: str = ""
    """First active halt of a scope that contains this business, as 'scope:reason'; empty without one."""
    bus_up: bool = False
    reconciled: bool = False
    """The venue's session is up and what it told has been compared with what we know."""
    deadman_armed: bool = False

    limits: BotLimits | None = None
    limits_age_ns: int = 0
    limits_revision: int = 0
    config_revision: int = 0

    clock_known: bool = False
    clock_age_ns: int = 0
    fair: float | None = None
    fair_age_ns: int = 0
    fair_age_max_ns: int = 0
    book_stale: bool = False

    position_known: bool = False
    held_yes_lots: int = 0
    """The most that may be held."""
    held_no_lots: int = 0
    doubt_yes_lots: int = 0
    """How much less it may be: own fills of which nobody can say yet whether risk's position contains them."""
    doubt_no_lots: int = 0
    open_buy_yes_lots: int = 0
    open_buy_no_lots: int = 0
    open_sell_yes_lots: int = 0
    open_sell_no_lots: int = 0
    best_bid_ticks: int = 0
    """Highest own buying interest of all bots of the account, in YES terms; 0 when there is none."""
    best_ask_ticks: int = 0
    """Lowest own selling interest in YES terms (a NO bid at q stands at 1 - q); 0 when there is none."""
    open_orders: int = 0
    """Of the bot, in all its markets."""
    messages_left: float = 0.0
    known_ids: Container[int] = frozenset()
    free_cash: float = math.inf
    """What the account may still commit to bids; without an account of it, whatever the venue lets it."""

    def admit(self, order: NewOrder) -> None:
        """Count an order that goes out."""
        lots = order.quantity_lots
        if order.side is Side.BUY:
            self.free_cash -= order.price_ticks * lots / self.ticks_per_unit
            if order.outcome is Outcome.YES:
                self.open_buy_yes_lots += lots
            else:
                self.open_buy_no_lots += lots
        elif order.outcome is Outcome.YES:
            self.open_sell_yes_lots += lots
        else:
            self.open_sell_no_lots += lots
        bids, ticks = yes_terms(order.outcome, order.side, order.price_ticks, self.ticks_per_unit)
        if bids:
            self.best_bid_ticks = max(self.best_bid_ticks, ticks)
        else:
            self.best_ask_ticks = min(self.best_ask_ticks, ticks) if self.best_ask_ticks else ticks
        self.open_orders += 1
        self.messages_left -= 1


def yes_terms(outcome: Outcome, side: Side, price_ticks: int, ticks_per_unit: int) -> tuple[bool, int]:
    """Return whether an order buys YES or its equivalent, and its price as a YES price.

    `yes_terms(Outcome.NO, Side.BUY, 46, 100) == (False, 54)`: buying NO at 0.46 is selling YES at 0.54.
    """
    if outcome is Outcome.NO:
        return side is Side.SELL, ticks_per_unit - price_ticks
    return side is Side.BUY, price_ticks


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
    if not view.clock_known or view.clock_age_ns > CLOCK_AGE_MAX_NS:
        return RejectReason.CLOCK_UNKNOWN, f"the venue's clock was told {view.clock_age_ns // NS_PER_MS} ms ago"
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
    if order.tick_size != view.tick_size:
        return RejectReason.OFF_TICK, f"priced on a tick of {order.tick_size}, the market's is {view.tick_size}"
    if not 0 < order.price_ticks < view.ticks_per_unit:
        return RejectReason.OFF_RANGE, f"price must be 1 to {view.ticks_per_unit - 1} ticks, is {order.price_ticks}"
    if order.quantity_lots < view.min_lots:
        return RejectReason.SIZE, f"{order.quantity_lots} lots, the market's least is {view.min_lots}"
    return None


def _beyond(order: NewOrder, view: View, limits: BotLimits) -> Refusal | None:
    """Return the limit that the order would go beyond."""
    lots = order.quantity_lots
    if lots > limits.max_order_lots:
        return RejectReason.SIZE, f"{lots} lots, limit {limits.max_order_lots}"
    bids, ticks = yes_terms(order.outcome, order.side, order.price_ticks, view.ticks_per_unit)
    assert view.fair is not None, "closed() lets nothing through without a fair value"
    distance = abs(ticks / view.ticks_per_unit - view.fair)
    if distance > limits.price_collar + COLLAR_EPSILON:
        return RejectReason.PRICE_COLLAR, f"{distance:.4f} from fair value, limit {limits.price_collar}"
    return (
        _too_tight(bids, ticks, view, limits)
        or _too_much(order, view, limits)
        or _too_one_sided(bids, lots, view, limits)
        or _too_dear(order, view)
        or _too_many(view, limits)
    )


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
    least_ticks = ceil_ticks(limits.min_spread, 1 / view.ticks_per_unit)
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
    cost = order.price_ticks * order.quantity_lots / view.ticks_per_unit
    if order.side is Side.BUY and cost > view.free_cash:
        return RejectReason.COLLATERAL, f"costs {cost:.2f}, {max(0.0, view.free_cash):.2f} is free"
    return None


def _too_many(view: View, limits: BotLimits) -> Refusal | None:
    if view.open_orders >= limits.max_open_orders:
        return RejectReason.OPEN_ORDERS, f"{view.open_orders} orders open, limit {limits.max_open_orders}"
    if view.messages_left < 1:
        return RejectReason.MESSAGE_RATE, "the message budget is used up for now"
    return None
