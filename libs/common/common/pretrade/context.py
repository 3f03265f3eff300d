"""What the last door looks at: an order somebody wants to send, and what is known at that moment."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.events import BotLimits
from common.instruments import Outcome, OutcomePair, Side


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
    CLOCK_OFFSET = "clock_offset"
    FEED_SILENT = "feed_silent"
    VENUE_SILENT = "venue_silent"
    FAIR_STALE = "fair_stale"
    BOOK_STALE = "book_stale"
    EXPIRED = "expired"
    CLOSE_TO_EXPIRY = "close_to_expiry"
    DUPLICATE = "duplicate"
    WRONG_INSTRUMENT = "wrong_instrument"
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
    POST_ONLY = "post_only"
    BOOK_COLLAR = "book_collar"
    PRICE_BOUND = "price_bound"
    NOTIONAL = "notional"
    QUOTE_LIFE = "quote_life"
    CANCEL_RATE = "cancel_rate"
    ORDER_TO_FILL = "order_to_fill"
    REFUSED_BEFORE = "refused_before"
    NO_ROOM_YET = "no_room_yet"


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
    post_only: bool = True
    """False for an order that may execute against what rests."""


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
    pair: OutcomePair
    """What is traded there."""
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
    clock_offset_ns: int = 0
    """The venue's clock less ours."""
    clock_offset_max_ns: int = 2_000_000_000
    feed_age_ns: int = 0
    """Time since the feed last spoke of the venue, which it does every 200 ms."""
    venue_age_ns: int = 0
    """Time since the venue itself was last heard: the feed's age, and the silence it told of."""
    venue_age_max_ns: int = 1_000_000_000
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
    may_take: bool = False
    """Whether orders that pair off what is held may execute against the book."""
    book_bid_ticks: int = 0
    """Best public bid for YES; 0 when there is none or it is not known."""
    book_ask_ticks: int = 0
    own_places: set[tuple[Outcome, Side, int]] = field(default_factory=set)
    """Where an own order of the bot rests or is on its way, and is not being cancelled."""
    open_bids: int = 0
    """Open orders of the bot in this market that buy YES or sell NO."""
    open_asks: int = 0
    bot_notional: float = 0.0
    """Money that the bot's open bids and unpaired shares stand for, in all its markets."""
    account_notional: float = 0.0
    bid_free_from_ns: int = 0
    """Our time until which a bid that was cancelled young is not replaced."""
    ask_free_from_ns: int = 0
    cancels_left: float = math.inf
    """How many more cancels the bot may send before its new orders have to wait."""
    orders_per_fill: float = 0.0

    def admit(self, order: NewOrder) -> None:
        """Count an order that goes out."""
        lots = order.quantity_lots
        self.own_places.add((order.outcome, order.side, order.price_ticks))
        if order.side is Side.BUY:
            cost = self.pair.of(order.outcome).money(order.price_ticks, lots)
            self.free_cash -= cost
            self.bot_notional += cost
            self.account_notional += cost
            if order.outcome is Outcome.YES:
                self.open_buy_yes_lots += lots
            else:
                self.open_buy_no_lots += lots
        elif order.outcome is Outcome.YES:
            self.open_sell_yes_lots += lots
        else:
            self.open_sell_no_lots += lots
        bids, ticks = self.pair.of(order.outcome).on_axis(order.side, order.price_ticks)
        if bids:
            self.open_bids += 1
            self.best_bid_ticks = max(self.best_bid_ticks, ticks)
        else:
            self.open_asks += 1
            self.best_ask_ticks = min(self.best_ask_ticks, ticks) if self.best_ask_ticks else ticks
        self.open_orders += 1
        self.messages_left -= 1
