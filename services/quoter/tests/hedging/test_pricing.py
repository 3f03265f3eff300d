"""The price of a hedge's child: each style with numbers worked by hand, and what no book can make it do."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from common.events import Distance, ExecutionStyle, Level
from common.instruments import Side
from hypothesis import given
from hypothesis import strategies as st
from quoter.hedging.depth import Depth, others_of
from quoter.hedging.pricing import (
    Limit,
    bound_of,
    cost_of,
    first_ticks,
    limit_of,
    offset_of,
    passive_ticks,
)
from quoter.testing.hedging import a_command, depth, instrument

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LEAN, PASSIVE, CROSS = ExecutionStyle.LEAN, ExecutionStyle.PASSIVE, ExecutionStyle.CROSS_MARKET
BTCUSD = instrument()


def limit(style: ExecutionStyle, side: Side, book: Depth, first: int | None = None, **changed: Any) -> Limit | str:
    passive_first = changed.pop("passive_first", False)
    command = a_command(style=style, side=side, **changed)
    begun = D(first if first is not None else first_ticks(style, side, book))
    return limit_of(command, book, bound_of(command, begun, BTCUSD), BTCUSD, passive_first=passive_first)


# --- the styles -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "passive", "lean"), [(BUY, 59_999, 60_000), (SELL, 59_991, 59_990)])
def test_lean_leans_on_the_other_side_and_begins_a_tick_before_it(side: Side, passive: int, lean: int) -> None:
    # 59,990 bid, 60,000 asked: a buyer begins at 59,999 and goes on at 60,000.
    assert limit(LEAN, side, depth(), passive_first=True) == Limit(passive, post_only=True, immediate=False)
    assert limit(LEAN, side, depth()) == Limit(lean, post_only=False, immediate=False)


@pytest.mark.parametrize(
    ("side", "book", "ticks"),
    [
        (BUY, depth(59_990, 60_000), 59_991),
        (SELL, depth(59_990, 60_000), 59_999),
        (BUY, depth(59_999, 60_000), 59_999),
        (SELL, depth(59_999, 60_000), 60_000),
        (BUY, Depth(((59_990, 1),), ()), 59_991),
        (SELL, Depth(((1, 1),), ((2, 1),)), 2),
    ],
)
def test_passive_improves_its_own_side_and_joins_where_that_would_cross(side: Side, book: Depth, ticks: int) -> None:
    assert limit(PASSIVE, side, book) == Limit(ticks, post_only=True, immediate=False)


@pytest.mark.parametrize(("side", "ticks"), [(BUY, 60_120), (SELL, 59_871)])
def test_cross_market_goes_through_the_other_side_by_the_offset_and_never_rests(side: Side, ticks: int) -> None:
    # 20 bps of 60,000 are 120. 20 bps of 59,990 are 119.98: a sale goes down to 59,870.02, which is 59,871 in ticks.
    assert limit(CROSS, side, depth()) == Limit(ticks, post_only=False, immediate=True)


def test_cross_market_counts_its_offset_from_the_price_of_now_and_stays_within_that_of_the_first() -> None:
    # The ask has come to 59,900: 20 bps of it are 119.8, and 60,019.8 is within 60,120.
    assert limit(CROSS, BUY, depth(59_890, 59_900), first=60_000) == Limit(60_019, post_only=False, immediate=True)
    # The ask has gone to 60,100: 60,120 is as far as it goes.
    found = limit(CROSS, BUY, depth(60_090, 60_100), first=60_000)
    assert found == Limit(60_120, post_only=False, immediate=True, held="held at max_offset, 60000 at first")
    # Beyond it nothing can be taken.
    found = limit(CROSS, BUY, depth(60_140, 60_150), first=60_000)
    assert found == "held at max_offset, 60000 at first"


@pytest.mark.parametrize(
    ("changed", "ticks", "held"),
    [
        ({"max_offset": Distance(D(50), in_bps=False)}, 60_050, "max_offset, 60000 at first"),
        ({"max_offset": Distance(D(0), in_bps=True)}, 60_000, "max_offset, 60000 at first"),
        ({"max_bid": D("60020.5")}, 60_020, "max_bid 60020.5"),
        ({"max_bid": D(70_000)}, 60_120, "max_offset, 60000 at first"),
        ({"side": SELL, "min_ask": D("59980.5")}, 59_981, "min_ask 59980.5"),
        ({"side": SELL}, 59_880, "max_offset, 60000 at first"),
    ],
)
def test_the_bound_is_the_nearer_one_rounded_to_the_safe_side(changed: dict[str, Any], ticks: int, held: str) -> None:
    bound = bound_of(a_command(**changed), D(60_000), BTCUSD)
    assert (bound.price_ticks, bound.name) == (ticks, held)


def test_a_lean_order_waits_at_its_bound_for_the_market_to_come_back() -> None:
    found = limit(LEAN, BUY, depth(60_240, 60_250), first=60_000)
    assert found == Limit(60_120, post_only=False, immediate=False, held="held at max_offset, 60000 at first")
    found = limit(LEAN, BUY, depth(), max_bid=D(59_000))
    assert found == Limit(59_000, post_only=False, immediate=False, held="held at max_bid 59000")


@pytest.mark.parametrize(("style", "ticks"), [(LEAN, 59_994), (PASSIVE, 59_991), (CROSS, None)])
def test_a_child_never_trades_with_an_own_order(style: ExecutionStyle, ticks: int | None) -> None:
    found = limit(style, BUY, depth(own_ask_ticks=59_995))
    if ticks is None:
        assert found == "an own ask is in the way"
    else:
        assert isinstance(found, Limit)
        assert found.price_ticks == ticks


@pytest.mark.parametrize(
    ("style", "book", "why"),
    [
        (LEAN, Depth(((59_990, 1),), ()), "the book has no asks"),
        (CROSS, Depth(((59_990, 1),), ()), "the book has no asks"),
        (PASSIVE, Depth((), ((60_000, 1),)), "the book has no bids to join"),
    ],
)
def test_a_book_with_a_side_missing_says_which(style: ExecutionStyle, book: Depth, why: str) -> None:
    assert limit(style, BUY, book) == why


# --- what a unit costs ----------------------------------------------------------------------------------------------


def test_what_is_taken_is_paid_at_its_levels_and_the_rest_is_made_at_the_limit() -> None:
    book = Depth(((98, 5),), ((100, 2), (102, 3), (110, 9)))
    taking = Limit(102, post_only=False, immediate=True)
    # (2 x 100 + 3 x 102) / 5 = 101.2, and 10 bps more.
    assert cost_of(taking, 5, BUY, book, -0.0002, 0.001) == pytest.approx(101.3012)
    # 10 lots: 5 of them at 102 wait; an order that never rests pays the taker's fee for them as well.
    assert cost_of(taking, 10, BUY, book, -0.0002, 0.001) == pytest.approx((506 + 510) / 10 * 1.001)
    leaning = Limit(102, post_only=False, immediate=False)
    assert cost_of(leaning, 10, BUY, book, -0.0002, 0.001) == pytest.approx((506 * 1.001 + 510 * 0.9998) / 10)
    # A sale at 98 brings 98 less the fee.
    assert cost_of(Limit(98, post_only=False, immediate=True), 5, SELL, book, 0.0, 0.001) == pytest.approx(97.902)


def test_offsets_of_both_kinds() -> None:
    assert offset_of(Distance(D(20), in_bps=True), D(60_000)) == 120
    assert offset_of(Distance(D("0.5"), in_bps=False), D(60_000)) == D("0.5")


# --- what others show -----------------------------------------------------------------------------------------------


def test_own_orders_are_taken_out_of_the_book_also_while_it_still_shows_them() -> None:
    bids = [Level(59_990.0, 0.5), Level(59_989.0, 0.3)]
    asks = [Level(60_000.0, 0.2), Level(60_001.0, 0.4)]
    shown = ({59_990: 500}, {60_000: 150, 60_001: 400})
    found = others_of(bids, asks, shown, ({}, {60_001: 400}), BTCUSD)
    assert found == Depth(((59_989, 300),), ((60_000, 50),), 0, 60_001)


# --- for every book -------------------------------------------------------------------------------------------------

ticks = st.integers(1, 1_000)
sides = st.lists(st.tuples(ticks, st.integers(1, 50)), max_size=4, unique_by=lambda level: level[0])


@st.composite
def books(draw: st.DrawFn) -> Depth:
    """Draw a book that is not crossed, with own orders anywhere."""
    middle = draw(ticks)
    bids = sorted(((at, lots) for at, lots in draw(sides) if at < middle), reverse=True)
    asks = sorted((at, lots) for at, lots in draw(sides) if at >= middle)
    return Depth(tuple(bids), tuple(asks), draw(st.integers(0, 1_000)), draw(st.integers(0, 1_000)))


distances = st.builds(Distance, st.decimals(0, 500, places=2), st.booleans())
prices = st.one_of(st.none(), st.decimals(D("0.01"), 1_000, places=2))


@given(st.sampled_from(ExecutionStyle), st.sampled_from(Side), books(), ticks, distances, prices, prices, st.booleans())
def test_c2_i15_no_book_and_no_configuration_makes_a_child_go_beyond_its_bounds(
    style: ExecutionStyle,
    side: Side,
    book: Depth,
    first: int,
    offset: Distance,
    max_bid: Decimal | None,
    min_ask: Decimal | None,
    passive_first: bool,
) -> None:
    found = limit(
        style,
        side,
        book,
        first,
        max_offset=offset,
        max_bid=max_bid,
        min_ask=min_ask,
        passive_first=passive_first and style is LEAN,
    )
    if isinstance(found, str):
        assert found
        return
    price = found.price_ticks
    assert price >= 1
    reach = Fraction(first) * Fraction(offset.amount) / 10_000 if offset.in_bps else Fraction(offset.amount)
    if side is BUY:
        assert price <= first + reach
        assert max_bid is None or price <= Fraction(max_bid)
        assert not book.own_ask_ticks or price < book.own_ask_ticks
    else:
        assert price >= first - reach
        assert min_ask is None or price >= Fraction(min_ask)
        assert not book.own_bid_ticks or price > book.own_bid_ticks
    touch = book.against(side)
    crosses = bool(touch) and side.sign * (price - touch[0][0]) >= 0
    assert not (found.post_only and crosses)
    assert not found.immediate or crosses
    if style is LEAN and touch:
        assert side.sign * (price - touch[0][0]) <= 0


@given(st.sampled_from(Side), books())
def test_a_passive_price_never_crosses(side: Side, book: Depth) -> None:
    found = passive_ticks(side, book)
    if found and book.against(side):
        assert side.sign * (found - book.against(side)[0][0]) < 0
