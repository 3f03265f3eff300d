"""Clocks, second opinions and questions: what the feed makes of what it is not sure of."""

from __future__ import annotations

import pytest
from common.core import HttpResponse
from feed.books.crosscheck import CHECK_EVERY_MS, GRACE_MS, RECHECK_MS, CrossCheck, Ours, Verdict
from feed.connections.offset import ANSWER_AGE_MAX_NS, ROUND_TRIP_MAX_NS, ClockOffset
from feed.connections.rest_requests import IN_FLIGHT_MAX, WAITING_MAX, About, Asks
from feed.messages import Check
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
S = 1_000_000_000


def test_the_worked_number_of_the_clock_offset() -> None:
    offset = ClockOffset()
    for second in range(5):
        offset.on_stamp(second * S + 200 * MS, second * S)
        offset.on_stamp(second * S + 100 * MS, second * S)
    assert offset.estimate(5 * S) == (200 * MS, True)


@given(
    st.integers(-10 * S, 10 * S),
    st.lists(st.lists(st.integers(0, 3 * S), min_size=1, max_size=10), min_size=4, max_size=40),
)
def test_the_stream_never_puts_the_venue_ahead_of_its_true_clock(true_ns: int, latencies: list[list[int]]) -> None:
    offset = ClockOffset()
    for second, each in enumerate(latencies):
        for latency_ns in each:
            received_ns = second * S + 10 * S
            offset.on_stamp(received_ns + true_ns - latency_ns, received_ns)
    estimate, known = offset.estimate(100 * S)
    assert known
    slowest_minimum = max(min(each) for each in latencies)
    assert true_ns - slowest_minimum <= estimate <= true_ns


def test_one_wild_stamp_does_not_move_the_clock() -> None:
    offset = ClockOffset()
    for second in range(30):
        offset.on_stamp(second * S - 5 * MS, second * S)
    offset.on_stamp(10_000 * S, 30 * S)
    offset.on_stamp(31 * S - 5 * MS, 31 * S)
    assert offset.estimate(31 * S) == (-5 * MS, True)


def test_the_clock_is_unknown_at_first_and_after_a_reconnect() -> None:
    offset = ClockOffset()
    assert offset.estimate(0) == (0, False)
    for second in range(5):
        offset.on_stamp(second * S, second * S)
    assert offset.estimate(5 * S)[1]
    offset.forget_stream()
    assert offset.estimate(5 * S) == (0, False)


@given(st.integers(-10 * S, 10 * S), st.integers(0, S), st.integers(0, S))
def test_an_asked_time_is_wrong_by_at_most_half_the_round_trip(true_ns: int, there_ns: int, back_ns: int) -> None:
    offset = ClockOffset()
    offset.on_answer(100 * S + there_ns + true_ns, 100 * S, 100 * S + there_ns + back_ns)
    estimate, known = offset.estimate(103 * S)
    assert known
    assert abs(estimate - true_ns) <= (there_ns + back_ns) / 2 + 1


def test_a_slow_answer_says_nothing_and_an_old_one_is_forgotten() -> None:
    offset = ClockOffset()
    offset.on_answer(5 * S, 0, ROUND_TRIP_MAX_NS + 1)
    assert offset.estimate(3 * S) == (0, False)
    offset.on_answer(5 * S, 0, 10 * MS)
    assert offset.estimate(3 * S)[1]
    assert not offset.estimate(11 * MS + ANSWER_AGE_MAX_NS)[1]


def test_frames_later_than_the_asked_time_allows_are_late() -> None:
    offset = ClockOffset()
    offset.on_answer(10 * MS, 0, 20 * MS)
    for second in range(6):
        offset.on_stamp(second * S - 3 * S, second * S)
    assert offset.astray_ns(6 * S) == 3 * S
    for second in range(6, 11):
        offset.on_stamp(second * S - 5 * MS, second * S)
    assert offset.astray_ns(11 * S) == 5 * MS


def checking(now_ns: int = 0) -> CrossCheck:
    checks = CrossCheck()
    checks.follow("X", now_ns)
    return checks


def ask(checks: CrossCheck, now_ns: int) -> int:
    """Wait until the symbol is asked about; give the time."""
    for at_ns in range(now_ns, now_ns + 60 * S, 50 * MS):
        if checks.due("X", at_ns):
            return at_ns
    raise AssertionError("never asked")


def test_symbols_are_asked_in_turn_and_not_all_at_once() -> None:
    checks = CrossCheck()
    for number in range(10):
        checks.follow(f"S{number}", 0)
    due = [sum(checks.due(f"S{number}", at_ms * MS) for number in range(10)) for at_ms in range(0, 13_000, 50)]
    assert sum(due) == 10
    assert max(due) == 1


def test_a_count_that_catches_up_in_time_agrees() -> None:
    checks = checking()
    at_ns = ask(checks, 0)
    checks.on_answer("X", Check(1.0, 2.0, 100), at_ns)
    assert checks.judge("X", Ours(99), at_ns) is Verdict.OPEN
    assert checks.judge("X", Ours(100), at_ns + 10 * MS) is Verdict.AGREES
    assert ask(checks, at_ns) - at_ns >= CHECK_EVERY_MS * MS
    assert not checks.disproved("X")


