"""The life of a connection as scripts of what happens to it."""

from __future__ import annotations

from random import Random

import pytest
from common.core import Close, Effect, Open, Send
from feed.connections.connection import BACK_OFF_MAX_MS, HANDOVER_MS, OPEN_MAX_MS, Connection, Opened, Patience
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
HOUR_MS = 3_600_000


def connection(lifetime_ms: int = 0, seed: int = 1) -> Connection:
    patience = Patience(silence_ms=5_000, ping_ms=2_000, lifetime_ms=lifetime_ms)
    return Connection("v", "ws://v", ("X",), patience, b"ping", Random(seed))


def opened(lifetime_ms: int = 0) -> Connection:
    one = connection(lifetime_ms)
    assert one.begin(0) == [Open("v-a", "ws://v")]
    assert one.on_open("v-a", 0) is Opened.FRESH
    return one


def until(one: Connection, now_ms: int, kind: type[Effect], limit_ms: int = 60_000) -> tuple[int, list[Effect]]:
    """Run timers until an effect of a kind comes; give its time and the effects."""
    for at_ms in range(now_ms, now_ms + limit_ms, 50):
        effects = one.on_timer(at_ms * MS)
        if any(isinstance(effect, kind) for effect in effects):
            return at_ms, effects
    raise AssertionError(f"no {kind.__name__} within {limit_ms} ms")


def test_silence_is_first_asked_about_and_then_ends_the_connection() -> None:
    one = opened()
    at_ms, effects = until(one, 0, Send)
    assert (at_ms, effects) == (2_000, [Send("v-a", b"ping")])
    assert one.alive(4_999 * MS)
    at_ms, effects = until(one, 2_050, Close)
    assert (at_ms, effects) == (5_000, [Close("v-a", "silent for 5000 ms")])
    assert not one.alive(5_000 * MS)
    assert not one.on_frame("v-a", 5_001 * MS)


def test_an_answer_to_the_ping_keeps_a_quiet_connection_alive() -> None:
    one = opened()
    for at_ms in range(0, 60_000, 50):
        for effect in one.on_timer(at_ms * MS):
            assert effect == Send("v-a", b"ping")
            assert one.on_frame("v-a", at_ms * MS)
    assert one.alive(60_000 * MS)
    assert one.reconnects == 0


def test_back_off_grows_to_its_bound_with_jitter_and_starts_over_after_a_stable_time() -> None:
    one = opened()
    at_ms, waits = 0, []
    for _ in range(10):
        assert one.on_close(one.serving or "v-a", "gone", at_ms * MS)
        again_ms, effects = until(one, at_ms, Open)
        waits.append(again_ms - at_ms)
        at_ms = again_ms + 100
        assert isinstance(effects[0], Open)
        assert one.on_open(effects[0].wire, at_ms * MS) is Opened.FRESH
    for number, wait_ms in enumerate(waits):
        step_ms = min(BACK_OFF_MAX_MS, 250 * 1.5**number)
        assert 0.8 * step_ms <= wait_ms <= step_ms + 50
    for heard_ms in range(at_ms, at_ms + 31_000, 1_000):
        one.on_frame(one.serving, heard_ms * MS)
    at_ms += 31_000
    one.on_close(one.serving, "gone", at_ms * MS)
    assert until(one, at_ms, Open)[0] - at_ms <= 300
    assert one.reconnects == 10


def test_a_venue_back_after_a_second_is_tried_within_as_long_and_one_away_for_long_not_too_often() -> None:
    one = opened()
    tried_ms, at_ms = [], 0
    while at_ms < 700_000:
        one.on_close(one.serving or "v-a", "gone", at_ms * MS)
        at_ms, effects = until(one, at_ms, Open)
        assert isinstance(effects[0], Open)
        assert one.on_open(effects[0].wire, at_ms * MS) is Opened.FRESH
        tried_ms.append(at_ms)
    for away_ms in (500, 1_200, 3_000):
        assert next(each for each in tried_ms if each >= away_ms) <= 2 * away_ms
    for first, end_ms in zip(tried_ms, (each + 600_000 for each in tried_ms), strict=True):
        assert sum(first < each <= end_ms for each in tried_ms) <= 150, "attempts in ten minutes"


