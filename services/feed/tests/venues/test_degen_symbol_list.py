"""The list of spot symbols of Degen Terminal, asked every few seconds: terms change, a symbol comes, one goes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.core import Effect, Send
from common.events import Alert, Market, MarketStatus
from feed.testing.harness import START_NS, Rehearsal, only
from feed.upkeep import SYMBOLS_EVERY_MS
from feed.venues.degen import SUBSCRIBE_SPOT, Degen

BTC: dict[str, Any] = {
    "symbol": "BTCUSD", "kind": "spot", "base": "BTC", "quote": "USD", "underlying": "BTC", "tick": "0.01",
    "lot": "0.0001", "min_size": "0.0010", "min_notional": "5.000000", "maker_fee": "0.000100", "taker_fee": "0.000500",
    "status": "TRADING", "bid": None, "ask": None, "last_price": None,
}  # fmt: skip
ETH = {**BTC, "symbol": "ETHUSD", "base": "ETH", "underlying": "ETH", "lot": "0.001", "min_size": "0.001"}


class Venue:
    """A venue that lists what it is told to, asked by the feed in its own time."""

    def __init__(self, *symbols: str) -> None:
        self.rehearsal = Rehearsal(Degen(symbols, "ws://venue/ws", "http://venue"))
        self.rehearsal.open()
        self._answered = 0

    def lists(self, *rows: object, at_ns: int = 0, status: int = 200) -> list[Effect]:
        """Let time pass until the list is asked for, and answer it."""
        self.live(SYMBOLS_EVERY_MS // 1_000)
        asked = [ask for ask in self.rehearsal.asked("http://venue/symbols") if ask.url.endswith("/symbols")]
        assert len(asked) > self._answered, "the list was not asked for again"
        self._answered = len(asked)
        body = {"symbols": list(rows), "price_sources": {}, "ts_ns": at_ns or self.rehearsal.now_ns}
        return self.rehearsal.answer(asked[-1], msgspec.json.encode(body), status)

    def live(self, seconds: int) -> list[Effect]:
        effects: list[Effect] = []
        for _ in range(seconds):
            self.rehearsal.frame(b'{"type":"heartbeat"}')
            effects += self.rehearsal.wait(1_000)
        return effects

    def frame(self, row: dict[str, Any], ts_ns: int) -> list[Effect]:
        return self.rehearsal.frame(msgspec.json.encode({"type": "symbol", "symbol": row, "ts_ns": ts_ns}))

    def book(self, symbol: str) -> None:
        levels = {"bids": [["59990.00", "0.5000"]], "asks": [["60010.00", "0.2500"]]}
        frame = {"type": "spot_orderbook", "symbol": symbol, "sequence": 1, "snapshot": True, "ts_ns": 1}
        self.rehearsal.frame(msgspec.json.encode({**frame, **levels}))

    def status(self, symbol: str) -> MarketStatus | None:
        return self.rehearsal.feed.listings.markets.status(symbol)


def told(effects: list[Effect]) -> list[tuple[str, MarketStatus]]:
    return [(market.symbol, market.status) for market in only(effects, Market)]


@pytest.mark.parametrize(
    ("changes", "field", "now"),
    [
        ({"tick": "0.05"}, "tick_size", Decimal("0.05")),
        ({"lot": "0.0010"}, "lot_size", Decimal("0.001")),
        ({"min_size": "0.0020"}, "min_lots", 20),
        ({"min_notional": "10.000000"}, "min_notional", Decimal(10)),
        ({"maker_fee": "0.000200"}, "fees", None),
        ({"status": "HALTED"}, "status", MarketStatus.LISTED),
    ],
)
def test_terms_that_change_are_told_once(changes: dict[str, str], field: str, now: object) -> None:
    venue = Venue()
    (first,) = only(venue.lists(BTC), Market)
    assert only(venue.lists(BTC), Market) == [], "the same again is no news"
    (changed,) = only(venue.lists({**BTC, **changes}), Market)
    if field == "fees":
        assert changed.fees is not None
        assert changed.fees.maker_rate == Decimal("0.0002")
    else:
        assert getattr(changed, field) == now
    assert changed.message_id() != first.message_id()
    assert only(venue.lists({**BTC, **changes}), Market) == []


def test_a_symbol_that_does_not_trade_is_followed_no_more_and_trades_again_later() -> None:
    venue = Venue()
    venue.lists(BTC)
    assert "BTCUSD" in venue.rehearsal.feed.followed
    assert told(venue.lists({**BTC, "status": "HALTED"})) == [("BTCUSD", MarketStatus.LISTED)]
    assert "BTCUSD" not in venue.rehearsal.feed.followed
    assert told(venue.lists(BTC)) == [("BTCUSD", MarketStatus.OPEN)]
    assert "BTCUSD" in venue.rehearsal.feed.followed


def test_a_new_symbol_is_told_and_its_book_is_asked_for() -> None:
    venue = Venue()
    venue.lists(BTC)
    venue.book("BTCUSD")
    assert told(venue.lists(BTC, ETH)) == [("ETHUSD", MarketStatus.OPEN)]
    assert venue.rehearsal.status().stale_symbols == ["ETHUSD"], "its book has not come yet"
    assert SUBSCRIBE_SPOT in [send.data for send in only(venue.live(4), Send)]


def test_a_symbol_that_is_listed_no_more_is_closed_and_may_come_back() -> None:
    venue = Venue()
    venue.lists(BTC, ETH)
    assert told(venue.lists(ETH)) == [("BTCUSD", MarketStatus.CLOSED)]
    assert "BTCUSD" not in venue.rehearsal.feed.followed
    assert told(venue.lists(ETH)) == [], "once"
    assert told(venue.lists(BTC, ETH)) == [("BTCUSD", MarketStatus.OPEN)]


def test_an_empty_list_closes_every_symbol_and_no_other_market(frame: Any) -> None:
    venue = Venue()
    ask = venue.rehearsal.wait(50) and venue.rehearsal.asked("http://venue/markets")[0]
    assert ask
    (market,) = only(venue.rehearsal.answer(ask, frame("degen/markets_answer")), Market)
    venue.lists(BTC)
    assert told(venue.lists()) == [("BTCUSD", MarketStatus.CLOSED)]
    assert venue.status(market.symbol) is market.status


def test_a_list_older_than_what_the_stream_said_closes_nothing() -> None:
    venue = Venue()
    venue.frame(BTC, START_NS + 60 * 10**9)
    assert told(venue.lists(at_ns=START_NS + 59 * 10**9)) == []
    assert told(venue.lists({**BTC, "tick": "0.05"}, at_ns=START_NS + 59 * 10**9)) == []
    assert venue.status("BTCUSD") is MarketStatus.OPEN


def test_a_row_that_cannot_be_read_is_left_out_by_name_and_closes_nothing() -> None:
    venue = Venue()
    venue.lists(BTC, ETH)
    effects = venue.lists({**BTC, "tick": "wide"}, ETH)
    assert told(effects) == []
    (alert,) = only(effects, Alert)
    assert alert.text.startswith("here: BTCUSD cannot be read any more and is used on its last known terms")
    assert told(venue.lists({**BTC, "symbol": None})) == [], "a row without a name may be that of any symbol"
    assert told(venue.lists({**BTC, "tick": "0"}, ETH)) == []


@pytest.mark.parametrize("status", [0, 500, 404])
def test_without_an_answer_nothing_is_closed(status: int) -> None:
    venue = Venue()
    venue.lists(BTC)
    assert told(venue.lists(status=status)) == []
    assert venue.status("BTCUSD") is MarketStatus.OPEN


def test_a_venue_without_spot_symbols_is_no_worse_for_being_asked() -> None:
    venue = Venue()
    assert only(venue.lists(status=404), Alert) == []
    assert venue.rehearsal.status().note == ""


def test_a_list_that_cannot_be_read_is_told_to_a_person() -> None:
    venue = Venue()
    effects = venue.lists(status=200, at_ns=-1)
    assert [alert.kind for alert in only(effects, Alert)] == ["list_unreadable_here"]
    assert "symbol list" in only(effects, Alert)[0].text


def test_configured_symbols_choose_what_is_followed() -> None:
    venue = Venue("BTC-5M", "ETHUSD")
    assert told(venue.lists(BTC, ETH)) == [("ETHUSD", MarketStatus.OPEN)]
    assert told(venue.lists()) == [("ETHUSD", MarketStatus.CLOSED)]
