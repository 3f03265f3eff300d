"""A bot's limits in one market: in its lots and prices, by the kind of instrument it is of."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from common.events import BotLimits, NotionalLimits, PositionLimits, SpotLimits
from common.instruments import Instrument, InstrumentKind
from common.pretrade import Bounds, Distance, MarketLimits, RejectReason, limits_in
from common.testing.limits import BINARY, COMMON, SPOT, binary_limits, changed, spot_limits
from common.testing.pretrade import (
    BTC,
    PAIR,
    binary_context,
    limits_in_spot,
    rejected,
    spot_context,
    spot_order,
)
from hypothesis import given
from hypothesis import strategies as st

EUROS = NotionalLimits(max_order_notional=10.0, max_notional=20.0, max_account_notional=30.0)


def in_market(limits: BotLimits, instrument: Instrument, account_currency: str = "USD") -> MarketLimits | str:
    return limits_in(limits, instrument, account_currency)


def test_binary_limits_are_in_lots_and_in_price_whatever_a_lot_is() -> None:
    found = in_market(binary_limits(), replace(PAIR.yes, lot_size=Decimal("0.01")))
    assert isinstance(found, MarketLimits)
    assert (found.max_position_lots, found.max_net_lots, found.max_order_lots) == (1_000, 1_000, 500)
    assert (found.min_spread, found.price_collar, found.book_collar) == (Distance(0.02), Distance(0.25), Distance(0.3))
    assert found.bounds == Bounds(0.99, 0.01)
    assert found.notional == COMMON.notional


@pytest.mark.parametrize(("lot_size", "position", "order"), [("0.0001", 1_000, 200), ("0.03", 3, 0), ("1", 0, 0)])
def test_spot_limits_are_in_units_of_the_base_and_become_whole_lots_within_them(
    lot_size: str, position: int, order: int
) -> None:
    found = in_market(spot_limits(), replace(BTC, lot_size=Decimal(lot_size)))
    assert isinstance(found, MarketLimits)
    assert (found.max_position_lots, found.max_net_lots, found.max_order_lots) == (position, position, order)


@given(st.decimals("0.0001", 10, places=4), st.decimals("0.0001", 3, places=4))
def test_the_lots_within_a_limit_are_the_most_there_may_be(limit: Decimal, lot_size: Decimal) -> None:
    lots = replace(BTC, lot_size=lot_size).lots_within(limit)
    assert lots * lot_size <= limit < (lots + 1) * lot_size


def test_spot_distances_are_parts_of_a_price() -> None:
    found = limits_in_spot()
    distances = [each.at(60_000) for each in (found.min_spread, found.price_collar, found.book_collar)]
    assert distances == pytest.approx([6.0, 300.0, 60.0])


def test_a_spot_price_has_no_bound_of_its_own_beside_its_collar() -> None:
    assert rejected(spot_order(price_ticks=9_000_000), spot_context(fair=90_000.0)) is None


@pytest.mark.parametrize(
    ("changes", "reference", "detail"),
    [
        ({"price_ticks": 6_000_000}, 59_700.0, None),
        ({"price_ticks": 6_000_000}, 59_000.0, "bid 60000.0000, highest bid 59590.0000"),
        ({"price_ticks": 6_000_000}, None, "no reference price to bound the price by"),
    ],
)
def test_spot_bounds_are_relative_to_the_markets_reference(
    changes: dict[str, Any], reference: float | None, detail: str | None
) -> None:
    limits = limits_in_spot(reference_bounds_bps=100.0)
    found = rejected(spot_order(**changes), spot_context(limits=limits, reference=reference))
    assert (found.detail if found else None) == detail
    assert found is None or found.reason is RejectReason.PRICE_BOUND


@pytest.mark.parametrize("bounds", [None, 100.0])
def test_a_spot_order_with_nothing_to_measure_its_price_by_is_refused(bounds: float | None) -> None:
    limits = limits_in_spot(reference_bounds_bps=bounds)
    without_fair = rejected(spot_order(), spot_context(limits=limits, fair=None, reference=60_000.0))
    assert without_fair is not None
    assert without_fair.reason is RejectReason.FAIR_STALE
    without_reference = rejected(spot_order(), spot_context(limits=limits, reference=None))
    assert (without_reference is None) is (bounds is None), "bounds are relative to a reference"


@pytest.mark.parametrize(
    ("limits", "instrument", "why"),
    [
        (spot_limits(), PAIR.yes, "risk publishes no limits for binary instruments"),
        (binary_limits(), BTC, "risk publishes no limits for spot instruments"),
        (spot_limits(), replace(BTC, base="ETH"), "risk publishes no limits for ETH"),
        (spot_limits(), replace(BTC, base=""), "risk publishes no limits for an unknown base"),
        (spot_limits(), replace(BTC, currency="EUR"), "risk publishes no limits in EUR"),
        (binary_limits(), replace(PAIR.yes, currency="EUR"), "risk publishes no limits in EUR"),
        (spot_limits(), replace(BTC, kind=InstrumentKind.BOND), "risk publishes no limits for bond instruments"),
    ],
)
def test_what_has_no_limits_is_not_traded_and_says_why(limits: BotLimits, instrument: Instrument, why: str) -> None:
    assert in_market(limits, instrument) == why
    context = replace(binary_context(), instrument=instrument)
    context.take_limits(limits, "USD")
    assert (context.limits, context.no_limits, context.given) == (None, why, limits)


def test_each_currency_that_is_paid_has_limits_of_its_own() -> None:
    limits = spot_limits(currencies={"EUR": EUROS})
    for currency, money in (("EUR", EUROS), ("USD", COMMON.notional)):
        found = in_market(limits, replace(BTC, currency=currency))
        assert isinstance(found, MarketLimits)
        assert found.notional == money
    assert in_market(limits, replace(BTC, currency="CHF")) == "risk publishes no limits in CHF"


def test_a_bot_that_trades_two_kinds_has_limits_of_each() -> None:
    both = BotLimits(COMMON, [BINARY, SPOT])
    binary, spot = in_market(both, PAIR.yes), in_market(both, BTC)
    assert isinstance(binary, MarketLimits)
    assert isinstance(spot, MarketLimits)
    assert (binary.max_order_lots, spot.max_order_lots) == (500, 200)
    assert binary.common is spot.common is COMMON


def test_what_risk_takes_back_is_gone() -> None:
    context = binary_context()
    context.take_limits(binary_limits(), "USD")
    assert context.limits is not None
    context.lose_limits()
    left: list[object] = [context.limits, context.given, context.no_limits]
    assert left == [None, None, "risk publishes no limits for this bot"]


def test_a_changed_limit_is_found_wherever_it_stands() -> None:
    limits = changed(spot_limits(), positions={"ETH": PositionLimits(Decimal(3), Decimal(1))}, max_notional=7.0)
    (own,) = limits.kinds
    assert isinstance(own, SpotLimits)
    assert (limits.common.notional.max_notional, list(own.positions)) == (7.0, ["ETH"])
    with pytest.raises(AssertionError, match="no limit is called max_nett"):
        changed(limits, max_nett=1)
