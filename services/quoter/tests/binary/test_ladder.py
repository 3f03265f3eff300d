"""The ladder: the worked example of the trade, its faults of old done right, and what never happens."""

from __future__ import annotations

from common.bots import Quoting
from common.events import QuoteLevel
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.ladder import Prices, levels, not_beyond, prices
from quoter.binary.terms import Grid

CENTS = Grid(0.01, 100)
fairs = st.floats(0, 1)
skews = st.floats(-0.2, 0.2)
quotings = st.builds(
    Quoting,
    spread=st.floats(0.005, 0.3),
    levels=st.integers(1, 6),
    spacing=st.floats(0.001, 0.05),
)


def quoted(fair: float, skew: float, quoting: Quoting, min_spread: float, grid: Grid, *, through_fair: bool) -> Prices:
    half = max(quoting.spread, min_spread) / 2
    best = fair - skew - half, fair - skew + half
    return prices(*(best if through_fair else not_beyond(fair, *best)), quoting, min_spread, grid)


def ladder(
    fair: float, skew: float = 0.0, *, min_spread: float = 0.02, through_fair: bool = False
) -> tuple[list[int], list[int]]:
    found = quoted(fair, skew, Quoting(), min_spread, CENTS, through_fair=through_fair)
    return found.bids, found.asks


def test_s1_4_the_worked_example_quotes_two_cents_either_side_of_a_half() -> None:
    assert ladder(0.50) == ([48, 47, 46], [52, 53, 54])


def test_b5_skew_is_applied_before_rounding_and_rounding_is_to_the_safe_side() -> None:
    # 0.472 and 0.512 of the worked example: the bid goes down to 47, the ask up to 52.
    assert ladder(0.50, 0.008) == ([47, 46, 45], [52, 53, 54])


def test_b3_on_the_dead_side_there_is_no_bid_rather_than_a_bid_of_one_cent() -> None:
    bids, asks = ladder(0.015)
    assert bids == []
    assert asks == [4, 5, 6]
    bids, asks = ladder(0.985)
    assert asks == []
    assert bids == [96, 95, 94]


def test_b4_levels_that_round_to_one_price_are_one_level() -> None:
    fine = Quoting(spacing=0.001)
    found = quoted(0.50, 0.0, fine, 0.02, CENTS, through_fair=False)
    assert found.bids == [48, 47]
    assert found.asks == [52, 53]


def test_b7_a_bid_is_moved_to_fair_with_its_ladder_and_only_reducing_orders_pay_more() -> None:
    assert ladder(0.50, -0.10)[0] == [50, 49, 48]
    assert ladder(0.50, -0.10, through_fair=True)[0] == [58, 57, 56]


def test_b7_an_ask_is_moved_to_fair_with_its_ladder_and_only_reducing_orders_take_less() -> None:
    assert ladder(0.50, 0.10)[1] == [50, 51, 52]
    assert ladder(0.50, 0.10, through_fair=True)[1] == [42, 43, 44]


def test_b7_between_two_ticks_nothing_stands_at_fair_value_or_beyond_it() -> None:
    assert ladder(0.505, -0.10)[0] == [50, 49, 48]
    assert ladder(0.505, 0.10)[1] == [51, 52, 53]


def test_the_least_spread_widens_a_ladder_that_is_configured_tighter() -> None:
    tight = Quoting(spread=0.005)
    found = quoted(0.50, 0.0, tight, 0.05, CENTS, through_fair=False)
    assert found.asks[0] - found.bids[0] >= 5


def test_inner_levels_go_when_rounding_has_left_them_too_close() -> None:
    # A least spread a hair above two ticks needs three; the float distance alone would say two.
    found = quoted(0.50, 0.0, Quoting(spread=0.01), 0.02000000002, CENTS, through_fair=False)
    assert found.asks[0] - found.bids[0] >= 3


@given(fairs, skews, quotings, st.floats(0, 0.1))
def test_a_ladder_is_never_crossed_never_tight_never_off_the_grid(
    fair: float, skew: float, quoting: Quoting, min_spread: float
) -> None:
    found = quoted(fair, skew, quoting, min_spread, CENTS, through_fair=False)
    for side in (found.bids, found.asks):
        assert len(set(side)) == len(side) <= quoting.levels
        assert all(1 <= tick <= 99 for tick in side)
    assert found.bids == sorted(found.bids, reverse=True)
    assert found.asks == sorted(found.asks)
    if found.bids and found.asks:
        assert (found.asks[0] - found.bids[0]) * 0.01 >= min_spread - 1e-9
    assert all(tick * 0.01 <= fair + 1e-9 for tick in found.bids)
    assert all(tick * 0.01 >= fair - 1e-9 for tick in found.asks)


@given(st.integers(0, 1_000), st.integers(-100, 100))
def test_yes_and_no_are_treated_alike(fair_thousandths: int, skew_thousandths: int) -> None:
    fair, skew = fair_thousandths / 1_000, skew_thousandths / 1_000
    ours = quoted(fair, skew, Quoting(), 0.02, CENTS, through_fair=False)
    mirrored = quoted(1 - fair, -skew, Quoting(), 0.02, CENTS, through_fair=False)
    assert [100 - tick for tick in mirrored.asks] == ours.bids
    assert [100 - tick for tick in mirrored.bids] == ours.asks


@given(fairs, st.floats(0, 0.1), st.floats(0, 0.1))
def test_the_longer_the_lower(fair: float, skew: float, more: float) -> None:
    flat = quoted(fair, skew, Quoting(), 0.02, CENTS, through_fair=True)
    longer = quoted(fair, skew + more, Quoting(), 0.02, CENTS, through_fair=True)
    if flat.bids and longer.bids:
        assert longer.bids[0] <= flat.bids[0]
    if flat.asks and longer.asks and len(flat.asks) == len(longer.asks) == 3:
        assert longer.asks[0] <= flat.asks[0]


def test_sizes_are_dealt_out_best_first_until_the_room_is_used_up() -> None:
    assert levels([48, 47, 46], 100, 250, 1) == [QuoteLevel(48, 100), QuoteLevel(47, 100), QuoteLevel(46, 50)]
    assert levels([48, 47, 46], 100, 103, 5) == [QuoteLevel(48, 100)]
    assert levels([48], 0, 100, 1) == []


@given(
    st.lists(st.integers(1, 99), max_size=5, unique=True), st.integers(0, 300), st.integers(0, 500), st.integers(1, 20)
)
def test_a_ladder_never_offers_more_than_its_room(ticks: list[int], size: int, headroom: int, least: int) -> None:
    found = levels(ticks, size, headroom, least)
    assert sum(level.quantity_lots for level in found) <= headroom
    assert all(least <= level.quantity_lots <= size for level in found)
