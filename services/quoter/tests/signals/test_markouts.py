"""What fills were worth later: against sums by hand, by side and horizon, and only where there is a price."""

from __future__ import annotations

import math

import pytest
from common.bots import MARKOUT_HORIZONS_S
from common.clock import NS_PER_MS, NS_PER_S
from hypothesis import given
from hypothesis import strategies as st
from quoter.signals.markouts import Markouts, QuoteSide

START_NS = 1_000 * NS_PER_S
HALF_LIFE_S = 100.0
stories = st.lists(
    st.tuples(
        st.integers(60, 20_000),
        st.sampled_from(QuoteSide),
        st.floats(0.02, 0.98),
        st.floats(0.02, 0.98),
        st.integers(1, 500),
    ),
    min_size=1,
    max_size=25,
)


def look_until(markouts: Markouts, from_ns: int, to_ns: int) -> None:
    """Look every 50 ms, as the timer does; the fair value moves by the clock."""
    for now_ns in range(from_ns, to_ns + 1, 50 * NS_PER_MS):
        fair = 0.5 + 0.4 * math.sin(now_ns / NS_PER_S)
        markouts.update(now_ns, lambda _, fair=fair: fair, HALF_LIFE_S)  # type: ignore[misc]


@given(stories)
def test_f2_markouts_are_share_weighted_means_of_what_the_fair_value_became(
    story: list[tuple[int, QuoteSide, float, float, int]],
) -> None:
    markouts, now_ns, fills = Markouts(), START_NS, []
    for wait_ms, side, price, fair, shares in story:
        # Never so close that two are joined.
        then_ns = now_ns + (wait_ms // 50 + 1) * 50 * NS_PER_MS
        look_until(markouts, now_ns + 50 * NS_PER_MS, then_ns)
        now_ns = then_ns
        markouts.on_fill("M", "S", side, price, fair, shares, now_ns)
        fills.append((now_ns, side, price, shares))
    end_ns = now_ns + 31 * NS_PER_S
    look_until(markouts, now_ns + 50 * NS_PER_MS, end_ns)
    for side in QuoteSide:
        for horizon_s in MARKOUT_HORIZONS_S:
            weights = worth = 0.0
            for at_ns, fill_side, price, shares in fills:
                if fill_side is side:
                    later_ns = at_ns + round(horizon_s * NS_PER_S)
                    weight = shares * 0.5 ** ((end_ns - later_ns) / NS_PER_S / HALF_LIFE_S)
                    weights += weight
                    worth += weight * side * (0.5 + 0.4 * math.sin(later_ns / NS_PER_S) - price)
            mark = markouts.mark("S", side, horizon_s, end_ns, HALF_LIFE_S)
            assert (mark is None) == (weights == 0.0)
            if mark is not None:
                assert mark.shares == pytest.approx(weights)
                assert mark.markout == pytest.approx(worth / weights, abs=1e-9)


def test_a_bid_that_is_taken_before_a_fall_has_lost_and_an_ask_has_won() -> None:
    markouts = Markouts()
    markouts.on_fill("M", "S", QuoteSide.BID, 0.48, 0.50, 100, START_NS)
    markouts.on_fill("M", "S", QuoteSide.ASK, 0.52, 0.50, 100, START_NS)
    markouts.update(START_NS + NS_PER_S, lambda _: 0.45, HALF_LIFE_S)
    bid = markouts.mark("S", QuoteSide.BID, 1.0, START_NS + NS_PER_S, HALF_LIFE_S)
    ask = markouts.mark("S", QuoteSide.ASK, 1.0, START_NS + NS_PER_S, HALF_LIFE_S)
    assert bid is not None
    assert ask is not None
    assert (bid.markout, bid.adverse) == pytest.approx((-0.03, 0.05))
    assert (ask.markout, ask.adverse) == pytest.approx((0.07, -0.05))


def test_an_order_that_takes_three_levels_is_one_fill() -> None:
    markouts = Markouts()
    for number in range(3):
        markouts.on_fill("M", "S", QuoteSide.BID, 0.48 - number / 100, 0.50, 100, START_NS)
    markouts.update(START_NS + NS_PER_S, lambda _: 0.45, HALF_LIFE_S)
    mark = markouts.mark("S", QuoteSide.BID, 1.0, START_NS + NS_PER_S, HALF_LIFE_S)
    assert mark is not None
    assert (mark.fills, mark.shares, mark.error) == (1, 300.0, math.inf)
    assert mark.markout == pytest.approx(-0.02)


def test_without_a_fresh_fair_value_a_fill_is_not_judged_and_that_is_counted() -> None:
    markouts = Markouts()
    markouts.on_fill("M", "S", QuoteSide.BID, 0.48, 0.50, 100, START_NS)
    markouts.update(START_NS + 6 * NS_PER_S, lambda _: None, HALF_LIFE_S)
    assert markouts.missed == 3
    markouts.update(START_NS + 30 * NS_PER_S, lambda _: 0.52, HALF_LIFE_S)
    found = {horizon: mark.fills for _, _, horizon, mark in markouts.marks(START_NS + 30 * NS_PER_S, HALF_LIFE_S)}
    assert found == {0.1: 0, 1.0: 0, 5.0: 0, 30.0: 1}


def test_the_standard_error_is_that_of_a_mean() -> None:
    markouts, now_ns = Markouts(), START_NS
    moves = [0.01, -0.02, 0.03, 0.00, 0.015, -0.005]
    for move in moves:
        markouts.on_fill("M", "S", QuoteSide.BID, 0.48, 0.50, 50, now_ns)
        now_ns += 100 * NS_PER_MS
        markouts.update(now_ns, lambda _, move=move: 0.50 - move, 1e9)  # type: ignore[misc]
    mark = markouts.mark("S", QuoteSide.BID, 0.1, now_ns, 1e9)
    assert mark is not None
    mean = sum(moves) / len(moves)
    error = math.sqrt(sum((each - mean) ** 2 for each in moves) / (len(moves) - 1) / len(moves))
    assert (mark.adverse, mark.error) == pytest.approx((mean, error))
