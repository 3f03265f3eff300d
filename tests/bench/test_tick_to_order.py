"""The measure itself: which tick an order is taken for, and what a percentile is."""

import os
import time
from itertools import pairwise
from typing import Any

import pytest
from _load import idle_share, load_of, used_between
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


def report(latency_ms: float, never_acted: int = 0, *, quoter_us: float = 100.0, idle: float = 0.5) -> dict[str, Any]:
    return {
        "sent": 10,
        "acted": 8,
        "superseded_waiting": 1,
        "orders": 16,
        "venue_frames": 50,
        "bus_messages": 30,
        "cpu_ns": {"quoter": round(10_000 * quoter_us)},
        "idle_share": idle,
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
    assert by_name["platform superseded inside one read at 100/s"].value == pytest.approx(10.0)
    assert by_name["platform superseded after waiting at 100/s"].value == pytest.approx(10.0)
    assert by_name["platform superseded after waiting at 100/s"].met is False


def test_a_newest_tick_never_acted_on_is_a_missed_aim_and_no_tick_at_all_an_endless_wait() -> None:
    silent = report(1.0, never_acted=3) | {"latencies_ns": [], "acted": 0}
    by_name = {
        figure.name: figure for figure in figures({PLATFORM: {100: [silent]}, BARE: {100: [report(1.0)]}}, (100,))
    }
    assert by_name["platform newest ticks never acted on at 100/s"].met is False
    assert by_name["p99 ratio to the bare pipeline at 100/s"].met is False


def test_latencies_have_no_aim_where_the_machine_does_not_keep_the_rate() -> None:
    name = "p50 ratio to the bare pipeline at 100/s"
    for platform, bare, aimed in (
        (report(1.0), report(1.0), True),
        (report(1.0, idle=0.05), report(1.0), False),
        (report(1.0), report(20.0), False),
    ):
        by_name = {
            figure.name: figure for figure in figures({PLATFORM: {100: [platform]}, BARE: {100: [bare]}}, (100,))
        }
        assert (by_name[name].aim is not None) == aimed
        assert (by_name["platform superseded after waiting at 100/s"].aim is not None) == aimed
        assert by_name["platform newest ticks never acted on at 100/s"].aim == "≤ 0"


def test_what_the_quoter_takes_is_compared_with_the_bare_one_in_the_same_round() -> None:
    ours, bare = [report(1.0, quoter_us=us) for us in (300.0, 500.0)], [report(1.0, quoter_us=us) for us in (150, 250)]
    by_name = {figure.name: figure for figure in figures({PLATFORM: {1_000: ours}, BARE: {1_000: bare}}, (1_000,))}
    ratio = by_name["quoter CPU per tick, ratio to the bare one at 1000/s"]
    assert ratio.value == pytest.approx(2.0)
    assert (ratio.aim, ratio.met) == ("≤ 2.2", True)
    assert by_name["platform quoter CPU per tick at 1000/s"].value == pytest.approx(400.0)
    assert by_name["platform orders per tick at 1000/s"].value == pytest.approx(1.6)


def test_a_tick_is_superseded_after_waiting_when_the_next_one_left_later() -> None:
    track = Track(conflates=True)
    # Three in one write, a fourth a millisecond later, a fifth with it.
    track.sent_ns += [0, 10_000, 20_000, 1_000_000, 1_010_000]
    track.on_quote(ROUND[4], received_ns=2_000_000)
    assert track.superseded_waiting == 1
    track.sent_ns += [3_000_000, 4_000_000]
    track.on_quote(ROUND[5], received_ns=5_000_000)
    track.on_quote(ROUND[6], received_ns=6_000_000)
    assert (track.superseded_waiting, track.acted_count) == (1, 3)


def test_what_a_process_and_the_machine_used_is_read_from_proc() -> None:
    before = load_of({"me": os.getpid(), "nobody": 2**22 + 1})
    until_ns = time.process_time_ns() + 60_000_000
    while time.process_time_ns() < until_ns:
        pass
    after = load_of({"me": os.getpid()})
    used = used_between(before, after)
    assert used.keys() == {"me"}
    assert used["me"] >= 40_000_000
    assert 0.0 <= idle_share(before, after) < 1.0
