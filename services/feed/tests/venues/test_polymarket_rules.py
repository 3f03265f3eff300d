"""Polymarket's rows read by name and under rules we know: what is published, what is left out, and what people see."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from common.core import HttpRequest, Send
from common.events import Alert, FeedStatus, Market, MarketStatus, SettlementRule, TieRule, TopOfBook
from feed.listings.listings import LATE_NS
from feed.testing.harness import START_NS, Rehearsal, only
from feed.venues.polymarket.stream import LIST_BEHIND_NS, Polymarket

Frame = Callable[[str], bytes]
SERIES = "btc-updown-5m"
MARKET = "0xbd31dc8a20211944f6b70f31557f1001557b59905b7738480ca09bd4532f84af"
UP = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
DOWN = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
S = 1_000_000_000
NEXT = "0x" + "aa" * 32


def rows(frame: Frame, **members: Any) -> list[dict[str, Any]]:
    """Return the documented list with members of its one market changed; None of them means absent."""
    (row,) = json.loads(frame("polymarket/markets_answer"))
    row.update(members)
    return [{name: value for name, value in row.items() if value is not ...}]


def following(frame: Frame) -> dict[str, Any]:
    """Return the market after the documented one."""
    return rows(
        frame,
        conditionId=NEXT,
        slug="btc-updown-5m-1795223100",
        eventStartTime="2026-11-21T01:05:00Z",
        endDate="2026-11-21T01:10:00Z",
        clobTokenIds='["11", "22"]',
    )[0]


def opened(series: str = SERIES, start_ns: int = START_NS) -> Rehearsal:
    rehearsal = Rehearsal(Polymarket([series], "wss://x.example/ws/market", "https://clob.example"), start_ns)
    rehearsal.open()
    rehearsal.wait(100)
    return rehearsal


def later(rehearsal: Rehearsal, seconds: int) -> None:
    """Time passes on a living connection."""
    rehearsal.now_ns += seconds * S
    rehearsal.frame(b"PONG")


def asks(rehearsal: Rehearsal, closed: bool = False) -> list[HttpRequest]:
    return [ask for ask in rehearsal.asked("/markets?") if ("closed=true" in ask.url) is closed]


def listed(rehearsal: Rehearsal, answer: list[dict[str, Any]], closed: bool = False) -> list[Any]:
    """Let the list, or that of closed markets, be asked for, and answer it."""
    effects = rehearsal.wait(6_000)
    return effects + list(rehearsal.answer(asks(rehearsal, closed)[-1], json.dumps(answer).encode()))


def test_r2_an_average_decides_a_market_where_its_row_says_so(frame: Frame) -> None:
    (market,) = only(listed(opened(), rows(frame)), Market)
    assert (market.settlement, market.settlement_window_s) == (SettlementRule.AVERAGE, 60.0)
    assert (market.settlement_source, market.tie_rule) == ("chainlink", TieRule.AT_OR_ABOVE)


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"cryptoMarketConfig": ...}, (SettlementRule.AVERAGE, 60.0)),
        ({"resolutionSource": ...}, (SettlementRule.AVERAGE, 60.0)),
        (
            {"cryptoMarketConfig": ..., "resolutionSource": "https://data.chain.link/streams/btc-usd-twap-30s-streams"},
            (SettlementRule.AVERAGE, 30.0),
        ),
        (
            {"cryptoMarketConfig": ..., "resolutionSource": "https://data.chain.link/streams/btc-usd"},
            (SettlementRule.ORACLE, 0.0),
        ),
        (
            {
                "cryptoMarketConfig": {"asset": "btc", "twapEnabled": False},
                "resolutionSource": "https://data.chain.link/streams/btc-usd",
            },
            (SettlementRule.ORACLE, 0.0),
        ),
    ],
)
def test_r2_each_way_in_which_a_row_tells_its_rule_is_read(
    frame: Frame, members: dict[str, Any], rule: tuple[SettlementRule, float]
) -> None:
    (market,) = only(listed(opened(), rows(frame, **members)), Market)
    assert (market.settlement, market.settlement_window_s) == rule


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"cryptoMarketConfig": ..., "resolutionSource": ...}, "resolutionSource: '' is not known"),
        ({"resolutionSource": "https://www.coingecko.com/en/coins/bitcoin"}, "coingecko"),
        ({"resolutionSource": "https://data.chain.link/streams/btc-usd-vwap-60s"}, "vwap"),
        ({"resolutionSource": "https://data.chain.link/streams/eth-usd-twap-60s-streams"}, "is not of btc-updown-5m"),
        ({"cryptoMarketConfig": {"twapEnabled": True, "twapLookbackSeconds": 30}}, "30 s, resolutionSource 60 s"),
        ({"cryptoMarketConfig": {"twapEnabled": True}}, "twapLookbackSeconds"),
        ({"cryptoMarketConfig": {"asset": "eth", "twapEnabled": True, "twapLookbackSeconds": 60}}, "asset"),
        ({"cryptoMarketConfig": {"asset": "btc"}}, "twapEnabled"),
        ({"resolutionSource": "https://www.binance.com/en/trade/BTC_USDT"}, "does not decide"),
        ({"description": "Whoever is luckier wins."}, "no tie rule"),
        ({"description": ...}, "no tie rule"),
        ({"outcomes": '["Higher", "Lower"]'}, "Higher, Lower is not Up and Down"),
        ({"outcomes": '["Up", "Up"]'}, "Up, Up is not Up and Down"),
        ({"outcomes": '["Up", "Down", "Flat"]'}, "must hold one entry for each"),
        ({"outcomes": ...}, "outcomes"),
    ],
)
def test_r2_r3_a_market_of_an_unknown_rule_or_name_is_left_out_and_people_see_why(
    frame: Frame, members: dict[str, Any], reason: str
) -> None:
    rehearsal = opened()
    effects = listed(rehearsal, [*rows(frame, **members), following(frame)])
    assert [market.symbol for market in only(effects, Market)] == [NEXT]
    (alert,) = only(effects, Alert)
    assert alert.kind == "left_out_here"
    assert MARKET in alert.text
    assert reason in alert.text
    assert reason in rehearsal.feed.listings.left_out[MARKET]
    assert rehearsal.feed.listings.dropped == 1
    # As soon as its row makes sense it is told, and no longer left out.
    effects = listed(rehearsal, [*rows(frame), following(frame)])
    assert [market.symbol for market in only(effects, Market)] == [MARKET]
    assert rehearsal.feed.listings.left_out == {}


def test_r2_an_open_market_whose_rule_is_changed_to_an_unknown_one_is_priced_no_more(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    (market,) = only(listed(rehearsal, rows(frame, resolutionSource="https://pyth.example")), Market)
    assert (market.symbol, market.status, market.settlement) == (MARKET, MarketStatus.OPEN, SettlementRule.UNKNOWN)
    (again,) = only(listed(rehearsal, rows(frame)), Market)
    assert again.settlement is SettlementRule.AVERAGE
    assert again.message_id() != market.message_id(), "the broker takes it as news"


@pytest.mark.parametrize(
    ("names", "up_first"), [('["Down", "Up"]', False), ('["NO", "yes"]', False), ('["Yes","No"]', True)]
)
def test_r3_tokens_and_results_go_by_their_names(frame: Frame, names: str, up_first: bool) -> None:
    tokens = json.dumps([UP, DOWN] if up_first else [DOWN, UP])
    rehearsal = opened()
    send = only(listed(rehearsal, rows(frame, outcomes=names, clobTokenIds=tokens)), Send)[-1]
    assert json.loads(send.data)["assets_ids"] == [UP]
    book = json.loads(frame("polymarket/book"))[0]
    assert only(rehearsal.frame(json.dumps({**book, "asset_id": DOWN}).encode()), TopOfBook) == []
    assert [top.bid for top in only(rehearsal.frame(json.dumps(book).encode()), TopOfBook)] == [0.5]
    for prices, result in (('["1", "0"]', "yes" if up_first else "no"), ('["0", "1"]', "no" if up_first else "yes")):
        fresh = opened(start_ns=START_NS + 310 * S)
        ended = rows(frame, outcomes=names, clobTokenIds=tokens, closed=True, outcomePrices=prices)
        (market,) = only(listed(fresh, ended), Market)
        assert (market.status, market.result) == (MarketStatus.RESOLVED, result)


def test_r3_the_channels_winner_goes_by_its_name_too(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame, outcomes='["Down", "Up"]', clobTokenIds=json.dumps([DOWN, UP])))
    frames = json.loads(frame("polymarket/market_resolved"))
    (market,) = only(rehearsal.frame(json.dumps({**frames, "winning_asset_id": DOWN}).encode()), Market)
    assert market.result == "no"


@pytest.mark.parametrize(
    ("prices", "status", "uma"),
    [
        ('["1", "0"]', MarketStatus.RESOLVED, "resolved"),
        ('["1", "0"]', MarketStatus.CLOSED, "proposed"),
        ('["1", "0"]', MarketStatus.CLOSED, "disputed"),
        ('["0.9995", "0.0005"]', MarketStatus.CLOSED, None),
        ('["0.58", "0.42"]', MarketStatus.CLOSED, None),
        ('["0", "0"]', MarketStatus.CLOSED, None),
        ('["0.5", "0.5"]', MarketStatus.VOIDED, None),
        (None, MarketStatus.CLOSED, None),
    ],
)
def test_r22_only_a_final_word_decides(frame: Frame, prices: str | None, status: MarketStatus, uma: str | None) -> None:
    ended = rows(frame, closed=True, outcomePrices=prices, umaResolutionStatus=uma)
    (market,) = only(listed(opened(start_ns=START_NS + 310 * S), ended), Market)
    assert market.status is status


def test_r21_what_stays_left_out_is_told_once_an_hour_and_each_new_reason_within_a_minute(frame: Frame) -> None:
    rehearsal = opened()
    bad, worse = rows(frame, outcomes='["A", "B"]'), {**following(frame), "endDate": None}
    told = only(listed(rehearsal, bad), Alert)
    assert len(told) == 1
    for _ in range(12):
        told += only(listed(rehearsal, [*bad, worse]), Alert)
    assert [MARKET in alert.text for alert in told] == [True, False]
    assert "(2 left out in all)" in told[1].text
    later(rehearsal, 3_600)
    assert len(only(listed(rehearsal, [*bad, worse]), Alert)) == 1


MEMBERS = ("clobTokenIds", "outcomes", "endDate", "orderPriceMinTickSize", "orderMinSize", "acceptingOrders", "closed")


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("value", [None, ..., [], {"a": 1}, "", 10**400])
def test_r21_r27_one_bad_row_costs_itself_and_no_member_is_made_up(frame: Frame, member: str, value: Any) -> None:
    rehearsal = opened()
    bad = {**following(frame), member: value}
    effects = listed(rehearsal, [{name: each for name, each in bad.items() if each is not ...}, *rows(frame)])
    assert [market.symbol for market in only(effects, Market)] == [MARKET]
    assert list(rehearsal.feed.listings.left_out) == [NEXT]
    assert [alert.kind for alert in only(effects, Alert)] == ["left_out_here"]


@pytest.mark.parametrize("member", ["question", "outcomePrices", "events", "eventStartTime", "umaResolutionStatus"])
def test_r21_what_a_row_may_lack_costs_nothing(frame: Frame, member: str) -> None:
    effects = listed(opened(), rows(frame, **{member: None}))
    assert [market.symbol for market in only(effects, Market)] == [MARKET]
    assert only(effects, Alert) == []


def test_r21_an_open_market_ends_on_time_while_the_list_cannot_be_read(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    rehearsal.frame(frame("polymarket/book"))
    rehearsal.now_ns = START_NS + 299 * S
    told = rehearsal.wait(1_500)
    assert only(told, Market) == []
    told = rehearsal.wait(2_000)
    assert [(market.symbol, market.status) for market in only(told, Market)] == [(MARKET, MarketStatus.CLOSED)]
    assert [(top.bid, top.ask) for top in only(told, TopOfBook)] == [(0.0, 0.0)]
    assert rehearsal.feed.followed == {}
    effects = list(rehearsal.answer(asks(rehearsal)[-1], b'[{"conditionId": null}]'))
    assert [alert.kind for alert in only(effects, Alert)] == ["left_out_here"]
    assert rehearsal.feed.listings.markets.status(MARKET) is MarketStatus.CLOSED


def test_r21_an_unreadable_list_is_told_to_a_person(frame: Frame) -> None:
    rehearsal = opened()
    effects = rehearsal.answer(asks(rehearsal)[-1], b'{"error": "try later"}')
    assert [alert.kind for alert in only(effects, Alert)] == ["list_unreadable_here"]


def test_r22_a_decided_market_that_left_the_list_is_asked_for_by_name_until_it_says_how(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    later(rehearsal, 301)
    listed(rehearsal, [following(frame)])
    assert rehearsal.feed.listings.markets.status(MARKET) is MarketStatus.CLOSED
    later(rehearsal, 3_000)
    rehearsal.wait(6_000)
    assert "slug=btc-updown-5m-1795222800" in asks(rehearsal, closed=True)[-1].url, "however long it takes"
    effects = listed(rehearsal, rows(frame, closed=True, outcomePrices='["0", "1"]'), closed=True)
    assert [(market.status, market.result) for market in only(effects, Market)] == [(MarketStatus.RESOLVED, "no")]
    rehearsal.wait(12_000)
    assert "slug=btc-updown-5m-1795222800" not in asks(rehearsal, closed=True)[-1].url


def test_r22_a_late_decision_is_told_to_a_person_again_and_again(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    rehearsal.now_ns = START_NS + 300 * S + LATE_NS - 2 * S
    assert not [alert for alert in only(rehearsal.wait(1_000), Alert) if alert.kind == "undecided_here"]
    alerts = [alert for alert in only(rehearsal.wait(3_000), Alert) if alert.kind == "undecided_here"]
    assert len(alerts) == 1
    assert MARKET in alerts[0].text
    rehearsal.now_ns += 601 * S
    assert [alert for alert in only(rehearsal.wait(1_000), Alert) if alert.kind == "undecided_here"]


def test_r22_markets_that_ended_while_nobody_listened_are_asked_for_too() -> None:
    rehearsal = opened()
    rehearsal.wait(200)
    (ask,) = asks(rehearsal, closed=True)
    named = [int(part.rpartition("-")[2]) for part in ask.url.split("&") if "slug=" in part]
    assert min(named) == START_NS // S - 7_200
    assert max(named) == START_NS // S - 300


def test_r27_a_tick_changed_while_the_connection_was_away_is_the_lists(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    (finer,) = only(rehearsal.frame(frame("polymarket/tick_size_change")), Market)
    assert finer.tick_size == Decimal("0.001")
    assert only(listed(rehearsal, rows(frame)), Market) == [], "the list is behind"
    rehearsal.close()
    rehearsal.wait(3_000)
    rehearsal.open()
    (market,) = only(listed(rehearsal, rows(frame)), Market)
    assert market.tick_size == Decimal("0.01")
    assert market.message_id() != finer.message_id()


def test_r27_the_list_is_right_about_the_tick_when_it_says_so_for_longer_than_it_is_behind(frame: Frame) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    rehearsal.frame(frame("polymarket/tick_size_change"))
    later(rehearsal, LIST_BEHIND_NS // S)
    (market,) = only(listed(rehearsal, rows(frame)), Market)
    assert market.tick_size == Decimal("0.01")


@pytest.mark.parametrize(
    "text", [b"INVALID OPERATION", b"NO NEW ASSETS", b"", b"[]", b"{}", b"pong", b"<html>502</html>"]
)
def test_r25_a_frame_that_is_no_book_costs_no_book(frame: Frame, text: bytes) -> None:
    rehearsal = opened()
    listed(rehearsal, rows(frame))
    rehearsal.frame(frame("polymarket/book"))
    effects = rehearsal.frame(text)
    assert rehearsal.status().stale_symbols == []
    assert [status.stale_symbols for status in only(effects, FeedStatus)] in ([], [[]])
