"""What of a ladder may rest: exposure worked by hand, and that no cut ladder is ever beyond what is allowed."""

from __future__ import annotations

from typing import Any

import pytest
from common.events import QuoteLevel
from common.pretrade import LotBounds
from hypothesis import given
from hypothesis import strategies as st
from quoter.spot.headroom import Allowed, SideHeadroom, Stand, cut, exposure_headroom
from quoter.spot.rules import Exposure

WIDE = 10**9


def allowed(lots: int = WIDE, **changes: Any) -> Allowed:
    found = Allowed(SideHeadroom(lots, "max_long_exposure"), WIDE, WIDE, 1, 0, 20)
    return found._replace(**changes)


@pytest.mark.parametrize(
    ("held", "exposure", "buys", "sells"),
    [
        # 2 held of 3 either way.
        ((2, 2), Exposure(3, 3, None), (1, "max_long_exposure"), (5, "max_short_exposure")),
        # 2 or 3 held: the worse of both for each side.
        ((2, 3), Exposure(3, 3, None), (0, "max_long_exposure"), (5, "max_short_exposure")),
        # 4 short of 3: no more of it.
        ((-4, -4), Exposure(3, 3, None), (7, "max_long_exposure"), (0, "max_short_exposure")),
        ((2, 2), Exposure(10, 10, 3), (1, "max_quoter_position_size"), (5, "max_quoter_position_size")),
        # The platform's 8.
        ((2, 2), Exposure(10, 10, 20), (6, "the limit of the position"), (10, "the limit of the position")),
        ((2, 2), Exposure(None, None, None), (6, "the limit of the position"), (10, "the limit of the position")),
    ],
)
def test_headroom_by_hand(
    held: tuple[int, int], exposure: Exposure, buys: tuple[int, str], sells: tuple[int, str]
) -> None:
    assert exposure_headroom(Stand(*held, *held), exposure, 8, 8) == (buys, sells)


def test_what_risk_makes_of_the_limits_is_in_place_of_them() -> None:
    """5 sold here and bought elsewhere: risk lets it go down to -8 and up to -2 here, whatever is short here."""
    net = LotBounds(-8, -2, "exposure 0, limits 3 long, 3 short", "net of quotes -5, max_quoter_position_size 3")
    buys, sells = exposure_headroom(Stand(-5, -5, -5, -5), Exposure(3, 3, 3), 20, 20, net)
    assert (buys, sells) == ((3, net.why_most), (3, net.why_least))
    beyond = exposure_headroom(Stand(-9, -1, -9, -1), Exposure(3, 3, 3), 20, 20, net)
    assert beyond == ((0, net.why_most), (0, net.why_least))


@given(
    least=st.integers(-50, 50),
    doubt=st.integers(0, 20),
    limits=st.tuples(*[st.none() | st.integers(0, 60)] * 3),
    most=st.integers(0, 60),
    short=st.integers(0, 60),
)
def test_what_there_is_headroom_for_leads_beyond_no_limit(
    least: int, doubt: int, limits: tuple[int | None, int | None, int | None], most: int, short: int
) -> None:
    exposure = Exposure(*limits)
    held = Stand(least, least + doubt, least, least + doubt)
    buys, sells = exposure_headroom(held, exposure, most, short)
    highest, lowest = held.most + buys.lots, held.least - sells.lots
    if buys.lots:
        assert all(highest <= bound for bound in (exposure.long_lots, exposure.quoted_lots, most) if bound is not None)
    if sells.lots:
        bounds = (exposure.short_lots, exposure.quoted_lots, most, short)
        assert all(-lowest <= bound for bound in bounds if bound is not None)


def test_the_best_have_the_headroom_first() -> None:
    found = cut([100, 99], [3, 4], allowed(5), bids=True, bound_ticks=WIDE, bound="max_bid")
    assert found == ([QuoteLevel(100, 3), QuoteLevel(99, 2)], "max_long_exposure")


def test_equal_prices_are_one_quote() -> None:
    found = cut([101, 100, 101], [3, 4, 5], allowed(), bids=False, bound_ticks=0, bound="min_ask")
    assert found == ([QuoteLevel(100, 4), QuoteLevel(101, 8)], "")


def test_what_is_beyond_a_bound_is_not_shown_and_what_is_at_it_is() -> None:
    found = cut([102, 101, 100], [1, 1, 1], allowed(), bids=True, bound_ticks=101, bound="max_bid")
    assert found == ([QuoteLevel(101, 1), QuoteLevel(100, 1)], "max_bid")
    found = cut([100, 101], [1, 1], allowed(), bids=False, bound_ticks=101, bound="min_ask")
    assert found == ([QuoteLevel(101, 1)], "min_ask")


def test_what_would_be_too_small_for_the_venue_is_left_out() -> None:
    # 3 x 100 = 300 are enough, 2 x 100 are not.
    small = allowed(least_ticks_lots=300)
    assert cut([100, 99], [3, 3], small, bids=True, bound_ticks=WIDE, bound="") == (
        [QuoteLevel(100, 3)],
        "the venue's smallest order",
    )
    assert cut([100], [3], small._replace(headroom=SideHeadroom(2, "x")), bids=True, bound_ticks=WIDE, bound="") == (
        [],
        "x",
    )


def test_one_order_is_no_larger_than_its_limits() -> None:
    found = cut([100], [9], allowed(most_lots=7), bids=True, bound_ticks=WIDE, bound="")
    assert found == ([QuoteLevel(100, 7)], "the limit of one order")
    found = cut([100], [9], allowed(most_ticks_lots=550), bids=True, bound_ticks=WIDE, bound="")
    assert found.levels == [QuoteLevel(100, 5)]


@given(
    ladder=st.lists(st.tuples(st.integers(-2, 50), st.integers(0, 40)), max_size=8),
    lots=st.integers(0, 60),
    most_lots=st.integers(1, 30),
    most_money=st.integers(1, 800),
    least_lots=st.integers(1, 5),
    least_money=st.integers(0, 100),
    orders=st.integers(0, 5),
    bound=st.integers(0, 50),
    bids=st.booleans(),
)
def test_no_cut_ladder_is_beyond_what_is_allowed(
    ladder: list[tuple[int, int]],
    lots: int,
    most_lots: int,
    most_money: int,
    least_lots: int,
    least_money: int,
    orders: int,
    bound: int,
    bids: bool,
) -> None:
    of = Allowed(SideHeadroom(lots, "exposure"), most_lots, most_money, least_lots, least_money, orders)
    ticks, sizes = [price for price, _ in ladder], [size for _, size in ladder]
    found = cut(ticks, sizes, of, bids=bids, bound_ticks=bound, bound="bound").levels
    shown = [level.price_ticks for level in found]
    assert shown == sorted(set(shown), reverse=bids)
    assert sum(level.quantity_lots for level in found) <= lots
    assert len(found) <= orders
    for price, size in found_levels(found):
        assert price > 0
        assert price <= bound if bids else price >= bound
        assert least_lots <= size <= most_lots
        assert least_money <= price * size <= most_money
        assert size <= sum(each for at, each in ladder if at == price)


def found_levels(levels: list[QuoteLevel]) -> list[tuple[int, int]]:
    return [(level.price_ticks, level.quantity_lots) for level in levels]
