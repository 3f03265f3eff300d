"""Coinbase and Kraken as they happen: books whose snapshots come over the stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from common.core import Close, HttpRequest, Open, Send
from common.events import Book, FeedStatus, TopOfBook, Trade
from feed.testing.harness import Rehearsal, only
from feed.venues.coinbase import Coinbase
from feed.venues.kraken import Kraken

Frame = Callable[[str], bytes]


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def coinbase(frame: Frame) -> Rehearsal:
    rehearsal = Rehearsal(Coinbase(["BTC-USD"], "wss://feed", "https://rest"))
    rehearsal.open()
    rehearsal.frame(frame("coinbase/snapshot"))
    return rehearsal


def update(time: str, *changes: list[str]) -> bytes:
    return json({"type": "l2update", "product_id": "BTC-USD", "changes": changes, "time": time})


def match(number: int, kind: str = "match") -> bytes:
    fields = {"price": "400.23", "size": "5.2", "side": "sell", "time": "2022-08-04T15:25:07Z", "sequence": 1}
    return json({"type": kind, "trade_id": number, "product_id": "BTC-USD", **fields})


def beat(last_trade: int) -> bytes:
    fields = {"sequence": 1, "last_trade_id": last_trade, "time": "2022-08-04T15:25:07Z"}
    return json({"type": "heartbeat", "product_id": "BTC-USD", **fields})


def test_coinbase_is_subscribed_at_once_and_its_book_makes_the_top(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    assert b"level2_batch" in only(rehearsal.effects, Send)[0].data
    assert [(top.bid, top.ask) for top in only(rehearsal.effects, TopOfBook)] == [(10101.10, 10102.55)]
    effects = rehearsal.frame(frame("coinbase/l2update"))
    assert [(top.bid, top.ask) for top in only(effects, TopOfBook)] == [(10101.8, 10103.0)]
    assert rehearsal.status().stale_symbols == []


def test_a_change_below_the_best_prices_is_no_new_top(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    effects = rehearsal.frame(update("2022-08-04T15:25:06Z", ["buy", "10000.00", "5.0"]))
    assert only(effects, TopOfBook) == []


def test_whichever_of_ticker_and_book_is_newer_in_venue_time_speaks(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    assert len(only(rehearsal.frame(frame("coinbase/ticker")), TopOfBook)) == 1
    older = rehearsal.frame(update("2022-10-19T23:28:22.000000Z", ["buy", "10102.00", "1.0"]))
    assert only(older, TopOfBook) == []
    newer = rehearsal.frame(update("2022-10-19T23:28:22.100000Z", ["buy", "10102.10", "1.0"]))
    assert [top.bid for top in only(newer, TopOfBook)] == [10102.10]
    assert only(rehearsal.frame(frame("coinbase/ticker")), TopOfBook) == [], "its sequence has been seen"


def test_an_unreadable_frame_costs_the_book_which_is_subscribed_anew(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    (status,) = only(rehearsal.frame(b'{"type":"l2update","product_id":"BTC-USD"'), FeedStatus)
    assert (status.malformed, status.stale_symbols) == (1, ["BTC-USD"])
    sent = [msgspec.json.decode(send.data)["type"] for send in only(rehearsal.wait(100), Send)]
    assert sent == ["unsubscribe", "subscribe"]
    assert only(rehearsal.frame(frame("coinbase/l2update")), Book) == [], "changes without a snapshot are nothing"
    rehearsal.frame(frame("coinbase/snapshot"))
    assert rehearsal.status().stale_symbols == []


def test_a_crossed_book_is_subscribed_anew(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    rehearsal.frame(update("2022-08-04T15:25:06Z", ["buy", "10102.60", "1.0"]))
    assert rehearsal.status().stale_symbols == ["BTC-USD"]
    assert len(only(rehearsal.wait(100), Send)) == 2


def test_a_trade_named_by_a_heartbeat_and_not_seen_by_the_next_was_lost(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    assert only(rehearsal.frame(match(10, "last_match")), Trade) == [], "it happened before we listened"
    for each in (match(11), beat(12), match(12), beat(13)):
        rehearsal.frame(each)
    assert rehearsal.status().gaps == 0, "a trade may come after the heartbeat that names it"
    rehearsal.frame(beat(13))
    assert rehearsal.status().gaps == 1
    assert [trade.trade_id for trade in only(rehearsal.effects, Trade)] == ["11", "12"]


def test_heartbeats_alone_do_not_prove_the_book(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    closes: list[Close] = []
    stale = False
    for _ in range(100):
        rehearsal.frame(beat(1))
        effects = rehearsal.wait(500)
        for ask in only(effects, HttpRequest):
            if ask.url == "https://rest/products/BTC-USD/book?level=1":
                rehearsal.answer(ask, json({"bids": [["11000.00", "1", 1]], "asks": [["11001.00", "1", 1]]}))
        if only(effects, Send):
            rehearsal.frame(frame("coinbase/snapshot"))
        stale = stale or rehearsal.status().stale_symbols == ["BTC-USD"]
        closes += only(effects, Close)
    assert stale
    assert "REST disagrees" in closes[0].reason


def test_a_quiet_market_with_heartbeats_is_not_stale(frame: Frame) -> None:
    rehearsal = coinbase(frame)
    for _ in range(120):
        rehearsal.frame(beat(1))
        for ask in only(rehearsal.wait(500), HttpRequest):
            if "level=1" in ask.url:
                rehearsal.answer(ask, frame("coinbase/book_answer"))
    assert rehearsal.status().stale_symbols == []
    assert rehearsal.status().connected
    assert only(rehearsal.effects, Close) == []


def kraken(frame: Frame) -> Rehearsal:
    rehearsal = Rehearsal(Kraken(["BTC/USD"], "wss://ws", "https://rest"))
    rehearsal.open()
    return rehearsal


def test_kraken_books_are_subscribed_once_the_decimals_are_known(frame: Frame) -> None:
    rehearsal = kraken(frame)
    channels = [msgspec.json.decode(send.data)["params"]["channel"] for send in only(rehearsal.effects, Send)]
    assert channels == ["instrument"]
    sends = only(rehearsal.frame(frame("kraken/instrument")), Send)
    assert [msgspec.json.decode(send.data)["params"]["channel"] for send in sends] == ["book", "trade"]
    rehearsal.frame(frame("kraken/book_snapshot"))
    assert rehearsal.status().stale_symbols == []
    tops = only(rehearsal.frame(frame("kraken/book_update")), TopOfBook)
    assert [(top.bid, top.ask, top.bid_size) for top in tops] == [(45283.5, 45286.4, 0.25)]
    assert [trade.trade_id for trade in only(rehearsal.frame(frame("kraken/trade")), Trade)] == ["4665846", "4665847"]


def test_a_wrong_checksum_throws_the_book_away_and_subscribes_anew(frame: Frame) -> None:
    rehearsal = kraken(frame)
    rehearsal.frame(frame("kraken/instrument"))
    rehearsal.frame(frame("kraken/book_snapshot"))
    lost = frame("kraken/book_update").replace(b'"qty":0.25', b'"qty":0.26')
    (status,) = only(rehearsal.frame(lost), FeedStatus)
    assert (status.stale_symbols, status.gaps) == (["BTC/USD"], 1)
    assert "checksum" in status.note
    sends = [msgspec.json.decode(send.data) for send in only(rehearsal.wait(100), Send)]
    assert [send["method"] for send in sends] == ["unsubscribe", "subscribe"]
    assert sends[1]["params"]["symbol"] == ["BTC/USD"]
    rehearsal.frame(frame("kraken/book_snapshot"))
    assert rehearsal.status().stale_symbols == []
    assert only(rehearsal.frame(frame("kraken/book_update")), TopOfBook) != []


def test_a_refused_symbol_is_noted_and_stays_stale_without_hurting_the_others(frame: Frame) -> None:
    rehearsal = Rehearsal(Kraken(["BTC/USD", "FOO/BAR"], "wss://ws", "https://rest"))
    rehearsal.open()
    rehearsal.frame(frame("kraken/instrument"))
    rehearsal.frame(frame("kraken/refused"))
    rehearsal.frame(frame("kraken/book_snapshot"))
    assert "FOO/BAR" in rehearsal.status().note
    for _ in range(240):
        rehearsal.frame(frame("kraken/heartbeat"))
        for ask in only(rehearsal.wait(500), HttpRequest):
            rehearsal.answer(ask, frame("kraken/depth_answer"))
    assert rehearsal.status().stale_symbols == ["FOO/BAR"]
    assert only(rehearsal.effects, Close) == []
    resubscriptions = [send for send in only(rehearsal.effects, Send) if b"unsubscribe" in send.data]
    assert 3 <= len(resubscriptions) <= 12, "tried again, ever more seldom"


def test_a_connection_without_any_book_is_made_anew(frame: Frame) -> None:
    rehearsal = kraken(frame)
    closes: list[Close] = []
    for _ in range(240):
        rehearsal.frame(frame("kraken/heartbeat"))
        closes += only(rehearsal.wait(500), Close)
        if closes:
            break
    assert closes == [Close("here-0-a", "BTC/USD: no snapshot")]
    rehearsal.close("closed")
    rehearsal.wait(500)
    assert len(only(rehearsal.effects, Open)) == 2
