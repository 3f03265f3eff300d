"""The pre-trade check: what it looks at, what an order does to a position, and why it rejects one."""

from common.pretrade.checks import (
    FEED_AGE_MAX_NS,
    LIMITS_AGE_MAX_NS,
    PreTradeCheck,
    closed,
    first_halt,
    scopes_of,
    shut,
    stale,
)
from common.pretrade.context import NO_LIMITS, CheckContext, Closing
from common.pretrade.cover import BidFees, Rate, bid_fees
from common.pretrade.inventory import NOTHING_HELD, Held, Inventory, PairInventory, SignedInventory
from common.pretrade.limits import Bounds, Distance, LotBounds, MarketLimits, limits_in
from common.pretrade.orders import Approved, NewOrder, Refusal, Rejection, RejectReason

__all__ = [
    "FEED_AGE_MAX_NS",
    "LIMITS_AGE_MAX_NS",
    "NOTHING_HELD",
    "NO_LIMITS",
    "Approved",
    "BidFees",
    "Bounds",
    "CheckContext",
    "Closing",
    "Distance",
    "Held",
    "Inventory",
    "LotBounds",
    "MarketLimits",
    "NewOrder",
    "PairInventory",
    "PreTradeCheck",
    "Rate",
    "Refusal",
    "RejectReason",
    "Rejection",
    "SignedInventory",
    "bid_fees",
    "closed",
    "first_halt",
    "limits_in",
    "scopes_of",
    "shut",
    "stale",
]
