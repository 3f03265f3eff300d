"""An order somebody wants to send, and what the pre-trade check makes of it: approved, or rejected with a reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from common.instruments import Instrument, OnAxis, Outcome, Side


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


Refusal: TypeAlias = tuple[RejectReason, str]
"""Why, and the numbers behind it."""


class NewOrder(msgspec.Struct, frozen=True):
    """An order that somebody wants to send."""

    order_id: int
    algo_id: str
    account: str
    instrument: Instrument
    """On the grid its price was made on: a market may change its tick."""
    side: Side
    price_ticks: int
    quantity_lots: int
    expires_at_ns: int
    """Our clock; a command or target that is older than this is dead."""
    post_only: bool = True
    """False for an order that may execute against what rests."""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def outcome(self) -> Outcome:
        return self.instrument.outcome


class Approved(msgspec.Struct, frozen=True):
    """An order that has passed the pre-trade check: the only thing that can be placed."""

    order: NewOrder
    on_axis: OnAxis
    """Its direction and price, as its market's price axis has them."""
    notional: float
    """Its money, in the instrument's currency."""
    cover: float
    """The cash that it takes until it has ended, in the same: of a bid its money and its fee, of a sale none."""


class Rejection(NamedTuple):
    """A refusal: which order, why, and the numbers behind it."""

    order_id: int
    reason: RejectReason
    detail: str
