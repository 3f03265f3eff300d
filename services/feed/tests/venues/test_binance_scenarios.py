"""Binance as it happens: start, gaps, dead streams, handover, an unhelpful REST interface."""

from __future__ import annotations

from typing import Any

import msgspec
from common.core import Close, HttpRequest, Open, Send
from common.events import Book, FeedStatus, TopOfBook, Trade
from feed.testing.harness import Rehearsal, only
from feed.venues.binance import Binance

NS = 1_000_000


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def depth(first: int, last: int, bids: list[list[str]] | None = None, asks: list[list[str]] | None = None) -> bytes:
    data = {"e": "depthUpdate", "E": 1_795_222_800_000, "s": "BTCUSDT", "U": first, "u": last}
    return json({"stream": "btcusdt@depth@100ms", "data": {**data, "b": bids or [], "a": asks or []}})


def ticker(update_id: int, bid: str = "100.0", ask: str = "101.0") -> bytes:
    data = {"u": update_id, "s": "BTCUSDT", "b": bid, "B": "1.0", "a": ask, "A": "1.0"}
    return json({"stream": "btcusdt@bookTicker", "data": data})


def trade(number: int) -> bytes:
    data = {"e": "trade", "E": 2, "s": "BTCUSDT", "t": number, "p": "100.5", "q": "0.1", "T": 1, "m": False, "M": True}
    return json({"stream": "btcusdt@trade", "data": data})


def whole(last_id: int, bid: str = "100.0", ask: str = "101.0") -> bytes:
    return json({"lastUpdateId": last_id, "bids": [[bid, "1.0"]], "asks": [[ask, "1.0"]]})


def started() -> Rehearsal:
    rehearsal = Rehearsal(Binance(["BTCUSDT"], "ws://stream", "http://rest"))
    rehearsal.open()
    return rehearsal


def synced(last_id: int = 10) -> Rehearsal:
    rehearsal = started()
    rehearsal.frame(depth(last_id, last_id + 1))
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[-1], whole(last_id))
    assert rehearsal.status().stale_symbols == []
    return rehearsal


def test_the_snapshot_is_asked_when_the_first_change_is_there_and_joined_to_it() -> None:
    rehearsal = started()
    assert rehearsal.asked("limit=1000") == []
    rehearsal.frame(depth(11, 12, bids=[["100.5", "3.0"]]))
    (ask,) = only(rehearsal.wait(50), HttpRequest)[:1]
    assert ask.url == "http://rest/api/v3/depth?symbol=BTCUSDT&limit=1000"
    assert rehearsal.status().stale_symbols == ["BTCUSDT"]
    effects = rehearsal.answer(ask, whole(10))
    (book,) = only(effects, Book)
    assert [tuple(level) for level in map(msgspec.structs.astuple, book.bids)] == [(100.5, 3.0), (100.0, 1.0)]
    assert (book.epoch, book.sequence) == (3, 12)
    assert [status.stale_symbols for status in only(effects, FeedStatus)] == [[]]


def test_a_snapshot_older_than_the_changes_is_asked_again() -> None:
    rehearsal = started()
    rehearsal.frame(depth(20, 21))
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[0], whole(18))
    assert rehearsal.status().stale_symbols == ["BTCUSDT"]
    rehearsal.wait(1_500)
    asks = rehearsal.asked("limit=1000")
    assert len(asks) == 2
    rehearsal.answer(asks[1], whole(19))
    assert rehearsal.status().stale_symbols == []
    assert rehearsal.status().gaps == 0


def test_a_quiet_market_is_synced_without_waiting_for_a_change_and_has_a_top() -> None:
    rehearsal = started()
    rehearsal.wait(600)
    effects = rehearsal.answer(rehearsal.asked("limit=1000")[0], whole(10))
    (top,) = only(effects, TopOfBook)
    assert (top.bid, top.ask, top.ts_event_ns) == (100.0, 101.0, 0)
    assert only(rehearsal.frame(ticker(10)), TopOfBook) == [], "the snapshot already held update 10"
    assert len(only(rehearsal.frame(ticker(11)), TopOfBook)) == 1


def test_a_gap_makes_the_symbol_stale_until_a_new_snapshot() -> None:
    rehearsal = synced()
    effects = rehearsal.frame(depth(14, 15))
    (status,) = only(effects, FeedStatus)
    assert (status.stale_symbols, status.gaps) == (["BTCUSDT"], 1)
    assert "sequence gap" in status.note
    assert only(rehearsal.frame(depth(16, 17)), Book) == []
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[-1], whole(15))
    assert rehearsal.status().stale_symbols == []
    assert rehearsal.feed.followed["BTCUSDT"].sync.last_id == 17


def test_a_crossed_book_is_thrown_away() -> None:
    rehearsal = synced()
    (status,) = only(rehearsal.frame(depth(12, 12, bids=[["101.0", "1.0"]])), FeedStatus)
    assert status.stale_symbols == ["BTCUSDT"]
    assert "crossed" in status.note


