"""The pre-trade check: what it looks at, what an order does to a position, and why it rejects one."""

from common.pretrade.checks import (
    FEED_AGE_MAX_NS,
    LIMITS_AGE_MAX_NS,
    check,
    closed,
    first_halt,
    scopes_of,
    shut,
    stale,
)
from common.pretrade.context import CheckContext, Closing, Collar, Collars
from common.pretrade.inventory import Held, Inventory, PairInventory, SignedInventory
from common.pretrade.orders import Approved, NewOrder, Refusal, Rejection, RejectReason

__all__ = [
    "FEED_AGE_MAX_NS",
    "LIMITS_AGE_MAX_NS",
    "Approved",
    "CheckContext",
    "Closing",
    "Collar",
    "Collars",
    "Held",
    "Inventory",
    "NewOrder",
    "PairInventory",
    "Refusal",
    "RejectReason",
    "Rejection",
    "SignedInventory",
    "check",
    "closed",
    "first_halt",
    "scopes_of",
    "shut",
    "stale",
]
