"""The pre-trade check: what it knows of an order's surroundings, and why it refuses one."""

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
from common.pretrade.context import NewOrder, Rejection, RejectReason, View

__all__ = [
    "FEED_AGE_MAX_NS",
    "LIMITS_AGE_MAX_NS",
    "NewOrder",
    "RejectReason",
    "Rejection",
    "View",
    "check",
    "closed",
    "first_halt",
    "scopes_of",
    "shut",
    "stale",
]
