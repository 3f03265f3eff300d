"""Base prices by size: each aggregation by hand, and what must hold of all of them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from common.events import Level
from hypothesis import given
from hypothesis import strategies as st
from pricer.spot import aggregation
from pricer.spot.aggregation import (
    Bases,
    Side,
    depth,
    merged,
    replicated,
)


def slices(levels: Side, sizes: Sequence[float]) -> Bases:
    return aggregation.slices(levels, sizes).bases


def best_aggregated(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Bases:
    return aggregation.best_aggregated(sides, sizes, bids=bids).bases


def best_single(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Bases:
    return aggregation.best_single(sides, sizes, bids=bids).bases


def worst_single(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Bases:
    return aggregation.worst_single(sides, sizes, bids=bids).bases


KRAKEN_BIDS = [Level(100.0, 3.0), Level(99.0, 2.0), Level(97.0, 5.0)]
BINANCE_BIDS = [Level(99.5, 1.0), Level(99.0, 4.0)]
KRAKEN_ASKS = [Level(101.0, 1.0), Level(102.0, 4.0)]
BINANCE_ASKS = [Level(101.5, 2.0), Level(103.0, 9.0)]
BIDS, ASKS = [KRAKEN_BIDS, BINANCE_BIDS], [KRAKEN_ASKS, BINANCE_ASKS]


def test_a_slice_costs_its_average() -> None:
    assert slices([Level(100.0, 3.0), Level(99.0, 2.0)], [2.0, 2.0, 2.0]) == [100.0, 99.5, None]


def test_best_aggregated_goes_down_the_merged_book() -> None:
    # 3 at 100, 1 at 99.5, 2 + 4 at 99, 5 at 97: sizes of 4, 4, 4 are 3 x 100 + 1 x 99.5; 4 x 99; 2 x 99 + 2 x 97.
    assert best_aggregated(BIDS, [4.0, 4.0, 4.0], bids=True) == [99.875, 99.0, 98.0]
    # 1 at 101, 2 at 101.5, 4 at 102, 9 at 103: 101 + 1 x 101.5 of 2; then 1 x 101.5 and 3 x 102 of 4.
    assert best_aggregated(ASKS, [2.0, 4.0], bids=False) == [101.25, 101.875]


def test_best_and_worst_single_are_what_one_venue_alone_has() -> None:
    # Kraken alone: 3 x 100 and 1 x 99 of 4; then 1 x 99 and 3 x 97. Binance alone: 99.5 and 3 x 99; 1 is not enough.
    assert slices(KRAKEN_BIDS, [4.0, 4.0]) == [99.75, 97.5]
    assert slices(BINANCE_BIDS, [4.0, 4.0]) == [99.125, None]
    assert best_single(BIDS, [4.0, 4.0], bids=True) == [99.75, 97.5]
    assert worst_single(BIDS, [4.0, 4.0], bids=True) == [99.125, 97.5]
    # Asks of 5: Kraken 101 and 4 x 102; Binance 2 x 101.5 and 3 x 103.
    assert best_single(ASKS, [5.0], bids=False) == [101.8]
    assert worst_single(ASKS, [5.0], bids=False) == [102.4]


def test_replication_copies_levels_and_cuts_their_sizes() -> None:
    levels = merged(BIDS, bids=True)
    assert replicated(levels, 100.0, 1, 3) == [Level(100.0, 3.0), Level(99.5, 1.0), Level(99.0, 6.0)]
    assert replicated(levels, 5.0, 1, 3) == [Level(100.0, 1.5), Level(99.5, 0.5), Level(99.0, 3.0)]
    assert replicated([Level(100.0, 3.0), Level(99.0, 1.0), Level(99.0, 2.0)], 3.0, 1, 2) == [
        Level(100.0, 1.5),
        Level(99.0, 1.5),
    ]


def test_replication_has_no_quotes_from_too_few_levels() -> None:
    assert replicated(KRAKEN_BIDS, 100.0, 3, 9) == KRAKEN_BIDS
    assert replicated(KRAKEN_BIDS, 100.0, 4, 9) == []
    assert replicated([], 100.0, 1, 9) == []


@pytest.mark.parametrize("aggregate", [best_aggregated, best_single, worst_single])
def test_an_empty_side_has_no_base(aggregate: Callable[..., Bases]) -> None:
    assert aggregate([[], []], [1.0, 2.0], bids=True) == [None, None]
    assert aggregate([], [1.0, 2.0], bids=False) == [None, None]
    assert aggregate([[], BINANCE_BIDS], [1.0, 2.0], bids=True) == [99.5, 99.0]


def test_a_thin_book_has_no_base_from_the_size_on_that_it_does_not_fill() -> None:
    assert best_aggregated([BINANCE_BIDS], [2.0, 9.0, 1.0], bids=True) == [99.25, None, None]


def test_sizes_that_add_up_to_a_level_are_filled_by_it() -> None:
    assert slices([Level(7.0, 0.3)], [0.1, 0.2]) == [7.0, 7.0]


def test_a_level_that_is_no_number_is_no_price() -> None:
    nan = float("nan")
    assert slices([Level(nan, 1.0), Level(100.0, 5.0)], [1.0]) == [None]
    assert slices([Level(101.0, nan), Level(100.0, 5.0)], [1.0]) == [100.0]
    assert slices([Level(float("inf"), 1.0)], [1.0]) == [None]


# --- properties -------------------------------------------------------------------------------------------------------

SIZES = st.lists(st.integers(1, 10_000).map(lambda lots: lots / 1_000), min_size=1, max_size=6)
LEVELS = st.lists(
    st.tuples(st.integers(1, 10_000_000), st.integers(1, 50_000)), max_size=20, unique_by=lambda level: level[0]
)


def side_of(drawn: Sequence[tuple[int, int]], *, bids: bool) -> Side:
    levels = [Level(ticks / 100, lots / 1_000) for ticks, lots in drawn]
    return sorted(levels, key=lambda level: level.price, reverse=bids)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Side], list[float], bool]:
    bids = draw(st.booleans())
    drawn = draw(st.lists(LEVELS, min_size=1, max_size=4))
    return [side_of(each, bids=bids) for each in drawn], draw(SIZES), bids


def exact_slices(levels: Side, sizes: Sequence[float]) -> list[Fraction | None]:
    """The same as `slices` by exact arithmetic: each unit of quantity at its own price."""
    found: list[Fraction | None] = []
    begun = Fraction(0)
    shown = sum((Fraction(level.size) for level in levels), Fraction(0))
    for size in sizes:
        ended = begun + Fraction(size)
        money, at = Fraction(0), Fraction(0)
        for level in levels:
            upto = at + Fraction(level.size)
            money += Fraction(level.price) * max(Fraction(0), min(upto, ended) - max(at, begun))
            at = upto
        found.append(money / Fraction(size) if ended <= shown else None)
        begun = ended
    return found


@given(books())
def test_merged_slices_are_those_of_exact_arithmetic(drawn: tuple[list[Side], list[float], bool]) -> None:
    sides, sizes, bids = drawn
    found = best_aggregated(sides, sizes, bids=bids)
    levels = merged(sides, bids=bids)
    total = Fraction(0)
    for place, (base, exact) in enumerate(zip(found, exact_slices(levels, sizes), strict=True)):
        total += Fraction(sizes[place])
        if abs(total - Fraction(depth(levels))) <= total / 10**8:
            break  # Whether a book that ends exactly here suffices is a question of the last bits.
        assert (base is None) == (exact is None)
        if base is not None and exact is not None:
            assert base == pytest.approx(float(exact), rel=1e-12)


@given(books())
def test_a_later_size_is_never_better(drawn: tuple[list[Side], list[float], bool]) -> None:
    sides, sizes, bids = drawn
    sign = 1.0 if bids else -1.0
    for aggregate in (best_aggregated, best_single):
        bases = [base for base in aggregate(sides, sizes, bids=bids) if base is not None]
        for earlier, later in pairwise(bases):
            assert sign * later <= sign * earlier + 1e-9 * earlier


@given(books())
def test_the_best_venue_is_no_worse_than_the_worst_and_no_better_than_the_best_price(
    drawn: tuple[list[Side], list[float], bool],
) -> None:
    sides, sizes, bids = drawn
    sign = 1.0 if bids else -1.0
    prices = [level.price for side in sides for level in side]
    singles: tuple[Bases, Bases] = best_single(sides, sizes, bids=bids), worst_single(sides, sizes, bids=bids)
    for good, bad in zip(*singles, strict=True):
        assert (good is None) == (bad is None)
        if good is not None and bad is not None:
            top = max(prices) if bids else min(prices)
            assert sign * bad <= sign * good <= sign * top + 1e-9 * top


@given(books())
def test_of_one_venue_all_that_go_by_size_agree(drawn: tuple[list[Side], list[float], bool]) -> None:
    sides, sizes, bids = drawn
    alone = sides[:1]
    assert (
        best_aggregated(alone, sizes, bids=bids)
        == best_single(alone, sizes, bids=bids)
        == worst_single(alone, sizes, bids=bids)
    )


@given(books(), st.integers(1, 10), st.floats(0.001, 100.0))
def test_replicated_levels_are_those_of_the_book_and_keep_its_proportions(
    drawn: tuple[list[Side], list[float], bool], most: int, quantity: float
) -> None:
    sides, _, bids = drawn
    levels = merged(sides, bids=bids)
    found = replicated(levels, quantity, 1, most)
    assert len(found) == min(most, len({level.price for level in levels}))
    assert depth(found) <= quantity * (1.0 + 1e-9) or depth(found) <= depth(levels)
    whole = replicated(levels, float("inf"), 1, most)
    assert [level.price for level in found] == [level.price for level in whole]
    if depth(whole) > quantity:
        assert depth(found) == pytest.approx(quantity)
        for cut, level in zip(found, whole, strict=True):
            assert cut.size * depth(whole) == pytest.approx(level.size * quantity)