def test_a_wire_that_never_opens_is_given_up() -> None:
    one = connection()
    one.begin(0)
    at_ms, effects = until(one, 0, Close)
    assert (at_ms, effects) == (OPEN_MAX_MS, [Close("v-a", "no connection in time")])
    assert one.on_open("v-a", (OPEN_MAX_MS + 10) * MS) is Opened.UNWANTED
    assert until(one, OPEN_MAX_MS, Open)[1] == [Open("v-b", "ws://v")]


def test_a_successor_takes_over_before_the_venue_cuts_and_both_are_heard_meanwhile() -> None:
    one = opened(lifetime_ms=23 * HOUR_MS)
    for hour in range(22):
        one.on_frame("v-a", hour * HOUR_MS * MS)
        one.on_timer(hour * HOUR_MS * MS)
    now_ms = 23 * HOUR_MS
    one.on_frame("v-a", now_ms * MS)
    assert one.on_timer(now_ms * MS) == [Open("v-b", "ws://v")]
    assert one.on_open("v-b", now_ms * MS) is Opened.BESIDE
    assert one.on_frame("v-a", now_ms * MS)
    assert one.on_frame("v-b", now_ms * MS)
    at_ms, effects = until(one, now_ms, Close)
    assert at_ms == now_ms + HANDOVER_MS
    assert effects == [Close("v-a", "replaced")]
    assert one.serving == "v-b"
    assert not one.on_close("v-a", "replaced", at_ms * MS), "nothing is lost when the old wire goes"
    assert not one.on_frame("v-a", at_ms * MS)


def test_a_venue_that_cuts_during_the_handover_loses_nothing() -> None:
    one = opened()
    assert one.replace(0) == [Open("v-b", "ws://v")]
    one.on_open("v-b", 10 * MS)
    assert not one.on_close("v-a", "cut", 20 * MS)
    assert one.serving == "v-b"


def test_a_venue_that_cuts_before_the_successor_is_open_is_a_loss() -> None:
    one = opened()
    one.replace(0)
    assert one.on_close("v-a", "cut", 20 * MS)
    assert not one.open
    assert one.on_open("v-b", 30 * MS) is Opened.FRESH
    assert one.serving == "v-b"


def test_a_successor_that_cannot_be_had_is_tried_again_later() -> None:
    one = opened(lifetime_ms=23 * HOUR_MS)
    now_ms = 23 * HOUR_MS
    one.on_frame("v-a", now_ms * MS)
    assert one.on_timer(now_ms * MS) == [Open("v-b", "ws://v")]
    assert not one.on_close("v-b", "refused", now_ms * MS)
    for at_ms in range(now_ms, now_ms + 59_000, 1_000):
        one.on_frame("v-a", at_ms * MS)
        assert one.on_timer(at_ms * MS) == []
    one.on_frame("v-a", (now_ms + 60_000) * MS)
    assert one.on_timer((now_ms + 60_000) * MS) == [Open("v-b", "ws://v")]


def test_after_the_end_nothing_is_opened_any_more() -> None:
    one = opened()
    assert one.end(0) == [Close("v-a", "stopping")]
    one.on_close("v-a", "", 0)
    with pytest.raises(AssertionError, match="no Open"):
        until(one, 0, Open)


happenings = st.lists(st.tuples(st.sampled_from(["open", "close", "frame", "fail", "replace", "wait"]), st.booleans()))


@given(happenings, st.integers(0, 3))
def test_whatever_happens_an_idle_connection_comes_back(script: list[tuple[str, bool]], seed: int) -> None:
    """Any order of openings, closings, failures and time, told of the right wire or the wrong one."""
    one = connection(lifetime_ms=HOUR_MS, seed=seed)
    one.begin(0)
    at_ms = 0
    for happening, second in script:
        wire = one.wires[second]
        at_ms += 700
        if happening == "open":
            one.on_open(wire, at_ms * MS)
        elif happening == "close":
            one.on_close(wire, "gone", at_ms * MS)
        elif happening == "frame":
            one.on_frame(wire, at_ms * MS)
        elif happening == "fail":
            one.fail("doubt", at_ms * MS)
        elif happening == "replace":
            one.replace(at_ms * MS)
        one.on_timer(at_ms * MS)
    deadline_ms = at_ms + 60_000
    while not one.open:
        at_ms += 50
        assert at_ms < deadline_ms
        for effect in one.on_timer(at_ms * MS):
            if isinstance(effect, Open):
                one.on_open(effect.wire, at_ms * MS)
