"""Several prices of one thing: the middle, who is near it, and offsets that are followed."""

import math
import random

import pytest
from common.clock import NS_PER_MS, NS_PER_S
from hypothesis import given
from hypothesis import strategies as st
from pricer.sources.basis import BasisParams, Offset
from pricer.sources.consensus import combine, weighted_median
from pricer.sources.episodes import Episode, Turn

BP = 1e-4
T0_NS = 1_795_222_800 * NS_PER_S
PARAMS = BasisParams(half_life_s=300.0, noise=0.2 * BP, prior=20 * BP)

levels = st.lists(st.floats(10.9, 11.1), min_size=1, max_size=7)


def test_the_weighted_median_of_three_is_the_middle_one_and_a_heavy_one_pulls_it() -> None:
    assert weighted_median([3.0, 1.0, 2.0], [1, 1, 1]) == 2
    assert weighted_median([3.0, 1.0, 2.0], [5, 1, 1]) == 0


def test_of_two_that_differ_the_first_of_the_list_is_the_middle() -> None:
    assert weighted_median([2.0, 1.0], [1, 1]) == 0
    assert weighted_median([1.0, 2.0], [1, 1]) == 0
    assert weighted_median([1.0, 2.0], [1, 3]) == 1


@given(levels, st.data())
def test_half_of_the_weight_lies_on_either_side_of_the_median(values: list[float], data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))
    middle = values[weighted_median(values, weights)]
    below = sum(weight for value, weight in zip(values, weights, strict=True) if value < middle)
    above = sum(weight for value, weight in zip(values, weights, strict=True) if value > middle)
    assert 2 * max(below, above) <= sum(weights)


@given(levels, st.data())
def test_the_consensus_lies_among_those_who_count(prices: list[float], data: st.DataObject) -> None:
    variances = data.draw(st.lists(st.floats(1e-10, 1e-6), min_size=len(prices), max_size=len(prices)))
    found = combine(prices, variances, [1.0] * len(prices), 4.0, 5 * BP)
    counted = [price for price, weight in zip(prices, found.weights, strict=True) if weight > 0]
    assert min(counted) - 1e-12 <= found.price <= max(counted) + 1e-12
    assert math.fsum(found.weights) == pytest.approx(1.0)


def test_f6_one_wild_source_does_not_move_the_consensus_of_the_others() -> None:
    calm = combine([11.0, 11.0 + 0.2 * BP], [BP**2] * 2, [1, 1], 4.0, 5 * BP)
    wild = combine([11.0, 11.0 + 0.2 * BP, 11.5], [BP**2] * 3, [1, 1, 1], 4.0, 5 * BP)
    assert wild.outside == [False, False, True]
    assert wild.price == pytest.approx(calm.price, abs=1e-12)


def test_sources_that_agree_count_by_their_precision() -> None:
    found = combine([11.0, 11.0 + 3 * BP], [BP**2, 4 * BP**2], [1, 1], 4.0, 5 * BP)
    assert found.weights == pytest.approx([0.8, 0.2])
    assert found.price == pytest.approx(11.0 + 0.6 * BP)


@given(st.floats(0.0, 30 * BP))
def test_a_source_that_walks_away_moves_the_consensus_without_a_jump(away: float) -> None:
    def at(distance: float) -> float:
        return combine([11.0, 11.0, 11.0 + distance], [BP**2] * 3, [1, 1, 1], 4.0, 5 * BP).price

    step = 0.01 * BP
    assert abs(at(away + step) - at(away)) <= 3 * step


def followed(differences: list[tuple[float, float]]) -> Offset:
    """Return an offset after looks at differences, each some seconds after the last."""
    offset, now_ns = Offset(PARAMS), T0_NS
    for elapsed_s, difference in differences:
        now_ns += round(elapsed_s * NS_PER_S)
        offset.observe(difference, now_ns)
    return offset


def test_the_first_difference_is_believed_at_once_and_the_example_holds() -> None:
    offset = Offset(PARAMS)
    offset.observe(12 * BP, T0_NS)
    assert offset.mean == pytest.approx(400 / 401 * 12 * BP)
    assert math.sqrt(offset.variance(T0_NS)) == pytest.approx(BP, rel=0.01)


def test_f6_the_basis_between_a_dollar_and_a_tether_venue_is_found_with_its_own_error() -> None:
    dice = random.Random(5)
    errors = []
    for _ in range(100):
        looks = [(dice.expovariate(2.0), -7 * BP + dice.gauss(0.0, BP)) for _ in range(1_000)]
        offset = followed(looks)
        assert offset.noise == pytest.approx(BP**2, rel=0.5)
        spent_ns = T0_NS + round(sum(elapsed for elapsed, _ in looks) * NS_PER_S)
        errors.append((offset.mean + 7 * BP) ** 2 / offset.variance(spent_ns))
    # Looks half a second apart count as less than they are, so the stated error is somewhat too large, never too small.
    assert 0.2 < sum(errors) / len(errors) < 1.3


def test_an_offset_that_nobody_looks_at_becomes_less_sure_and_stays_where_it_is() -> None:
    offset = followed([(1.0, 5 * BP + (0.5 if number % 2 else -0.5) * BP) for number in range(500)])
    soon, later = (offset.variance(T0_NS + seconds * NS_PER_S) for seconds in (500, 5_000))
    assert later > 3 * soon
    assert offset.mean == pytest.approx(5 * BP, abs=0.1 * BP)


def test_a_single_bad_print_hardly_moves_an_offset() -> None:
    calm = [(1.0, (0.3 if number % 2 else -0.3) * BP) for number in range(300)]
    assert abs(followed([*calm, (1.0, 500 * BP)]).mean - followed(calm).mean) < 0.05 * BP


def test_a_lasting_change_is_taken_up() -> None:
    looks = [(1.0, (0.3 if number % 2 else -0.3) * BP) for number in range(300)]
    looks += [(1.0, (30.3 if number % 2 else 29.7) * BP) for number in range(3_000)]
    assert followed(looks).mean == pytest.approx(30 * BP, abs=0.5 * BP)


def test_the_rate_of_looking_does_not_change_how_fast_an_offset_follows() -> None:
    def after(seconds: float, every_s: float) -> float:
        dice = random.Random(3)
        settled = [(every_s, dice.gauss(0.0, BP)) for _ in range(round(3_000 / every_s))]
        moved = [(every_s, 2 * BP + dice.gauss(0.0, BP)) for _ in range(round(seconds / every_s))]
        return followed([*settled, *moved]).mean / BP

    slow, quick = after(300.0, 1.0), after(300.0, 0.25)
    assert slow == pytest.approx(1.0, abs=0.5)
    assert quick == pytest.approx(slow, abs=0.5)


def test_an_episode_is_told_once_when_it_lasts_and_once_when_it_is_over() -> None:
    episode, told = Episode(2 * NS_PER_S), []
    for tenth in range(200):
        # A flicker at 1 s, then trouble from 4 s to 10 s with a breath in between.
        so = 10 <= tenth < 15 or 40 <= tenth < 70 or 75 <= tenth < 100
        turn = episode.see(so, T0_NS + tenth * 100 * NS_PER_MS)
        if turn is not None:
            told.append((tenth, turn))
    assert told == [(60, Turn.BEGUN), (120, Turn.ENDED)]
