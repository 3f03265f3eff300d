"""Polymarket as it happens: markets are listed, get their strike, trade on a grid that changes, and are decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from common.core import HttpRequest, Send
from common.events import Book, FeedStatus, Market, MarketStatus, Money, SettlementRule, TieRule, TopOfBook, Trade
from feed.config import Source, parse_venues
from feed.testing.harness import START_NS, Rehearsal, only
from feed.venues.polymarket.stream import Polymarket

Frame = Callable[[str], bytes]
SERIES = "btc-updown-5m"
MARKET = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
YES = "71321045679252212594626385532706912750332728571942532289631379312455583992563"


def polymarket() -> Polymarket:
    return Polymarket([SERIES], "wss://ws-subscriptions-clob.example/ws/market", "https://clob.example")


def listed(frame: Frame, **members: Any) -> bytes:
    document = json.loads(frame("polymarket/markets_answer"))
    document[0].update(members)
    return json.dumps(document).encode()


def opened(frame: Frame) -> Rehearsal:
    rehearsal = Rehearsal(polymarket())
    rehearsal.open()
    rehearsal.wait(100)
    return rehearsal


def answer(rehearsal: Rehearsal, body: bytes) -> list[Any]:
    (ask,) = lists(rehearsal)[-1:]
    return list(rehearsal.answer(ask, body))


def lists(rehearsal: Rehearsal) -> list[HttpRequest]:
    """Return the questions for the list so far, without those for markets past their end."""
    return [ask for ask in rehearsal.asked("/markets?") if "closed=true" not in ask.url]


def following(frame: Frame) -> Rehearsal:
    rehearsal = opened(frame)
    answer(rehearsal, frame("polymarket/markets_answer"))
    rehearsal.frame(frame("polymarket/book"))
    return rehearsal


def again(rehearsal: Rehearsal) -> HttpRequest:
    """Let the list be asked for once more."""
    before = len(lists(rehearsal))
    rehearsal.wait(6_000)
    assert len(lists(rehearsal)) > before
    return lists(rehearsal)[-1]


def test_markets_are_asked_for_by_the_names_that_time_gives_them(frame: Frame) -> None:
    rehearsal = opened(frame)
    (ask,) = lists(rehearsal)
    assert ask.url.startswith("https://gamma-api.example/markets?slug=")
    starts = [int(part.rpartition("-")[2]) for part in ask.url.split("&") if "slug=" in part]
    present = START_NS // 1_000_000_000 // 300 * 300
    assert starts == [present + 300 * step for step in range(-3, 3)]


def test_a_market_is_told_with_its_tokens_terms_and_strike(frame: Frame) -> None:
    (market,) = only(answer(opened(frame), frame("polymarket/markets_answer")), Market)
    assert (market.symbol, market.status, market.underlying) == (MARKET, MarketStatus.OPEN, "BTC")
    assert (market.series, market.strike, market.tie_rule) == (SERIES, Decimal("60000.5"), TieRule.AT_OR_ABOVE)
    assert (market.tick_size, market.lot_size, market.min_lots) == (Decimal("0.01"), Decimal("0.01"), 500)
    assert (market.expiry_ns - market.open_ns, market.settlement) == (300_000_000_000, SettlementRule.AVERAGE)


def test_an_open_market_is_subscribed_to_at_once_and_only_its_first_token(frame: Frame) -> None:
    rehearsal = opened(frame)
    sends = only(answer(rehearsal, frame("polymarket/markets_answer")), Send)
    assert [json.loads(send.data)["assets_ids"] for send in sends] == [[YES]]
    assert rehearsal.status().stale_symbols == [MARKET]
    effects = rehearsal.frame(frame("polymarket/book"))
    (top,), (book,) = only(effects, TopOfBook), only(effects, Book)
    assert (top.bid, top.ask, top.bid_size, top.ask_size) == (0.5, 0.52, 15.0, 25.0)
    assert [level.price for level in book.bids] == [0.5, 0.49, 0.48]
    assert rehearsal.status().stale_symbols == []
    # A new connection names what is followed in its first frame.
    rehearsal.close()
    rehearsal.wait(3_000)
    (first,) = only(rehearsal.open(), Send)
    assert json.loads(first.data)["assets_ids"] == [YES]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"events": []}, MarketStatus.LISTED),
        ({"events": [{"eventMetadata": None}]}, MarketStatus.LISTED),
        ({"eventStartTime": "2026-11-21T01:02:00Z"}, MarketStatus.LISTED),
        ({"acceptingOrders": False}, MarketStatus.CLOSED),
        ({"closed": True}, MarketStatus.CLOSED),
        ({"closed": True, "outcomePrices": '["1", "0"]'}, MarketStatus.RESOLVED),
        ({"closed": True, "outcomePrices": '["0.5", "0.5"]'}, MarketStatus.VOIDED),
    ],
)
def test_a_market_without_strike_is_not_open_and_a_decided_one_says_how(
    frame: Frame, members: dict[str, Any], status: MarketStatus
) -> None:
    effects = answer(opened(frame), listed(frame, **members))
    (market,) = only(effects, Market)
    assert market.status is status
    assert market.result == {MarketStatus.RESOLVED: "yes", MarketStatus.VOIDED: "void"}.get(status, "")
    assert only(effects, Send) == []


def test_changes_are_those_of_the_token_that_is_followed(frame: Frame) -> None:
    rehearsal = following(frame)
    rehearsal.wait(200)
    effects = rehearsal.frame(frame("polymarket/price_change"))
    (top,) = only(effects, TopOfBook)
    assert (top.bid, top.bid_size, top.ask, top.ask_size) == (0.5, 200.0, 0.53, 60.0)


def test_trades_have_the_takers_side_and_a_number_each(frame: Frame) -> None:
    rehearsal = following(frame)
    first = only(rehearsal.frame(frame("polymarket/last_trade_price")), Trade)
    second = only(rehearsal.frame(frame("polymarket/last_trade_price")), Trade)
    assert [(trade.price, trade.size, trade.buyer_is_maker) for trade in first] == [(0.456, 219.217767, False)]
    assert first[0].trade_id != second[0].trade_id


def test_a_new_tick_makes_a_new_grid_and_a_new_book(frame: Frame) -> None:
    rehearsal = following(frame)
    effects = rehearsal.frame(frame("polymarket/tick_size_change"))
    (market,) = only(effects, Market)
    assert market.tick_size == Decimal("0.001")
    assert only(effects, FeedStatus)[-1].stale_symbols == [MARKET]
    sent = [json.loads(send.data) for send in only(rehearsal.wait(2_000), Send) if send.data != b"PING"]
    assert [each["operation"] for each in sent if "operation" in each][:2] == ["unsubscribe", "subscribe"]
    rehearsal.frame(frame("polymarket/book"))
    assert rehearsal.status().stale_symbols == []
    # The list is behind, and does not take the grid back.
    ask = again(rehearsal)
    assert only(rehearsal.answer(ask, frame("polymarket/markets_answer")), Market) == []


def test_a_market_is_decided_by_the_channel_before_the_list_knows(frame: Frame) -> None:
    rehearsal = following(frame)
    (market,) = only(rehearsal.frame(frame("polymarket/market_resolved")), Market)
    assert (market.status, market.result) == (MarketStatus.RESOLVED, "yes")
    assert rehearsal.feed.followed == {}
    assert only(rehearsal.frame(frame("polymarket/book")), Book) == [], "a straggler does not bring it back"
    assert rehearsal.feed.malformed == 0
    ask = again(rehearsal)
    assert only(rehearsal.answer(ask, listed(frame, closed=True)), Market) == []


def test_rest_contradicts_a_channel_that_is_open_and_dead(frame: Frame) -> None:
    rehearsal = following(frame)
    asks: list[HttpRequest] = []
    for _ in range(400):
        rehearsal.wait(100)
        rehearsal.frame(b"PONG")
        new = rehearsal.asked("/book?")[len(asks) :]
        for ask in new:
            asks.append(ask)
            other = b'{"bids":[{"price":"0.30","size":"5"}],"asks":[{"price":"0.31","size":"5"}]}'
            rehearsal.answer(ask, other)
        if rehearsal.status().stale_symbols:
            break
    assert asks and asks[0].url == f"https://clob.example/book?token_id={YES}"
    assert rehearsal.status().stale_symbols == [MARKET]


def test_the_best_of_an_answer_is_found_in_any_order(frame: Frame) -> None:
    check = polymarket().parse_check(frame("polymarket/book_answer"))
    assert (check.bid, check.ask) == (0.50, 0.52)


@pytest.mark.parametrize(
    "members",
    [
        {"slug": "eth-updown-5m-1795222800"},
        {"clobTokenIds": "[]"},
        {"clobTokenIds": '["1", "1"]'},
        {"orderPriceMinTickSize": 0.3},
        {"endDate": "2026-11-21T00:00:00Z"},
        {"events": [{"eventMetadata": {"priceToBeat": "NaN"}}]},
    ],
)
def test_a_market_that_makes_no_sense_is_left_out_and_hides_no_other(frame: Frame, members: dict[str, Any]) -> None:
    bad = json.loads(listed(frame, **members))[0] | {"conditionId": "0x01"}
    good = json.loads(frame("polymarket/markets_answer"))[0]
    markets = only(answer(opened(frame), json.dumps([bad, good]).encode()), Market)
    assert [market.symbol for market in markets] == [MARKET]
    assert only(answer(opened(frame), json.dumps([bad]).encode()), Market) == []


@pytest.mark.parametrize("series", ["btc", "btc-updown-0m", "BTC-5M", "bitcoin-up-or-down-november-21-1am-et"])
def test_a_series_whose_name_does_not_say_how_long_it_lasts_is_refused(series: str) -> None:
    with pytest.raises(ValueError, match="must be like btc-updown-5m"):
        Polymarket([series], "wss://x/ws", "https://x")


def test_the_example_in_the_configuration_can_be_taken_as_it_stands() -> None:
    text = (Path(__file__).parents[4] / "config" / "venues.toml").read_text()
    example = text[text.index("# [venues.polymarket]") :].replace("# ", "")
    venue = parse_venues(example)["polymarket"]
    assert venue.addresses(Source.LIVE, "") == (venue.websocket, venue.rest)
    Polymarket(venue.symbols, venue.websocket, venue.rest)


def test_r50_only_the_venue_itself_is_real_money() -> None:
    def money(rest: str) -> Money:
        return Polymarket([SERIES], "wss://x/ws", rest).money

    assert money("https://clob.polymarket.com") is Money.REAL
    assert money("http://127.0.0.1:9000") is Money.UNKNOWN
    assert money("https://clob.polymarket.com.example") is Money.UNKNOWN