def test_a_count_that_stays_behind_twice_disproves_and_one_agreement_heals() -> None:
    checks = checking()
    at_ns = 0
    for failures in (1, 2):
        at_ns = ask(checks, at_ns)
        checks.on_answer("X", Check(1.0, 2.0, 100), at_ns)
        at_ns += GRACE_MS * MS
        assert checks.judge("X", Ours(99), at_ns) is Verdict.DISAGREES
        assert checks.failures("X") == failures
        assert checks.disproved("X") is (failures == 2)
    again_ns = ask(checks, at_ns)
    assert again_ns - at_ns <= (RECHECK_MS + 50) * MS
    checks.on_answer("X", Check(1.0, 2.0, 100), again_ns)
    assert checks.judge("X", Ours(101), again_ns) is Verdict.AGREES
    assert not checks.disproved("X")


@pytest.mark.parametrize(
    ("ours", "theirs", "agrees"),
    [
        ([(100.0, 101.0)], (100.0, 101.0), True),
        ([(100.0, 101.0), (102.0, 103.0)], (101.5, 102.5), True),
        ([(100.0, 101.0)], (100.95, 101.05), True),
        ([(100.0, 101.0)], (102.0, 103.0), False),
        ([(100.0, 101.0)], (90.0, 101.0), False),
        ([], (100.0, 101.0), False),
        ([(100.0, 101.0)], (0.0, 0.0), True),
        ([(0.0, 101.0)], (0.0, 101.0), True),
    ],
)
def test_prices_without_a_count_must_lie_in_the_range_of_ours(
    ours: list[tuple[float, float]], theirs: tuple[float, float], agrees: bool
) -> None:
    checks = checking()
    at_ns = ask(checks, 0)
    checks.on_answer("X", Check(*theirs), at_ns)
    for bid, offer in ours:
        checks.sample("X", bid, offer)
    assert checks.judge("X", Ours(), at_ns) is Verdict.OPEN
    assert checks.judge("X", Ours(), at_ns + GRACE_MS * MS) is (Verdict.AGREES if agrees else Verdict.DISAGREES)


def test_no_answer_proves_nothing() -> None:
    checks = checking()
    for _ in range(5):
        at_ns = ask(checks, 0)
        checks.on_answer("X", None, at_ns)
        assert checks.judge("X", Ours(), at_ns + GRACE_MS * MS) is Verdict.OPEN
    assert not checks.disproved("X")


def test_an_answer_to_a_question_of_an_ended_connection_is_not_used() -> None:
    checks = checking()
    at_ns = ask(checks, 0)
    checks.restart("X", at_ns)
    checks.on_answer("X", Check(1.0, 2.0, 100), at_ns)
    assert checks.judge("X", Ours(), at_ns + GRACE_MS * MS) is Verdict.OPEN


def test_questions_are_few_at_a_time_and_never_twice_about_the_same() -> None:
    asks = Asks("venue")
    for number in range(10):
        for _ in range(2):
            asks.want(About.CHECK, f"S{number}", "http://x")
    first = asks.due(0)
    assert len(first) == IN_FLIGHT_MAX
    assert asks.due(0) == []
    asks.want(About.CHECK, "S0", "http://x")
    seen = list(first)
    while first:
        done = first.pop(0)
        assert asks.on_answer(HttpResponse(done.request_id, 200, b"", {}), 0) is not None
        more = asks.due(0)
        first += more
        seen += more
    assert len(seen) == 10
    assert len({each.request_id for each in seen}) == 10


def test_an_answer_is_used_once_and_a_lost_one_frees_its_place() -> None:
    asks = Asks("venue")
    asks.want(About.TIME, "", "http://x")
    (only,) = asks.due(0)
    assert asks.on_answer(HttpResponse(only.request_id, 200, b"", {}), 0) is not None
    assert asks.on_answer(HttpResponse(only.request_id, 200, b"", {}), 0) is None
    asks.want(About.TIME, "", "http://x")
    (lost,) = asks.due(0)
    asks.want(About.TIME, "", "http://x")
    assert asks.due(29 * S) == []
    assert asks.due(31 * S) == []
    asks.want(About.TIME, "", "http://x")
    assert len(asks.due(31 * S)) == 1
    assert asks.on_answer(HttpResponse(lost.request_id, 200, b"", {}), 31 * S) is None
    assert [question.about for question in asks.take_lost()] == [About.TIME]
    assert asks.take_lost() == []


def test_waiting_questions_are_bounded() -> None:
    asks = Asks("venue")
    for number in range(WAITING_MAX + 10):
        asks.want(About.CHECK, f"S{number}", "http://x")
    count = 0
    while due := asks.due(0):
        count += len(due)
        for each in due:
            asks.on_answer(HttpResponse(each.request_id, 200, b"", {}), 0)
    assert count == WAITING_MAX


@pytest.mark.parametrize(("headers", "pause_s"), [({"retry-after": "30"}, 30), ({}, 10), ({"Retry-After": "soon"}, 10)])
def test_a_refusal_for_haste_pauses_all_questions(headers: dict[str, str], pause_s: int) -> None:
    asks = Asks("venue")
    asks.want(About.TIME, "", "http://x")
    (only,) = asks.due(0)
    asks.on_answer(HttpResponse(only.request_id, 418, b"", headers), 0)
    asks.want(About.MARKETS, "", "http://x")
    assert asks.due(pause_s * S - 1) == []
    assert len(asks.due(pause_s * S)) == 1
