"""How long a venue wants to be left alone, in every documented form, and that it gets it."""

from __future__ import annotations

import pytest
from common.core import HttpRequest, HttpResponse
from common.events import Alert
from feed.connections.rest_requests import About, Asks
from feed.connections.retry_after import PAUSE_DEFAULT_S, PAUSE_MAX_S, pause_s
from feed.testing.harness import START_NS, Rehearsal, only
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000
NOON = 1_795_694_400 * S
"""Thu, 26 Nov 2026 12:00:00 GMT."""
HOUR_LATER = "Thu, 26 Nov 2026 13:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (418, {"Retry-After": "7200"}, 7_200.0),
        (429, {"retry-after": " 120 "}, 120.0),
        (429, {"RETRY-AFTER": "0.5"}, 0.5),
        (429, {"Retry-After": HOUR_LATER}, 3_600.0),
        (429, {"Retry-After": "Thursday, 26-Nov-26 13:00:00 GMT"}, 3_600.0),
        (429, {"Retry-After": HOUR_LATER, "Date": "Thu, 26 Nov 2026 12:59:30 GMT"}, 30.0),
        (429, {"Retry-After": "Thu, 26 Nov 2026 11:00:00 GMT"}, 0.1),
        (503, {"Retry-After": "300"}, 300.0),
        (403, {"Retry-After": "300"}, 300.0),
        (451, {"Retry-After": "86400000"}, 86_400_000.0),
        (403, {}, PAUSE_DEFAULT_S),
        (418, {}, PAUSE_DEFAULT_S),
        (429, {"Retry-After": "soon"}, PAUSE_DEFAULT_S),
        (429, {"Retry-After": "-5"}, PAUSE_DEFAULT_S),
        (429, {"Retry-After": "nan"}, PAUSE_DEFAULT_S),
        (429, {"Retry-After": "1e999"}, PAUSE_DEFAULT_S),
        (451, {"Retry-After": ""}, PAUSE_DEFAULT_S),
        (500, {}, 0.0),
        (503, {}, 0.0),
        (0, {}, 0.0),
        (200, {"Retry-After": "300"}, 0.0),
    ],
)
def test_r28_every_documented_form_is_understood(status: int, headers: dict[str, str], seconds: float) -> None:
    assert pause_s(HttpResponse(1, status, b"", headers), NOON) == pytest.approx(seconds)


@given(st.text(max_size=60), st.sampled_from([403, 418, 429, 451, 503]))
def test_r28_no_text_can_break_it_or_ask_for_less_than_nothing(text: str, status: int) -> None:
    assert pause_s(HttpResponse(1, status, b"", {"Retry-After": text, "Date": text}), NOON) >= 0.0


def asked_again_after_s(*refusals: tuple[int, dict[str, str]]) -> float:
    """Return the seconds after which the first question follows some refusals of questions under way."""
    asks = Asks("venue")
    for number in range(len(refusals)):
        asks.want(About.CHECK, f"S{number}", "http://x")
    for ask, (status, headers) in zip(asks.due(0), refusals, strict=True):
        asks.on_answer(HttpResponse(ask.request_id, status, b"", headers), 0)
    asks.want(About.TIME, "", "http://x")
    return next(tenths / 10 for tenths in range(1, 1_000_000) if asks.due(tenths * S // 10))


def test_r28_the_wait_is_the_venues_to_the_second() -> None:
    assert asked_again_after_s((418, {"Retry-After": "7200"})) == 7_200.0
    assert asked_again_after_s((429, {"Retry-After": "0.5"})) == 0.5


def test_r28_an_answer_under_way_does_not_shorten_a_wait_that_was_asked_for() -> None:
    assert asked_again_after_s((418, {"Retry-After": "7200"}), (429, {}), (503, {"Retry-After": "1"})) == 7_200.0


def refused(retry_after: str, status: int = 418) -> tuple[Rehearsal, list[Alert]]:
    rehearsal = Rehearsal(Degen([], "ws://x", "http://x"))
    rehearsal.open()
    rehearsal.wait(100)
    effects = rehearsal.answer(only(rehearsal.effects, HttpRequest)[0], b"", status=status, retry_after=retry_after)
    return rehearsal, only(effects, Alert)


def test_r28_a_long_wait_is_told_to_a_person_and_bounded_by_a_day() -> None:
    assert refused("30")[1] == []
    rehearsal, (alert,) = refused("7200")
    assert alert.kind == "left_alone_here"
    assert "418: not asked over REST for 7200 s" in alert.text
    assert "7200 s" in rehearsal.status().note
    rehearsal, (alert,) = refused("31536000")
    assert "asked again after 86400 s all the same" in alert.text
    seen = len(only(rehearsal.effects, HttpRequest))
    rehearsal.now_ns = START_NS + int((PAUSE_MAX_S - 1) * S)
    rehearsal.wait(500)
    assert len(only(rehearsal.effects, HttpRequest)) == seen
    rehearsal.wait(1_500)
    assert len(only(rehearsal.effects, HttpRequest)) > seen


def test_r28_a_pause_stops_all_questions_of_the_venue() -> None:
    rehearsal = Rehearsal(Coinbase(["BTC-USD"], "wss://feed", "https://rest"))
    rehearsal.open()
    rehearsal.wait(100)
    rehearsal.answer(only(rehearsal.effects, HttpRequest)[0], b"", status=403, retry_after="45.5")
    assert only(rehearsal.wait(45_300), HttpRequest) == []
    assert only(rehearsal.wait(500), HttpRequest) != []
