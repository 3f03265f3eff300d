"""The pre-trade check of a spot instrument: the common rules, and a position that is signed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from common.instruments import InstrumentKind, Outcome, Side
from common.pretrade import (
    Approved,
    Closing,
    NewOrder,
    PreTradeCheck,
    RejectReason,
    SignedInventory,
)
from common.testing.pretrade import BTC, let_out, limits_in_spot, rejected, spot_context, spot_order
from hypothesis import given
from hypothesis import strategies as st

SELL = {"side": Side.SELL, "price_ticks": 6_000_100}


@pytest.mark.parametrize(
    ("reason", "order", "context"),
    [
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
        (RejectReason.BOOK_COLLAR, {}, {"book_ask_ticks": 5_994_005}),
        (RejectReason.BOOK_COLLAR, SELL, {"book_bid_ticks": 6_010_101, "held_lots": 100}),
        (RejectReason.SELF_CROSS, {}, {"best_ask_ticks": 6_000_000}),
        (RejectReason.MIN_SPREAD, {}, {"best_ask_ticks": 6_000_599}),
        (RejectReason.MIN_SPREAD, SELL, {"best_bid_ticks": 5_999_501, "held_lots": 100}),
        (RejectReason.WORST_CASE_POSITION, {}, {"held_lots": 901}),
        (RejectReason.WORST_CASE_POSITION, {}, {"held_lots": 500, "open_buy_lots": 401}),
        (RejectReason.WORST_CASE_POSITION, SELL, {}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 99}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 100, "unconfirmed_lots": 1}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"held_lots": 150, "open_sell_lots": 51}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"max_short_lots": 500, "held_lots": -401}),
        (RejectReason.WORST_CASE_POSITION, SELL, {"max_short_lots": 5_000, "held_lots": -901}),
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
        (RejectReason.OPEN_ORDERS, SELL, {"open_asks": 6, "held_lots": 100}),
    ],
)
def test_each_refusal_has_its_reason(reason: RejectReason, order: dict[str, Any], context: dict[str, Any]) -> None:
    rejection = rejected(spot_order(**order), spot_context(**context))
    assert rejection is not None
    assert (rejection.order_id, rejection.reason) == (7, reason)
    assert rejection.detail


@pytest.mark.parametrize(
    ("order", "context"),
    [
        ({}, {}),
        # Exactly at a limit is within it.
        ({"quantity_lots": 2, "price_ticks": 5_970_000}, {}),
        ({}, {"book_ask_ticks": 5_994_006}),
        ({}, {"best_ask_ticks": 6_000_600, "free_cash": 600.0}),
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
    assert rejected(spot_order(**order), spot_context(**context)) is None


def test_a_limit_of_zero_is_no_room() -> None:
    limits = limits_in_spot()
    for without in (
        replace(limits, max_position_lots=0),
        replace(limits, max_net_lots=0),
        replace(limits, max_order_lots=0),
    ):
        assert rejected(spot_order(), spot_context(limits=without)) is not None, without


def test_an_approved_order_says_where_it_stands_and_what_it_costs() -> None:
    found = PreTradeCheck(spot_context()).of(spot_order())
    assert isinstance(found, Approved)
    assert (found.order, found.on_axis) == (spot_order(), (True, 6_000_000))
    assert found.notional == pytest.approx(600.0)


orders = st.lists(
    st.builds(
        spot_order,
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
    limits = replace(limits_in_spot(max_notional=1e9, max_account_notional=1e9), max_position_lots=most)
    context = spot_context(
        limits=limits,
        closing=Closing(500, 5_000) if closing else None,
        held_lots=held,
        unconfirmed_lots=doubt,
        max_short_lots=short,
        messages_left=50.0,
    )
    admitted = let_out(wanted, context)
    bought = sum(order.quantity_lots for order in admitted if order.side is Side.BUY)
    sold = sum(order.quantity_lots for order in admitted if order.side is Side.SELL)
    if bought:
        assert held + bought <= max(0 if closing else most, 0)
        assert held + bought <= limits.max_net_lots
    if sold:
        least = held - doubt - sold
        assert least >= -max(0 if closing else min(short, most), 0)
        assert least >= -limits.max_net_lots


@given(st.integers(-500, 500), st.integers(0, 100), st.integers(0, 300), st.integers(0, 300), st.integers(1, 200))
def test_a_reduction_ends_between_where_it_began_and_flat(
    held: int, doubt: int, buying: int, selling: int, lots: int
) -> None:
    inventory = SignedInventory(BTC, held, doubt, 0, buying, selling)
    assert inventory.sellable(Outcome.NONE) == max(0, held - doubt - selling)
    for side, open_lots in ((Side.BUY, buying), (Side.SELL, selling)):
        order = spot_order(side=side, quantity_lots=lots)
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
