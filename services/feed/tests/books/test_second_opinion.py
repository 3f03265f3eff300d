"""REST against the stream: which of the two is believed, and what the answer costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from common.core import Close, HttpRequest
from common.events import Alert
from feed.books.crosscheck import CHECK_EVERY_MS, DISTRUST_MAX_NS, GRACE_MS, CrossCheck, Ours, Verdict
from feed.messages import Check
from feed.testing.harness import Rehearsal, only
from feed.venues.polymarket.stream import Polymarket

Frame = Callable[[str], bytes]
MARKET = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
UP = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
MS, S = 1_000_000, 1_000_000_000
GHOST = {"bids": [{"price": "0.01", "size": "5000"}], "asks": [{"price": "0.99", "size": "5000"}]}
TRUE = {"bids": [{"price": "0.50", "size": "15"}], "asks": [{"price": "0.52", "size": "25"}]}


class Watched:
    """A market whose list, channel and REST book are answered while time passes."""

    def __init__(self, frame: Frame) -> None:
        self.rehearsal = Rehearsal(Polymarket(["btc-updown-5m"], "wss://x/ws/market", "https://clob.x"))
        self.listed = frame("polymarket/markets_answer")
        self.bid, self.trades, self.lives = 0.50, False, True
        self.stale_ms = 0
        self.effects: list[Any] = []
        self.rehearsal.open()
        self.pass_time(1, TRUE)

    def pass_time(self, seconds: float, rest: dict[str, Any]) -> None:
        """Let time pass, with the REST book as given."""
        rehearsal = self.rehearsal
        for _ in range(round(seconds * 2)):
            wire = rehearsal.feed.connections[0].serving
            if not wire:
                wire = "here-0-a"
                rehearsal.open(wire)
            rehearsal.frame(b"PONG", wire)
            if self.lives:
                rehearsal.frame(self._book(), wire)
            if self.trades:
                rehearsal.frame(self._trade(), wire)
            now = rehearsal.wait(500)
            self.effects += now
            self.stale_ms += 500 * (MARKET in rehearsal.status().stale_symbols)
            for ask in only(now, HttpRequest):
                if "/markets?" in ask.url:
                    self.effects += rehearsal.answer(ask, self.listed)
                else:
                    self.effects += rehearsal.answer(ask, json.dumps(rest).encode())

    def _book(self) -> bytes:
        sides = {"bids": [{"price": f"{self.bid:.2f}", "size": "15"}], "asks": [{"price": "0.52", "size": "25"}]}
        stamp = str(self.rehearsal.now_ns // MS)
        return json.dumps({"event_type": "book", "asset_id": UP, "timestamp": stamp, **sides}).encode()

    def _trade(self) -> bytes:
        trade = {"price": f"{self.bid:.2f}", "size": "5", "side": "SELL", "timestamp": str(self.rehearsal.now_ns // MS)}
        return json.dumps({"event_type": "last_trade_price", "asset_id": UP, **trade}).encode()


def test_r24_a_ghost_beside_a_living_stream_is_outvoted_and_told(frame: Frame) -> None:
    watched = Watched(frame)
    watched.pass_time(10, TRUE)
    watched.stale_ms = 0
    watched.pass_time(120, GHOST)
    assert watched.stale_ms <= 6_000, "as long as it takes to bring the book anew and to ask once more"
    assert watched.rehearsal.feed.reconnects == 0
    alerts = [alert for alert in only(watched.effects, Alert) if alert.kind == "second_opinion_here"]
    assert alerts
    assert "not believed" in alerts[0].text


def test_r24_trades_at_our_prices_outvote_it_no_slower(frame: Frame) -> None:
    watched = Watched(frame)
    watched.trades = True
    watched.pass_time(60, GHOST)
    assert watched.stale_ms <= 7_000
    assert only(watched.effects, Close) == []


def test_r24_a_stream_that_died_beside_a_ghost_is_still_found_out(frame: Frame) -> None:
    watched = Watched(frame)
    watched.pass_time(60, GHOST)
    watched.lives, watched.stale_ms = False, 0
    watched.pass_time(60, GHOST)
    assert watched.stale_ms > 30_000
    assert only(watched.effects, Close) != []


def test_r24_a_rest_book_that_moved_away_is_not_outvoted_by_a_stream_that_may_be_late(frame: Frame) -> None:
    watched = Watched(frame)
    watched.trades = True
    moved = {"bids": [{"price": "0.60", "size": "5"}], "asks": [{"price": "0.62", "size": "5"}]}
    watched.pass_time(60, moved)
    assert only(watched.effects, Close) != []


def test_r24_an_answer_older_than_our_book_contradicts_nothing(frame: Frame) -> None:
    watched = Watched(frame)
    old = {
        "bids": [{"price": "0.30", "size": "5"}],
        "asks": [{"price": "0.31", "size": "5"}],
        "timestamp": "1795222700000",
    }
    watched.pass_time(10, TRUE)
    watched.stale_ms = 0
    watched.pass_time(60, old)
    assert watched.stale_ms == 0


def answered(checks: CrossCheck, check: Check, now_ns: int, changes: int) -> tuple[Verdict, int]:
    """Ask once, with our prices at 0.50 and 0.52; return the verdict and when it fell."""
    while not checks.due("X", now_ns):
        now_ns += 50 * MS
    checks.sample("X", 0.50, 0.52, 0)
    checks.on_answer("X", check, now_ns)
    now_ns += GRACE_MS * MS
    return checks.judge("X", Ours(0, changes), now_ns), now_ns


def test_r24_one_failure_is_asked_about_again_and_distrust_ends_with_the_first_agreement() -> None:
    checks = CrossCheck()
    checks.follow("X", 0)
    ghost, right = Check(0.01, 0.99), Check(0.50, 0.52)
    verdict, now_ns = answered(checks, ghost, 0, 10)
    assert verdict is Verdict.DISAGREES
    assert not checks.disproved("X")
    assert answered(checks, right, now_ns, 10)[0] is Verdict.AGREES
    now_ns += CHECK_EVERY_MS * MS
    verdicts = []
    for check in (ghost, ghost, ghost, ghost, right, ghost):
        verdict, now_ns = answered(checks, check, now_ns, 10)
        verdicts.append(verdict)
    assert verdicts == [
        *(Verdict.DISAGREES, Verdict.DISAGREES, Verdict.ALONE, Verdict.ALONE),
        *(Verdict.AGREES, Verdict.DISAGREES),
    ]


def test_r24_distrust_has_to_be_earned_anew_and_needs_a_living_stream() -> None:
    checks = CrossCheck()
    checks.follow("X", 0)
    ghost = Check(0.01, 0.99)
    now_ns = 0
    for _ in range(3):
        verdict, now_ns = answered(checks, ghost, now_ns, 10)
    assert verdict is Verdict.ALONE
    assert answered(checks, ghost, now_ns, 2)[0] is Verdict.DISAGREES, "two changes are no life"
    for _ in range(3):
        verdict, now_ns = answered(checks, ghost, now_ns, 10)
    assert verdict is Verdict.ALONE
    assert answered(checks, ghost, now_ns + DISTRUST_MAX_NS, 10)[0] is Verdict.DISAGREES


@pytest.mark.parametrize("check", [Check(0.0, 0.0), Check(0.50, 0.52), Check(0.0, 0.52)])
def test_r24_an_empty_side_proves_nothing(check: Check) -> None:
    checks = CrossCheck()
    checks.follow("X", 0)
    assert answered(checks, check, 0, 0)[0] is Verdict.AGREES
