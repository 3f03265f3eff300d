"""The measure itself: which tick an order is taken for, and what a percentile is."""

from itertools import pairwise
from typing import Any

import pytest
from _pipelines import BARE, PLATFORM
from _ticks import HALF_SPREAD_CENTS, PLACE_OF_QUOTE, PLACES, ROUND, Track, fair_of, quote_of
from common.instruments import ceil_ticks, floor_ticks
from hypothesis import given
from hypothesis import strategies as st
from tick_to_order import figures, percentile_ms


def test_every_place_of_the_round_has_a_quote_of_its_own_that_no_small_drift_moves() -> None:
    for place in range(PLACES):
        for drift in (-0.001, 0.0, 0.001):
            fair = fair_of(place) + drift
            bid = floor_ticks(fair - HALF_SPREAD_CENTS / 100, 0.01)
            ask = ceil_ticks(fair + HALF_SPREAD_CENTS / 100, 0.01)
            assert quote_of(place) == (bid, ask)
            assert 1 <= bid < ask <= 99
    assert len(PLACE_OF_QUOTE) == PLACES == len(set(ROUND))


def test_every_tick_moves_the_quote() -> None:
    assert all(quote_of(before) != quote_of(after) for before, after in pairwise([*ROUND, ROUND[0]]))


def test_no_bid_of_the_round_meets_an_offer_of_it() -> None:
    quotes = [quote_of(place) for place in range(PLACES)]
    assert max(bid for bid, _ in quotes) + 2 <= min(ask for _, ask in quotes)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 60)), min_size=1, max_size=200))
def test_a_conflating_pipelines_quote_is_taken_for_the_tick_it_was_made_from(steps: list[tuple[int, int]]) -> None:
    track = Track(conflates=True)
    acted: list[int] = []
    for sent, behind in steps:
        track.sent_ns += range(len(track.sent_ns), len(track.sent_ns) + sent)
        tick = max(0, len(track.sent_ns) - 1 - behind)
        # A quote that comes out the same again is not placed again.
        if not acted or (tick > acted[-1] and (tick - acted[-1]) % len(ROUND)):
            acted.append(tick)
            track.on_quote(ROUND[tick % len(ROUND)], received_ns=10**6)
            assert track.acted == tick
    assert track.acted_count == len(acted)
    assert track.latencies_ns == [10**6 - tick for tick in acted]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=50))
def test_a_pipeline_that_acts_on_every_tick_may_lag_by_more_than_a_round(steps: list[tuple[int, int]]) -> None:
    track = Track(conflates=False)
    for sent, acted in steps:
        track.sent_ns += range(len(track.sent_ns), len(track.sent_ns) + sent)
        for _ in range(min(acted, len(track.sent_ns) - track.acted_count)):
            tick = track.acted_count
            track.on_quote(ROUND[tick % len(ROUND)], received_ns=10**6)
            assert track.acted == tick
    assert len(track.latencies_ns) == track.acted_count


def test_a_quote_seen_again_and_one_from_before_the_run_count_for_nothing() -> None:
    track = Track(conflates=True)
    track.on_quote(ROUND[5], received_ns=1)
    track.sent_ns += [0, 0, 0]
    track.on_quote(ROUND[5], received_ns=1)
    assert (track.acted_count, track.behind()) == (0, True)
    track.on_quote(ROUND[2], received_ns=1)
    track.on_quote(ROUND[2], received_ns=1)
    assert (track.acted_count, track.behind()) == (1, False)


@pytest.mark.parametrize(("percent", "found_ms"), [(50, 2.0), (99, 4.0), (25, 1.0)])
def test_a_percentile_is_the_smallest_latency_that_so_many_do_not_exceed(percent: float, found_ms: float) -> None:
    assert percentile_ms({"latencies_ns": [1_000_000, 2_000_000, 3_000_000, 4_000_000]}, percent) == found_ms


def report(latency_ms: float, never_acted: int = 0) -> dict[str, Any]:
    return {
        "sent": 10,
        "acted": 8,
        "never_acted": never_acted,
        "ambiguous": 0,
        "rate_achieved": 100.0,
        "latencies_ns": [int(latency_ms * 1e6)] * 8,
    }


def test_the_ratio_is_the_middle_one_of_the_rounds() -> None:
    ours, bare = [report(1.2), report(9.0), report(1.1)], [report(1.0)] * 3
    by_name = {figure.name: figure for figure in figures({PLATFORM: {100: ours}, BARE: {100: bare}}, (100,))}
    ratio = by_name["p50 ratio to the bare pipeline at 100/s"]
    assert ratio.value == pytest.approx(1.2)
    assert ratio.met is True
    assert by_name["platform ticks conflated at 100/s"].value == 6


def test_a_newest_tick_never_acted_on_is_a_missed_aim_and_no_tick_at_all_an_endless_wait() -> None:
    silent = report(1.0, never_acted=3) | {"latencies_ns": [], "acted": 0}
    by_name = {
        figure.name: figure for figure in figures({PLATFORM: {100: [silent]}, BARE: {100: [report(1.0)]}}, (100,))
    }
    assert by_name["platform newest ticks never acted on at 100/s"].met is False
    assert by_name["p99 ratio to the bare pipeline at 100/s"].met is False
