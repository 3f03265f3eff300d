"""The formula of a fixed spread: the source's example, and what it never does, on shares and on coins."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import Market, MarketStatus
from common.instruments import InstrumentKind, Outcome, Side
from hypothesis import given
from hypothesis import strategies as st
from quoter.fixed.quote import Quote, Rules, half_spread, headroom, quote
from quoter.orders.diff import Headroom, TargetOrder
from quoter.orders.terms import Terms, terms_of
from quoter.testing.script import market

WIDE = Headroom(1_000, 1_000)
SHARE = terms_of(market())


def coin(min_lots: int = 1, min_notional: str = "0", lot_size: str = "0.0001") -> Terms:
    return terms_of(
        Market(
            venue="degen",
            symbol="BTCUSD",
            kind=InstrumentKind.SPOT,
            status=MarketStatus.OPEN,
            base="BTC",
            tick_size=Decimal("0.01"),
            lot_size=Decimal(lot_size),
            min_lots=min_lots,
            min_notional=Decimal(min_notional),
            ts_received_ns=0,
        )
    )


def spread_of(found: Quote) -> int:
    return found.asks[0].price_ticks - found.bids[0].price_ticks


def test_the_example_of_the_source() -> None:
    away = half_spread(0.52, Rules(0.02, 0.0, 100, 1_000), least_spread=0.02)
    found = quote(0.52, away, 100, WIDE, SHARE)
    assert found.orders == [TargetOrder(Outcome.YES, 50, 100), TargetOrder(Outcome.NO, 46, 100)]
    assert [(level.price_ticks, level.quantity_lots) for level in (*found.bids, *found.asks)] == [(50, 100), (54, 100)]


def test_a_coin_is_sold_where_a_share_is_bought_the_other_way() -> None:
    away = half_spread(60_000.0, Rules(0.0, 5e-4, 100, 1_000), least_spread=6.0)
    assert away == 30.0
    found = quote(60_000.0, away, 100, Headroom(1_000, 40), coin())
    assert found.orders == [
        TargetOrder(Outcome.NONE, 5_997_000, 100),
        TargetOrder(Outcome.NONE, 6_003_000, 40, Side.SELL),
    ]


@pytest.mark.parametrize(
    ("net_bounds", "sellable", "room"),
    [
        ((30, 40), None, Headroom(60, 130)),
        ((30, 40), 30, Headroom(60, 30)),
        ((0, 0), 0, Headroom(100, 0)),
        ((-120, -110), None, Headroom(210, 0)),
        ((110, 120), None, Headroom(0, 210)),
    ],
)
def test_headroom_is_what_leads_nowhere_beyond_the_most(
    net_bounds: tuple[int, int], sellable: int | None, room: Headroom
) -> None:
    assert headroom(net_bounds, sellable, 100) == room


@given(st.integers(-2_000, 2_000), st.integers(0, 500), st.integers(0, 1_000), st.integers(1, 1_000), st.booleans())
def test_no_execution_leads_beyond_the_most_or_sells_what_is_not_there(
    least: int, doubt: int, most: int, size: int, of_coin: bool
) -> None:
    least = max(0, least) if of_coin else least
    room = headroom((least, least + doubt), least if of_coin else None, most)
    found = quote(0.5 if not of_coin else 60_000.0, 0.02, size, room, coin() if of_coin else SHARE)
    bought, sold = (sum(level.quantity_lots for level in side) for side in (found.bids, found.asks))
    assert bought == 0 or least + doubt + bought <= most
    if of_coin:
        assert sold <= least
    else:
        assert sold == 0 or least - sold >= -most


@given(
    st.floats(0.001, 0.999),
    st.floats(0.001, 0.3),
    st.floats(0.0, 0.3),
    st.integers(1, 500),
)
def test_a_share_is_never_quoted_closer_than_the_least_spread_or_off_its_prices(
    middle: float, half: float, least: float, size: int
) -> None:
    found = quote(middle, half_spread(middle, Rules(half, 0.0, size, 1_000), least), size, WIDE, SHARE)
    for order in found.orders:
        assert 0 < order.price_ticks < 100
        assert order.quantity_lots == size
    if found.bids and found.asks:
        assert spread_of(found) * 0.01 >= max(2 * half, least) - 1e-9
    if found.bids:
        assert found.bids[0].price_ticks * 0.01 <= middle - half + 1e-9
    if found.asks:
        assert found.asks[0].price_ticks * 0.01 >= middle + half - 1e-9


@given(
    st.floats(1.0, 200_000.0),
    st.floats(1e-5, 0.05),
    st.floats(0.0, 0.05),
    st.integers(1, 5_000),
    st.integers(1, 50),
    st.integers(0, 500),
)
def test_a_coin_is_never_quoted_closer_than_the_least_spread_or_below_the_smallest_order(
    middle: float, half: float, least: float, size: int, min_lots: int, min_notional: int
) -> None:
    terms = coin(min_lots, str(min_notional))
    away = half_spread(middle, Rules(0.0, half, size, 1_000), least * middle)
    found = quote(middle, away, size, WIDE, terms)
    for order in found.orders:
        assert order.price_ticks > 0
        assert order.quantity_lots >= min_lots
        assert terms.instrument.notional(order.price_ticks, order.quantity_lots) >= min_notional
    if found.bids and found.asks:
        assert spread_of(found) >= max(2 * half, least) * middle / 0.01 - 1e-3
