"""What a refusal says to people: what was looked at, its value and its limit, in the trade's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.instruments import Outcome, Side
from common.pretrade import Closing, NewOrder, Rejection
from common.testing.pretrade import (
    a_pair,
    binary_context,
    binary_order,
    limits_in_spot,
    rejected,
    spot_context,
    spot_order,
)

SELL: dict[str, Any] = {"side": Side.SELL, "price_ticks": 52}
MS = 1_000_000
REDUCE_ONLY = Closing(500, 5_000)


@pytest.mark.parametrize(
    ("detail", "order", "context"),
    [
        ("closed to new orders before expiry, 3 ms ago", {}, {"closing": Closing(0, 1_000), "venue_now_ns": 3_001_000}),
        ("limits are of configuration revision 2, the bot's is 3", {}, {"limits_revision": 2}),
        ("limits are 1500 ms old, limit 1000 ms", {}, {"limits_age_ns": 1_500 * MS}),
        ("the feed's status is 1500 ms old, limit 1000 ms", {}, {"feed_age_ns": 1_500 * MS}),
        (
            "the venue's last data is 2600 ms old, limit 2500 ms",
            {},
            {"venue_age_ns": 2_600 * MS, "venue_age_max_ns": 2_500 * MS},
        ),
        ("the venue's clock is -3000 ms from ours, limit 2000 ms", {}, {"clock_offset_ns": -3_000 * MS}),
        ("no fair value", {}, {"fair": None}),
        ("fair value is 700 ms old, limit 500 ms", {}, {"fair_age_ns": 700 * MS, "fair_age_max_ns": 500 * MS}),
        ("order expired 4 ms ago", {"expires_at_ns": 1_000}, {"now_ns": 1_000 + 4 * MS, "venue_now_ns": 1_000}),
        ("order id 7 is in use", {}, {"known_ids": {7}}),
        ("an own order is open at 48 ticks", {}, {"own_places": {(Outcome.YES, Side.BUY, 48)}}),
        ("order's tick size 0.001, market's 0.01", {"tick_size": Decimal("0.001"), "price_ticks": 480}, {}),
        ("price 0, must be 1 to 99 ticks", {"price_ticks": 0}, {}),
        ("size 100 lots, market's minimum 150", {}, {"pair": a_pair(min_lots=150)}),
        ("size 201 lots, limit 200", {"quantity_lots": 201}, {}),
        ("price 0.1200 from fair value, limit 0.1", {}, {"fair": 0.6}),
        ("bid 0.9500, highest bid 0.9", {"price_ticks": 95, "quantity_lots": 10}, {"fair": 0.9}),
        ("ask 0.0400, lowest ask 0.05", SELL | {"price_ticks": 4}, {"fair": 0.08, "yes_lots": 100}),
        ("price 0.3100 through the best ask, limit 0.3", {}, {"book_ask_ticks": 17}),
        ("price 0.3100 through the best bid, limit 0.3", SELL, {"book_bid_ticks": 83, "yes_lots": 100}),
        ("bid at 48 would trade with the own ask at 47 ticks", {}, {"best_ask_ticks": 47}),
        ("bid at 48 would trade with another account's ask at 47 ticks", {}, {"others_ask_ticks": 47}),
        ("own spread 1, limit 2 ticks", {}, {"best_ask_ticks": 49}),
        ("sells 1 yes more than are held", SELL, {"yes_lots": 99}),
        ("worst-case position 1001 yes, limit 1000", {}, {"yes_lots": 901, "no_lots": 901}),
        ("worst-case net position 801, limit 800", {}, {"yes_lots": 701}),
        (
            "reduce only: worst-case position 300 yes, limit 250",
            {},
            {"closing": REDUCE_ONLY, "yes_lots": 200, "no_lots": 250},
        ),
        ("reduce only: would leave 50 yes, least 100", SELL, {"closing": REDUCE_ONLY, "yes_lots": 150, "no_lots": 100}),
        ("an order that may take must reduce the position", {"post_only": False}, {}),
        ("costs 48.00, free cash 20.50", {}, {"free_cash": 20.5}),
        ("order's notional 96.00, limit 60.00", {"quantity_lots": 200}, {}),
        ("bot's notional 500.50, limit 500.00", {}, {"account_notional": 900.0, "bot_notional": 452.5}),
        ("account's notional 900.50, limit 900.00", {}, {"account_notional": 852.5, "bot_notional": 452.0}),
        ("open orders 12, limit 12", {}, {"open_orders": 12}),
        ("open bids in this market 6, limit 6", {}, {"open_bids": 6}),
        ("message budget used up, bot's limit 100 a second", {}, {"messages_left": 0.5}),
        ("replaces a quote cancelled 2.0 ms too early, limit 0 ms", {}, {"bid_free_from_ns": 1_000 + 2 * MS}),
        ("no cancel left, limit 20 a second", {}, {"cancels_left": 0.0}),
        ("orders per fill 51, limit 50", {}, {"orders_per_fill": 51.0}),
    ],
)
def test_a_refused_order_of_a_share_says_what_its_value_and_its_limit_are(
    detail: str, order: dict[str, Any], context: dict[str, Any]
) -> None:
    assert said(rejected(binary_order(**order), binary_context(**context))) == detail


@pytest.mark.parametrize(
    ("detail", "order", "context"),
    [
        ("price 0, must be 1 or more ticks", spot_order(price_ticks=0), {}),
        ("notional 6 USD, market's minimum 10", spot_order(price_ticks=3_000_000, quantity_lots=2), {"fair": 30_000.0}),
        ("sells 10 lots more than are held", spot_order(side=Side.SELL), {"held_lots": 90}),
        (
            "worst-case position -600 lots, limit 500 short",
            spot_order(side=Side.SELL),
            {"held_lots": -500, "max_short_lots": 500},
        ),
        ("reduce only: worst-case position +100 lots, limit 0", spot_order(), {"closing": REDUCE_ONLY}),
        (
            "ask 60000.0000, lowest ask 60390.0000",
            spot_order(side=Side.SELL),
            {"held_lots": 100, "reference": 61_000.0, "limits": limits_in_spot(reference_bounds_bps=100.0)},
        ),
    ],
)
def test_so_does_one_of_a_coin(detail: str, order: NewOrder, context: dict[str, Any]) -> None:
    assert said(rejected(order, spot_context(**context))) == detail


def said(rejection: Rejection | None) -> str:
    assert rejection is not None
    return rejection.detail
