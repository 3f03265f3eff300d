"""The pre-trade check of a spot instrument: the common rules, and a position that is signed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from common.events import BotLimits, QuoteBounds
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.pretrade import (
    FEED_AGE_MAX_NS,
    LIMITS_AGE_MAX_NS,
    Approved,
    CheckContext,
    Closing,
    Collar,
    Collars,
    NewOrder,
    Rejection,
    RejectReason,
    SignedInventory,
    check,
)
from hypothesis import given
from hypothesis import strategies as st

CENT = Decimal("0.01")
BTC = Instrument(
    "degen",
    "BTC/USD",
    InstrumentKind.SPOT,
    "USD",
    CENT,
    base="BTC",
    lot_size=Decimal("0.0001"),
    min_lots=2,
    min_notional=Decimal(10),
)
LIMITS = BotLimits(
    max_position_lots=1_000,
    max_net_lots=900,
    max_order_lots=200,
    max_open_orders=12,
    min_spread=0.02,
    price_collar=300.0,
    max_messages_per_s=100,
    max_daily_loss=Decimal(1_000),
    max_order_notional=1_000.0,
    max_notional=5_000.0,
    max_account_notional=9_000.0,
    book_collar=100.0,
    quotes=QuoteBounds(max_side_orders=6),
)
IN_BPS = Collars(Collar(50, in_bps=True), Collar(10, in_bps=True))


def an_order(**changes: Any) -> NewOrder:
    """Return a bid for 0.01 BTC at 60,000: 600 dollars."""
    return NewOrder(7, "1", "mm1", BTC, Side.BUY, 6_000_000, 100, 2_000)._replace(**changes)


def a_context(**changes: Any) -> CheckContext:
    own = SignedInventory.__slots__
    inventory = SignedInventory(BTC, **{name: changes.pop(name) for name in own if name in changes})
    context = CheckContext(
        now_ns=1_000,
        venue_now_ns=1_000,
        instrument=BTC,
        inventory=inventory,
        closing=None,
        bus_up=True,
        reconciled=True,
        deadman_armed=True,
        limits=LIMITS,
        clock_known=True,
        fair=60_000.0,
        fair_age_max_ns=500,
        position_known=True,
        messages_left=10.0,
    )
    return replace(context, **changes)


def rejected(order: NewOrder, context: CheckContext) -> Rejection | None:
    found = check(order, context)
    return found if isinstance(found, Rejection) else None


SELL = {"side": Side.SELL, "price_ticks": 6_000_100}


@pytest.mark.parametrize(
    ("reason", "order", "context"),
    [
        (RejectReason.HALTED, {}, {"halt": "bot-1:daily_loss"}),
        (RejectReason.BUS_DOWN, {}, {"bus_up": False}),
        (RejectReason.NO_LIMITS, {}, {"limits": None}),
        (RejectReason.LIMITS_STALE, {}, {"limits_age_ns": LIMITS_AGE_MAX_NS + 1}),
        (RejectReason.POSITION_UNKNOWN, {}, {"position_known": False}),
        (RejectReason.FEED_SILENT, {}, {"feed_age_ns": FEED_AGE_MAX_NS + 1}),
        (RejectReason.FAIR_STALE, {}, {"fair": None}),
        (RejectReason.EXPIRED, {"expires_at_ns": 1_000}, {}),
        (RejectReason.DUPLICATE, {}, {"known_ids": {7}}),
        (RejectReason.DUPLICATE, {}, {"own_places": {(Outcome.NONE, Side.BUY, 6_000_000)}}),
        (RejectReason.WRONG_INSTRUMENT, {"instrument": replace(BTC, symbol="ETH/USD")}, {}),
        (RejectReason.WRONG_INSTRUMENT, {"instrument": replace(BTC, currency="EUR")}, {}),
        (RejectReason.WRONG_INSTRUMENT, {"instrument": replace(BTC, lot_size=Decimal(1))}, {}),
        (
            RejectReason.WRONG_INSTRUMENT,
            {"instrument": replace(BTC, kind=InstrumentKind.BINARY, outcome=Outcome.YES, price_max=Decimal(1))},
            {},
        ),
        (RejectReason.OFF_TICK, {"instrument": BTC.with_tick(Decimal("0.1"))}, {}),
        (RejectReason.OFF_RANGE, {"price_ticks": 0}, {}),
        (RejectReason.OFF_RANGE, {"price_ticks": -6_000_000}, {}),
        (RejectReason.SIZE, {"quantity_lots": 1}, {}),
        (RejectReason.SIZE, {"quantity_lots": 201}, {}),
        # 0.0002 BTC at 45,000 are 9 dollars.
        (RejectReason.SIZE, {"quantity_lots": 2, "price_ticks": 4_500_000}, {"fair": 45_000.0}),
        (RejectReason.PRICE_COLLAR, {"price_ticks": 5_969_999}, {}),
        (RejectReason.PRICE_COLLAR, {"price_ticks": 5_969_999}, {"collars": IN_BPS}),
        (RejectReason.BOOK_COLLAR, {}, {"book_ask_ticks": 5_989_999}),
        (RejectReason.BOOK_COLLAR, SELL, {"book_bid_ticks": 6_010_101, "held_lots": 100}),
        (RejectReason.BOOK_COLLAR, {}, {"book_ask_ticks": 5_994_000, "collars": IN_BPS}),
        (RejectReason.SELF_CROSS, {}, {"best_ask_ticks": 6_000_000}),
        (RejectReason.MIN_SPREAD, {}, {"best_ask_ticks": 6_000_001}),
        (RejectReason.MIN_SPREAD, SELL, {"best_bid_ticks": 6_000_099, "held_lots": 100}),
        (RejectReason.WORST_CASE_POSITION, {}, {"held_lots": 901}),
        (RejectReason.WORST_CASE_POSITION, {}, {"held_lots": 500, "open_buy_lots": 401}),
        (RejectReason.WORST_CASE_POSITION, SELL, {}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 99}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 100, "unconfirmed_lots": 1}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 150, "open_sell_lots": 51}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"max_short_lots": 500, "held_lots": -401}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"max_short_lots": 5_000, "held_lots": -901}),
        (RejectReason.WORST_CASE_NET, {}, {"held_lots": 801}),
        (RejectReason.WORST_CASE_NET, SELL, {"max_short_lots": 1_000, "held_lots": -801}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"closing": Closing(500, 5_000)}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"closing": Closing(500, 5_000), "held_lots": -99}),
        (RejectReason.CLOSE_TO_EXPIRY, SELL, {"closing": Closing(500, 5_000), "max_short_lots": 500}),
        (RejectReason.CLOSE_TO_EXPIRY, {}, {"closing": Closing(500, 1_000)}),
        (RejectReason.POST_ONLY, {"post_only": False}, {"may_take": True}),
        (RejectReason.POST_ONLY, {"post_only": False}, {"held_lots": -100}),
        (
            RejectReason.POST_ONLY,
            SELL | {"post_only": False},
            {"held_lots": 100, "unconfirmed_lots": 1, "max_short_lots": 5},
        ),
        (RejectReason.COLLATERAL, {}, {"free_cash": 599.99}),
        (RejectReason.NOTIONAL, {"quantity_lots": 167}, {}),
        (RejectReason.NOTIONAL, {}, {"bot_notional": 4_400.1}),
        (RejectReason.NOTIONAL, {}, {"account_notional": 8_400.1}),
        (RejectReason.OPEN_ORDERS, {}, {"open_orders": 12}),
        (RejectReason.OPEN_ORDERS, {}, {"open_bids": 6}),
        (RejectReason.OPEN_ORDERS, SELL, {"open_asks": 6, "held_lots": 100}),
        (RejectReason.MESSAGE_RATE, {}, {"messages_left": 0.99}),
        (RejectReason.QUOTE_LIFE, {}, {"bid_free_from_ns": 1_001}),
        (RejectReason.CANCEL_RATE, {}, {"cancels_left": 0.0}),
        (RejectReason.ORDER_TO_FILL, {}, {"orders_per_fill": 1_000_001.0}),
    ],
)
def test_each_refusal_has_its_reason(reason: RejectReason, order: dict[str, Any], context: dict[str, Any]) -> None:
    rejection = rejected(an_order(**order), a_context(**context))
    assert rejection is not None
    assert (rejection.order_id, rejection.reason) == (7, reason)
    assert rejection.detail


@pytest.mark.parametrize(
    ("order", "context"),
    [
        ({}, {}),
        # Exactly at a limit is within it.
        ({"quantity_lots": 2, "price_ticks": 5_970_000}, {}),
        ({"price_ticks": 5_970_000}, {"collars": IN_BPS}),
        ({}, {"book_ask_ticks": 5_990_000}),
        ({}, {"best_ask_ticks": 6_000_002, "free_cash": 600.0}),
        ({}, {"held_lots": 800}),
        (SELL, {"held_lots": 100}),
        (SELL, {"held_lots": 150, "open_sell_lots": 50, "free_cash": 0.0}),
        (SELL, {"max_short_lots": 500, "held_lots": -400}),
        # A price far above 1 has no bound but its collar.
        ({"price_ticks": 9_000_000, "quantity_lots": 100}, {"fair": 90_000.0}),
        # Nothing expires, whatever the time is.
        ({}, {"venue_now_ns": 2**62}),
        # What brings a position towards flat passes beyond every limit on positions and money.
        (SELL, {"held_lots": 5_000}),
        ({}, {"held_lots": -5_000, "bot_notional": 99_999.0, "account_notional": 99_999.0}),
        ({"post_only": False}, {"may_take": True, "held_lots": -100}),
        (SELL | {"post_only": False}, {"may_take": True, "held_lots": 100}),
        ({}, {"closing": Closing(500, 5_000), "held_lots": -100}),
        (SELL, {"closing": Closing(500, 5_000), "held_lots": 100}),
    ],
)
def test_what_is_just_within_a_bound_passes(order: dict[str, Any], context: dict[str, Any]) -> None:
    assert rejected(an_order(**order), a_context(**context)) is None


def test_a_limit_of_zero_is_no_room() -> None:
    for name in ("max_position_lots", "max_net_lots", "max_order_lots", "max_open_orders"):
        fields = {each: getattr(LIMITS, each) for each in LIMITS.__struct_fields__}
        none_left = BotLimits(**(fields | {name: 0}))
        assert rejected(an_order(), a_context(limits=none_left)) is not None, name


def test_an_approved_order_says_where_it_stands_and_what_it_costs() -> None:
    found = check(an_order(), a_context())
    assert isinstance(found, Approved)
    assert (found.order, found.on_axis) == (an_order(), (True, 6_000_000))
    assert found.notional == pytest.approx(600.0)


orders = st.lists(
    st.builds(
        an_order,
        order_id=st.integers(1, 10**6),
        side=st.sampled_from(list(Side)),
        price_ticks=st.integers(5_999_000, 6_001_000),
        quantity_lots=st.integers(2, 200),
    ),
    max_size=12,
)


@given(orders, st.integers(-600, 600), st.integers(0, 100), st.integers(0, 700), st.integers(0, 700), st.booleans())
def test_whatever_is_admitted_the_position_stays_within_its_limits_either_way(
    wanted: list[NewOrder], held: int, doubt: int, most: int, short: int, closing: bool
) -> None:
    fields = {each: getattr(LIMITS, each) for each in LIMITS.__struct_fields__}
    context = a_context(
        limits=BotLimits(**(fields | {"max_position_lots": most, "max_notional": 1e9, "max_account_notional": 1e9})),
        closing=Closing(500, 5_000) if closing else None,
        held_lots=held,
        unconfirmed_lots=doubt,
        max_short_lots=short,
        messages_left=50.0,
    )
    bought = sold = 0
    for order in wanted:
        found = check(order, context)
        if isinstance(found, Approved):
            context.admit(found)
            bought += order.quantity_lots if order.side is Side.BUY else 0
            sold += order.quantity_lots if order.side is Side.SELL else 0
    if bought:
        assert held + bought <= max(0 if closing else most, 0)
        assert held + bought <= LIMITS.max_net_lots
    if sold:
        least = held - doubt - sold
        assert least >= -max(0 if closing else min(short, most), 0)
        assert least >= -LIMITS.max_net_lots


@given(st.integers(-500, 500), st.integers(0, 100), st.integers(0, 300), st.integers(0, 300), st.integers(1, 200))
def test_a_reduction_ends_between_where_it_began_and_flat(
    held: int, doubt: int, buying: int, selling: int, lots: int
) -> None:
    inventory = SignedInventory(BTC, held, doubt, 0, buying, selling)
    assert inventory.sellable(Outcome.NONE) == max(0, held - doubt - selling)
    for side, open_lots in ((Side.BUY, buying), (Side.SELL, selling)):
        order = an_order(side=side, quantity_lots=lots)
        for really in (held, held - doubt):
            after = really + side.sign * (open_lots + lots)
            if inventory.reduces(order):
                assert abs(after) <= abs(really)
                assert really * after >= 0
            worst = inventory.worst_case(order)
            assert worst >= after if side is Side.BUY else worst <= after


def test_a_spot_position_has_no_yes_or_no() -> None:
    inventory = SignedInventory(BTC)
    assert inventory.instrument(Outcome.NONE) is BTC
    for outcome in (Outcome.YES, Outcome.NO):
        with pytest.raises(ValueError, match=f"outcome: BTC/USD has none, is {outcome.value}"):
            inventory.add_open(outcome, Side.BUY, 1)
