"""The rules of the pre-trade check that hold for every kind of instrument: one row each, for each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from common.pretrade import FEED_AGE_MAX_NS, LIMITS_AGE_MAX_NS, CheckContext, Closing, NewOrder, RejectReason
from common.testing.pretrade import binary_context, binary_order, rejected, spot_context, spot_order


class Kind(NamedTuple):
    """How orders and markets of a kind are made."""

    order: Callable[..., NewOrder]
    context: Callable[..., CheckContext]


KINDS = {"binary": Kind(binary_order, binary_context), "spot": Kind(spot_order, spot_context)}


@pytest.fixture(params=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.mark.parametrize(
    ("reason", "order", "context"),
    [
        (RejectReason.HALTED, {}, {"halt": "bot-1:daily_loss"}),
        (RejectReason.BUS_DOWN, {}, {"bus_up": False}),
        (RejectReason.NOT_RECONCILED, {}, {"reconciled": False}),
        (RejectReason.DEADMAN_NOT_ARMED, {}, {"deadman_armed": False}),
        (RejectReason.NO_LIMITS, {}, {"limits": None}),
        (RejectReason.LIMITS_STALE, {}, {"limits_age_ns": LIMITS_AGE_MAX_NS + 1}),
        (RejectReason.CONFIG_BEHIND, {}, {"limits_revision": 2}),
        (RejectReason.POSITION_UNKNOWN, {}, {"position_known": False}),
        (RejectReason.CLOCK_UNKNOWN, {}, {"clock_known": False}),
        (RejectReason.FEED_SILENT, {}, {"feed_age_ns": FEED_AGE_MAX_NS + 1}),
        (RejectReason.VENUE_SILENT, {}, {"venue_age_ns": 1_000_000_001}),
        (RejectReason.VENUE_SILENT, {}, {"venue_age_ns": 2_501, "venue_age_max_ns": 2_500}),
        (RejectReason.CLOCK_OFFSET, {}, {"clock_offset_ns": 2_000_000_001}),
        (RejectReason.CLOCK_OFFSET, {}, {"clock_offset_ns": -10_000_000_000}),
        (RejectReason.FAIR_STALE, {}, {"fair": None}),
        (RejectReason.FAIR_STALE, {}, {"fair_age_ns": 501}),
        (RejectReason.BOOK_STALE, {}, {"book_stale": True}),
        (RejectReason.EXPIRED, {"expires_at_ns": 1_000}, {}),
        (RejectReason.DUPLICATE, {}, {"known_ids": {7}}),
        (RejectReason.POST_ONLY, {"post_only": False}, {}),
        (RejectReason.OPEN_ORDERS, {}, {"open_orders": 12}),
        (RejectReason.OPEN_ORDERS, {}, {"open_bids": 6}),
        (RejectReason.MESSAGE_RATE, {}, {"messages_left": 0.99}),
        (RejectReason.QUOTE_LIFE, {}, {"bid_free_from_ns": 1_001}),
        (RejectReason.CANCEL_RATE, {}, {"cancels_left": 0.0}),
        (RejectReason.ORDER_TO_FILL, {}, {"orders_per_fill": 51.0}),
        (RejectReason.OFF_RANGE, {"price_ticks": 0}, {}),
        (RejectReason.SIZE, {"quantity_lots": 0}, {}),
        (RejectReason.SIZE, {"quantity_lots": 201}, {}),
        (RejectReason.SIZE, {"quantity_lots": -5}, {}),
        (RejectReason.COLLATERAL, {}, {"free_cash": 0.0}),
        (RejectReason.NOTIONAL, {}, {"bot_notional": 1e6}),
        (RejectReason.NOTIONAL, {}, {"account_notional": 1e6}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"closing": Closing(500, 1_000)}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"closing": Closing(500, 5_000)}),
    ],
)
def test_each_refusal_has_its_reason(
    kind: Kind, reason: RejectReason, order: dict[str, Any], context: dict[str, Any]
) -> None:
    rejection = rejected(kind.order(**order), kind.context(**context))
    assert rejection is not None
    assert (rejection.order_id, rejection.reason) == (7, reason)
    assert rejection.detail


@pytest.mark.parametrize(
    "context",
    [
        {},
        # Exactly at a bound is within it.
        {"limits_age_ns": LIMITS_AGE_MAX_NS, "feed_age_ns": FEED_AGE_MAX_NS, "fair_age_ns": 500},
        {"venue_age_ns": 1_000_000_000, "clock_offset_ns": -2_000_000_000},
        {"open_orders": 11, "open_bids": 5, "messages_left": 1.0},
        {"bid_free_from_ns": 1_000, "orders_per_fill": 50.0, "cancels_left": 1.0},
        # The other side's quotes neither count nor wait.
        {"open_asks": 6, "ask_free_from_ns": 9_000},
        # Nothing expires, whatever the time is.
        {"venue_now_ns": 2**62, "closing": None},
    ],
)
def test_what_is_just_within_a_bound_passes(kind: Kind, context: dict[str, Any]) -> None:
    assert rejected(kind.order(), kind.context(**context)) is None


def test_without_limits_the_refusal_says_why_there_are_none(kind: Kind) -> None:
    rejection = rejected(kind.order(), kind.context(limits=None, no_limits="risk publishes no limits in EUR"))
    assert rejection is not None
    assert (rejection.reason, rejection.detail) == (RejectReason.NO_LIMITS, "risk publishes no limits in EUR")