def test_every_ticker_is_one_top_of_book_and_older_ones_are_dropped() -> None:
    rehearsal = synced()
    tops: list[TopOfBook] = []
    for update_id in (20, 22, 21, 22, 23):
        tops += only(rehearsal.frame(ticker(update_id)), TopOfBook)
    assert len(tops) == 3
    assert tops[0] == TopOfBook(
        epoch=3,
        venue="here",
        symbol="BTCUSDT",
        bid=100.0,
        ask=101.0,
        bid_size=1.0,
        ask_size=1.0,
        ts_received_ns=rehearsal.now_ns,
    )


def test_a_crossed_ticker_is_not_passed_on() -> None:
    rehearsal = synced()
    assert only(rehearsal.frame(ticker(20, bid="101.0", ask="100.0")), TopOfBook) == []


def test_books_are_conflated_to_one_per_100_ms_and_the_newest_is_not_lost() -> None:
    rehearsal = synced()
    rehearsal.wait(100)
    first = only(rehearsal.frame(depth(12, 12, bids=[["99.0", "1.0"]])), Book)
    second = only(rehearsal.frame(depth(13, 13, bids=[["99.0", "2.0"]])), Book)
    third = only(rehearsal.frame(depth(14, 14, bids=[["99.0", "3.0"]])), Book)
    assert (len(first), second, third) == (1, [], [])
    (later,) = only(rehearsal.wait(100), Book)
    assert later.sequence == 14
    assert later.bids[1].size == 3.0
    assert only(rehearsal.wait(500), Book) == []


def test_a_trade_told_twice_counts_once_and_a_missing_one_is_a_gap() -> None:
    rehearsal = synced()
    numbers = [event.trade_id for n in (5, 6, 6, 5, 8) for event in only(rehearsal.frame(trade(n)), Trade)]
    assert numbers == ["5", "6", "8"]
    assert rehearsal.status().gaps == 1
    assert rehearsal.status().stale_symbols == [], "a lost print does not make prices stale"


def test_a_dead_ticker_stream_is_shown_by_the_depth_stream() -> None:
    rehearsal = synced()
    rehearsal.frame(ticker(11))
    closes: list[Close] = []
    for number in range(12, 80):
        closes += only(rehearsal.wait(100), Close)
        rehearsal.frame(depth(number, number, bids=[["100.0", "0.0"], ["99.5", str(number)]]))
        if closes:
            break
    assert closes == [Close("here-0-a", "BTCUSDT: best prices and book contradict")]
    assert not rehearsal.status().connected
    assert rehearsal.status().stale_symbols == ["BTCUSDT"]


def test_a_dead_depth_stream_is_shown_by_the_ticker_stream() -> None:
    rehearsal = synced()
    closes: list[Close] = []
    for number in range(20, 90):
        rehearsal.frame(ticker(number))
        closes += only(rehearsal.wait(100), Close)
        if closes:
            break
    assert closes[0].reason == "BTCUSDT: best prices and book contradict"


def test_both_streams_moving_together_are_never_doubted() -> None:
    rehearsal = synced()
    seen = checked = 0
    for number in range(12, 200):
        rehearsal.frame(depth(number, number, bids=[["100.0", str(number)]]))
        rehearsal.frame(ticker(number, bid="100.0"))
        assert only(rehearsal.wait(100), Close) == []
        for ask in only(rehearsal.effects[seen:], HttpRequest):
            if "limit=5" in ask.url:
                rehearsal.answer(ask, whole(number))
                checked += 1
        seen = len(rehearsal.effects)
    assert checked >= 1
    assert rehearsal.status().stale_symbols == []


def test_a_stream_behind_rest_is_disproved_then_resynced_then_given_up() -> None:
    rehearsal = synced()
    rehearsal.frame(ticker(11))
    stale_at, closes, answered = None, [], 0
    for _ in range(1_200):
        effects = rehearsal.wait(50)
        closes += only(effects, Close)
        if closes:
            break
        if rehearsal.now_ns // NS % 1_000 == 0:
            rehearsal.frame(json({"result": [], "id": 1}))
        for ask in only(effects, HttpRequest):
            if "limit=5" in ask.url:
                answered += 1
                rehearsal.answer(ask, whole(1_000 + answered))
            elif "limit=1000" in ask.url:
                rehearsal.answer(ask, whole(1_000 + answered))
        if stale_at is None and rehearsal.status().stale_symbols:
            stale_at = answered
    assert stale_at == 2, "one disagreement may be a cache, two are not"
    assert "REST disagrees" in closes[0].reason


def test_silence_reconnects_and_resubscribes() -> None:
    rehearsal = synced()
    effects = rehearsal.wait(5_400)
    assert Send("here-0-a", b'{"method":"LIST_SUBSCRIPTIONS","id":1}') in effects
    (close,) = only(effects, Close)
    assert close.reason == "silent for 5000 ms"
    assert [status.connected for status in only(effects, FeedStatus)][-1] is False
    rehearsal.close("closed")
    rehearsal.wait(600)
    first, opened = only(rehearsal.effects, Open)
    assert (first.wire, opened.wire) == ("here-0-a", "here-0-b")
    assert opened.url.endswith("streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms")
    rehearsal.open(opened.wire)
    assert rehearsal.status().connected
    assert rehearsal.status().reconnects == 1
    assert rehearsal.status().stale_symbols == ["BTCUSDT"], "nothing of the old connection is believed"
    rehearsal.frame(depth(5, 6), opened.wire)
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[-1], whole(5))
    assert rehearsal.status().stale_symbols == []


