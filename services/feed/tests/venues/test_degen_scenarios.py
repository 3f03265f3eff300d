"""Degen Terminal as it happens: markets come, trade and go."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.core import Close, HttpRequest, Send
from common.events import Book, FeedStatus, Market, MarketStatus, Money, SettlementRule, TieRule, TopOfBook, Trade
from feed.listings.markets import GIVE_UP_NS, MARKETS_MAX, RENEW_NS, UNLISTED_NS, Markets
from feed.messages import Listing
from feed.testing.harness import START_NS, Rehearsal, only
from feed.venues.degen import Degen
from hypothesis import given
from hypothesis import strategies as st

Frame = Callable[[str], bytes]
MARKET = "BTC-5M-1795223100"


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def changed(whole: bytes, **members: Any) -> bytes:
    """Return a market frame or answer with other members in its market."""
    document = msgspec.json.decode(whole)
    ts_ns = members.pop("ts_ns", document["ts_ns"])
    market = document["market"] if "market" in document else document["markets"][0]
    market.update(members)
    return json({**document, "ts_ns": ts_ns})


def book(sequence: int, *bids: list[Any], market: str = MARKET, snapshot: bool = False) -> bytes:
    frame = {"type": "orderbook", "market": market, "sequence": sequence, "snapshot": snapshot, "bids": bids}
    return json({**frame, "asks": [["0.60", 10]], "ts_ns": 1795222805000000000 + sequence})


def opened(frame: Frame, series: list[str] | None = None) -> Rehearsal:
    rehearsal = Rehearsal(Degen(series or [], "ws://venue/ws", "http://venue"))
    rehearsal.open()
    return rehearsal


def test_a_market_is_told_once_and_then_at_each_change(frame: Frame) -> None:
    rehearsal = opened(frame)
    listed = changed(frame("degen/market"), status="LISTED", strike=None, opened_ns=None)
    (first,) = only(rehearsal.frame(listed), Market)
    assert (first.status, first.strike, first.kind, first.epoch) == (MarketStatus.LISTED, None, "binary", 3)
    assert only(rehearsal.frame(listed), Market) == []
    (second,) = only(rehearsal.frame(frame("degen/market")), Market)
    assert (second.status, second.strike) == (MarketStatus.OPEN, Decimal(60000))
    assert (second.underlying, second.series, second.tie_rule) == ("BTC", "BTC-5M", TieRule.STRICTLY_ABOVE)
    assert (second.tick_size, second.min_lots, second.multiplier) == (Decimal("0.01"), 1, Decimal(1))
    assert only(rehearsal.frame(changed(frame("degen/market"), yes_price="0.70")), Market) == []
    (last,) = only(rehearsal.frame(frame("degen/market_resolved")), Market)
    assert (last.status, last.result, last.settlement_price) == (MarketStatus.RESOLVED, "yes", Decimal("60012.5"))


def test_the_life_counts_from_the_real_open(frame: Frame) -> None:
    rehearsal = opened(frame)
    late = changed(frame("degen/market"), opened_ns=1795222830000000000)
    (market,) = only(rehearsal.frame(late), Market)
    assert (market.open_ns, market.expiry_ns) == (1795222830000000000, 1795223100000000000)


def test_an_open_market_is_stale_until_its_book_is_there(frame: Frame) -> None:
    rehearsal = opened(frame)
    (status,) = only(rehearsal.frame(frame("degen/market")), FeedStatus)
    assert status.stale_symbols == [MARKET]
    effects = rehearsal.frame(frame("degen/orderbook"))
    (top,), (whole,) = only(effects, TopOfBook), only(effects, Book)
    assert (top.bid, top.ask, top.bid_size, top.ask_size) == (0.5, 0.54, 20.0, 70.0)
    assert (whole.sequence, len(whole.bids), len(whole.asks)) == (9, 2, 1)
    assert rehearsal.status().stale_symbols == []
    (trade,) = only(rehearsal.frame(frame("degen/trade")), Trade)
    assert (trade.price, trade.size, trade.buyer_is_maker) == (0.54, 30.0, False)


def test_a_lost_book_frame_is_counted_and_the_book_in_hand_stays_right(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    rehearsal.frame(book(9, ["0.50", 20]))
    effects = rehearsal.frame(book(11, ["0.51", 20]))
    assert [top.bid for top in only(effects, TopOfBook)] == [0.51]
    assert rehearsal.status().gaps == 1
    assert rehearsal.status().stale_symbols == []


def test_an_empty_side_is_told_as_zero(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    (top,) = only(rehearsal.frame(book(9)), TopOfBook)
    assert (top.bid, top.bid_size, top.ask) == (0.0, 0.0, 0.6)


def test_a_closed_market_leaves_an_empty_book_and_is_followed_no_more(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    rehearsal.frame(frame("degen/orderbook"))
    effects = rehearsal.frame(changed(frame("degen/market"), status="CLOSED"))
    assert [market.status for market in only(effects, Market)] == [MarketStatus.CLOSED]
    assert [(top.bid, top.ask) for top in only(effects, TopOfBook)] == [(0.0, 0.0)]
    assert [(whole.bids, whole.asks) for whole in only(effects, Book)] == [([], [])]
    assert rehearsal.feed.followed == {}
    assert only(rehearsal.frame(frame("degen/orderbook")), Book) == [], "a straggler does not bring it back"
    assert rehearsal.status().stale_symbols == []


def test_an_unreadable_book_costs_that_book_which_one_subscription_brings_back(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    rehearsal.frame(frame("degen/orderbook"))
    rehearsal.frame(b"\x00broken")
    assert rehearsal.status().stale_symbols == [], "what is no JSON is no book"
    rehearsal.frame(frame("degen/orderbook")[:-20])
    assert rehearsal.status().stale_symbols == [MARKET]
    sends = only(rehearsal.wait(1_000), Send)
    assert [send.data for send in sends if b"subscribe" in send.data] == [Degen([], "", "").subscribe([])[0]]
    rehearsal.frame(book(9, ["0.50", 20], snapshot=True))
    assert rehearsal.status().stale_symbols == []


def test_quiet_markets_are_not_stale_while_the_venue_answers(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    rehearsal.frame(frame("degen/orderbook"))
    checked = 0
    for _ in range(120):
        for effect in rehearsal.wait(500):
            if isinstance(effect, Send):
                assert effect.data == b'{"op":"heartbeat","id":2}'
                rehearsal.frame(frame("degen/heartbeat_error"))
            elif isinstance(effect, HttpRequest) and effect.url.endswith("/orderbook?depth=1"):
                checked += 1
                rehearsal.answer(effect, frame("degen/orderbook_answer"))
            elif isinstance(effect, HttpRequest) and effect.url.endswith("/markets"):
                rehearsal.answer(effect, frame("degen/markets_answer"))
        assert rehearsal.status().stale_symbols == []
    assert checked >= 3
    assert only(rehearsal.effects, Close) == []


def test_the_market_list_over_rest_tells_what_the_stream_did_not(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.wait(50)
    ask = rehearsal.asked("http://venue/markets")[0]
    (market,) = only(rehearsal.answer(ask, frame("degen/markets_answer")), Market)
    assert market.status is MarketStatus.OPEN
    assert rehearsal.status().stale_symbols == [MARKET]


def test_an_older_list_does_not_take_a_market_back(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.wait(50)
    ask = rehearsal.asked("http://venue/markets")[0]
    rehearsal.frame(frame("degen/market_resolved"))
    assert only(rehearsal.answer(ask, frame("degen/markets_answer")), Market) == []


def test_only_the_configured_series_are_followed(frame: Frame) -> None:
    rehearsal = opened(frame, series=["ETH-5M"])
    assert only(rehearsal.frame(frame("degen/market")), Market) == []
    assert only(rehearsal.frame(frame("degen/orderbook")), Book) == []
    other = changed(frame("degen/market"), id="ETH-5M-1795223100", series="ETH-5M", asset="ETH")
    assert len(only(rehearsal.frame(other), Market)) == 1
    assert len(only(rehearsal.frame(book(9, market="ETH-5M-1795223100")), TopOfBook)) == 1


def test_the_venues_clock_is_asked_and_told(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.wait(50)
    ask = rehearsal.asked("http://venue/time")[0]
    asked_ns = rehearsal.now_ns
    rehearsal.now_ns += 20_000_000
    effects = rehearsal.answer(ask, json({"ts_ns": asked_ns + 10_000_000 - 7_000_000_000}))
    (status,) = only(effects, FeedStatus)
    assert (status.clock_known, status.clock_offset_ns) == (True, -7_000_000_000)


def test_after_a_reconnect_no_book_is_believed_and_trades_count_anew(frame: Frame) -> None:
    rehearsal = opened(frame)
    for name in ("market", "orderbook", "trade"):
        rehearsal.frame(frame(f"degen/{name}"))
    (status,) = only(rehearsal.close("exchange gone"), FeedStatus)
    assert (status.connected, status.stale_symbols) == (False, [MARKET])
    rehearsal.wait(500)
    rehearsal.open()
    assert rehearsal.status().connected
    assert rehearsal.status().stale_symbols == [MARKET]
    effects = rehearsal.frame(book(1, ["0.40", 5], snapshot=True))
    assert [top.bid for top in only(effects, TopOfBook)] == [0.4], "the venue may count from one again"
    assert rehearsal.status().gaps == 0


LISTING = Listing(
    symbol="M",
    status=MarketStatus.LISTED,
    underlying="BTC",
    series="BTC-5M",
    title="",
    strike=None,
    tie_rule=TieRule.STRICTLY_ABOVE,
    tick_size=Decimal("0.01"),
    min_lots=1,
    open_ns=1,
    expiry_ns=10,
    result="",
    settlement_price=None,
    ts_event_ns=5,
)
RANK = {"listed": 0, "open": 1, "closed": 2, "resolved": 3, "voided": 3}


@given(st.lists(st.tuples(st.sampled_from(list(MarketStatus)), st.integers(1, 20)), max_size=20))
def test_whatever_order_descriptions_come_in_a_market_only_goes_forward(
    told: list[tuple[MarketStatus, int]],
) -> None:
    markets = Markets("degen")
    events = [markets.on_listing(LISTING._replace(status=status, ts_event_ns=at), START_NS, 1) for status, at in told]
    published = [event for event in events if event is not None]
    ranks = [RANK[event.status] for event in published]
    assert ranks == sorted(ranks)
    assert len({event.status for event in published}) == len(published), "nothing is told twice"
    assert sum(event.status.over for event in published) <= 1, "a market ends once"
    assert all(event.result == "void" for event in published if event.status is MarketStatus.VOIDED)


def test_finished_markets_are_forgotten_with_the_venue_and_never_beyond_the_bound() -> None:
    markets = Markets("degen")
    for number in range(MARKETS_MAX + 5):
        markets.on_listing(LISTING._replace(symbol=f"M{number}", status=MarketStatus.RESOLVED), START_NS, 1)
    assert len(markets) == MARKETS_MAX
    kept = [f"M{number}" for number in range(100, 200)]
    gone = list(markets.forget_finished(kept, venue_ns=11 + UNLISTED_NS))
    assert len(gone) == MARKETS_MAX - 100
    assert len(markets) == 100


def test_an_unfinished_market_that_vanished_is_waited_for_until_it_is_given_up_by_name() -> None:
    markets = Markets("degen")
    markets.on_listing(LISTING._replace(status=MarketStatus.OPEN), START_NS, 1)
    assert list(markets.forget_finished([], venue_ns=10 + GIVE_UP_NS)) == []
    assert [market.symbol for market in markets.undecided(10)] == ["M"]
    assert markets.give_up(9 + GIVE_UP_NS) == []
    assert [market.symbol for market in markets.give_up(10 + GIVE_UP_NS)] == ["M"]
    assert len(markets) == 0


def test_a_living_market_is_told_again_before_the_stream_forgets_it() -> None:
    markets = Markets("degen")
    markets.on_listing(LISTING, START_NS, 1)
    markets.on_listing(LISTING._replace(symbol="DONE", status=MarketStatus.RESOLVED), START_NS, 1)
    assert markets.renew(START_NS + RENEW_NS - 1) == []
    assert [market.symbol for market in markets.renew(START_NS + RENEW_NS)] == ["M"]
    assert markets.renew(START_NS + RENEW_NS + 1) == []


def test_living_markets_are_renewed_by_the_clock_of_the_feed(frame: Frame) -> None:
    rehearsal = opened(frame)
    rehearsal.frame(frame("degen/market"))
    rehearsal.now_ns += RENEW_NS
    again = only(rehearsal.wait(1_000), Market)
    assert [(market.symbol, market.ts_received_ns > START_NS) for market in again] == [(MARKET, True)]


@pytest.mark.parametrize(
    ("stated", "rule"),
    [
        ({}, SettlementRule.LAST),
        ({"settlement": "average_mid", "settlement_window_s": 60}, SettlementRule.AVERAGE),
        ({"settlement": "oracle", "settlement_source": "coinbase:BTC-USD"}, SettlementRule.ORACLE),
        ({"settlement": "coin_toss"}, SettlementRule.UNKNOWN),
    ],
)
def test_s1_3_a_market_is_told_with_the_rule_it_settles_by(
    frame: Frame, stated: dict[str, Any], rule: SettlementRule
) -> None:
    rehearsal = opened(frame)
    (market,) = only(rehearsal.frame(changed(frame("degen/market"), **stated)), Market)
    assert market.settlement is rule
    assert market.settlement_window_s == stated.get("settlement_window_s", 0.0)
    assert market.settlement_source == stated.get("settlement_source", "")


def test_r50_the_venue_says_that_it_is_a_simulation_and_what_drives_each_asset(frame: Frame) -> None:
    rehearsal = opened(frame)
    assert (rehearsal.status().money, rehearsal.status().price_sources) == (Money.UNKNOWN, {})
    answer = msgspec.json.decode(frame("degen/markets_answer"))
    rehearsal.feed.adapter.parse_markets(json(answer))
    assert rehearsal.status().money is Money.UNKNOWN, "a real venue says nothing of the kind"
    sources = {"BTC": "replay", "SOL": "model", "ETH": "a word of tomorrow"}
    rehearsal.feed.adapter.parse_markets(json({**answer, "price_sources": sources}))
    told = rehearsal.status()
    assert (told.money, told.price_sources) == (Money.PAPER, {"BTC": "replay", "SOL": "model"})