def test_an_announced_shutdown_hands_over_without_a_stale_moment() -> None:
    rehearsal = synced()
    effects = rehearsal.frame(json({"stream": "", "data": {"e": "serverShutdown", "E": 1}}))
    assert [opened.wire for opened in only(effects, Open)] == ["here-0-b"]
    rehearsal.open("here-0-b")
    for number in range(12, 60):
        for wire in ("here-0-a", "here-0-b"):
            rehearsal.frame(depth(number, number), wire)
            rehearsal.frame(ticker(number), wire)
            rehearsal.frame(trade(number), wire)
        rehearsal.wait(50)
        assert rehearsal.status().stale_symbols == []
    assert only(rehearsal.effects, Close) == [Close("here-0-a", "replaced")]
    rehearsal.close("replaced")
    assert rehearsal.status().gaps == 0
    assert len(only(rehearsal.effects, Trade)) == 48, "what both wires told counts once"
    rehearsal.frame(depth(60, 60), "here-0-b")
    assert rehearsal.status().stale_symbols == []


def test_rest_that_refuses_for_haste_is_left_alone_as_long_as_it_says() -> None:
    rehearsal = started()
    rehearsal.frame(depth(11, 12))
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[0], b"{}", status=429, retry_after="20")
    before = len(only(rehearsal.effects, HttpRequest))
    for number in range(13, 200):
        rehearsal.frame(depth(number, number))
        rehearsal.wait(100)
    assert len(only(rehearsal.effects, HttpRequest)) == before
    for number in range(200, 240):
        rehearsal.frame(depth(number, number))
        rehearsal.wait(100)
    assert len(rehearsal.asked("limit=1000")) == 2
    rehearsal.answer(rehearsal.asked("limit=1000")[1], whole(150))
    assert rehearsal.status().stale_symbols == []


def test_without_any_snapshot_the_connection_is_doubted_in_the_end() -> None:
    rehearsal = started()
    closes: list[Close] = []
    for number in range(11, 2_000):
        rehearsal.frame(depth(number, number))
        effects = rehearsal.wait(50)
        for ask in only(effects, HttpRequest):
            rehearsal.answer(ask, b"<html>not today</html>", status=503)
        closes += only(effects, Close)
        if closes:
            break
    assert closes[0].reason == "BTCUSDT: no snapshot"


def test_frames_that_trail_the_clock_make_everything_stale() -> None:
    rehearsal = synced()
    rehearsal.wait(50)
    time_ask = rehearsal.asked("/time")[0]
    rehearsal.answer(time_ask, json({"serverTime": rehearsal.now_ns // NS}))
    assert rehearsal.status().clock_known
    assert abs(rehearsal.status().clock_offset_ns) < 60 * NS
    for number in range(12, 70):
        stamp = {"e": "depthUpdate", "E": rehearsal.now_ns // NS - 4_000, "s": "BTCUSDT", "U": number, "u": number}
        rehearsal.frame(json({"stream": "btcusdt@depth@100ms", "data": {**stamp, "b": [], "a": []}}))
        rehearsal.wait(100)
    assert rehearsal.status().stale_symbols == ["BTCUSDT"]
    assert rehearsal.status().connected


def test_a_symbol_nobody_subscribed_is_a_malformed_frame() -> None:
    rehearsal = synced()
    rehearsal.frame(ticker(50).replace(b"BTCUSDT", b"DOGEUSDT"))
    assert rehearsal.status().malformed == 1
    assert "DOGEUSDT" in rehearsal.status().note
    assert rehearsal.status().stale_symbols == [], "Binance's ids would show a lost change"


def test_symbols_are_spread_over_bounded_connections() -> None:
    symbols = [f"S{number}USDT" for number in range(120)]
    rehearsal = Rehearsal(Binance(symbols, "ws://stream", "http://rest"))
    assert [len(connection.symbols) for connection in rehearsal.feed.connections] == [50, 50, 20]
    rehearsal.open("here-0-a")
    rehearsal.open("here-1-a")
    rehearsal.wait(1_000)
    assert len(rehearsal.asked("limit=1000")) <= 4, "questions under way are bounded"
    assert rehearsal.status().connected
    assert set(rehearsal.status().stale_symbols) == set(symbols)


def test_a_frozen_connection_is_judged_by_its_silence_not_by_one_stream() -> None:
    rehearsal = synced()
    rehearsal.frame(ticker(50))
    assert [close.reason for close in only(rehearsal.wait(5_100), Close)] == ["silent for 5000 ms"]


def test_what_was_wrong_is_no_longer_noted_once_it_is_over() -> None:
    rehearsal = synced()
    rehearsal.frame(depth(14, 15))
    assert "sequence gap" in rehearsal.status().note
    rehearsal.wait(50)
    rehearsal.answer(rehearsal.asked("limit=1000")[-1], whole(15))
    assert rehearsal.status().note == ""
