"""Spot symbols of Degen Terminal: listed with their terms, their books, best prices and trades published."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.core import Send
from common.events import Book, FeeCurrency, FeeTerms, Market, MarketStatus, TopOfBook, Trade
from common.instruments import InstrumentKind
from feed.listings.markets import RENEW_NS
from feed.testing.harness import Rehearsal, only
from feed.venues.degen import SUBSCRIBE, SUBSCRIBE_SPOT, Degen

SYMBOL = {
    "symbol": "BTCUSD", "kind": "spot", "base": "BTC", "quote": "USD", "underlying": "BTC", "tick": "0.01",
    "lot": "0.0001", "min_size": "0.0010", "min_notional": "5.000000", "maker_fee": "0.000100", "taker_fee": "0.000500",
    "status": "TRADING", "bid": None, "ask": None, "last_price": None,
}  # fmt: skip
AT_NS = 1_795_222_805_000_000_000


def listed(ts_ns: int = AT_NS, **changes: Any) -> bytes:
    return msgspec.json.encode({"type": "symbol", "symbol": {**SYMBOL, **changes}, "ts_ns": ts_ns})


def book(sequence: int, *, snapshot: bool = False) -> bytes:
    frame = {"type": "spot_orderbook", "symbol": "BTCUSD", "sequence": sequence, "snapshot": snapshot}
    levels = {"bids": [["59990.00", "0.5000"], ["59980.00", "1.0000"]], "asks": [["60010.00", "0.2500"]]}
    return msgspec.json.encode({**frame, **levels, "ts_ns": AT_NS + sequence})


def opened(symbols: tuple[str, ...] = ()) -> Rehearsal:
    rehearsal = Rehearsal(Degen(symbols, "ws://venue/ws", "http://venue"))
    rehearsal.open()
    return rehearsal


def test_a_symbol_is_told_as_a_spot_market_with_its_terms() -> None:
    (market,) = only(opened().frame(listed()), Market)
    assert (market.kind, market.status, market.symbol) == (InstrumentKind.SPOT, MarketStatus.OPEN, "BTCUSD")
    assert (market.base, market.currency, market.underlying) == ("BTC", "USD", "BTC")
    assert (market.tick_size, market.lot_size, market.min_lots) == (Decimal("0.01"), Decimal("0.0001"), 10)
    assert (market.min_notional, market.multiplier) == (Decimal(5), Decimal(1))
    assert (market.expiry_ns, market.strike, market.result, market.series) == (0, None, "", "")


def test_a_symbol_is_told_once_and_again_when_its_terms_change() -> None:
    rehearsal = opened()
    rehearsal.frame(listed())
    assert only(rehearsal.frame(listed(AT_NS + 1, bid="59990.00")), Market) == []
    (changed,) = only(rehearsal.frame(listed(AT_NS + 2, min_notional="10.000000")), Market)
    assert changed.min_notional == Decimal(10)


def test_the_fees_of_a_symbol_are_told_with_the_currency_they_are_taken_in() -> None:
    rehearsal = opened()
    (market,) = only(rehearsal.frame(listed()), Market)
    assert market.fees == FeeTerms(
        maker_rate=Decimal("0.0001"), taker_rate=Decimal("0.0005"), currency=FeeCurrency.PRICE
    )
    (changed,) = only(rehearsal.frame(listed(AT_NS, maker_fee="-0.000100")), Market)
    assert changed.fees is not None
    assert changed.fees.maker_rate == Decimal("-0.0001")
    assert changed.message_id() != market.message_id(), "another schedule is a new fact"


@pytest.mark.parametrize(
    ("fee_currency", "currency"),
    [("BNB", FeeCurrency.THIRD), ("BTC", FeeCurrency.BASE), ("USD", FeeCurrency.PRICE), ("", FeeCurrency.PRICE)],
)
def test_fees_may_be_taken_in_another_currency_than_the_price(fee_currency: str, currency: FeeCurrency) -> None:
    (market,) = only(opened().frame(listed(AT_NS, fee_currency=fee_currency)), Market)
    assert market.fees is not None
    assert market.fees.currency is currency


@pytest.mark.parametrize("left_out", ["maker_fee", "taker_fee"])
def test_fees_that_the_venue_does_not_publish_are_unknown_and_not_0(left_out: str) -> None:
    (market,) = only(opened().frame(listed(AT_NS, **{left_out: None})), Market)
    assert market.fees is None


def test_a_symbol_never_ends_and_is_told_again_before_the_stream_forgets_it() -> None:
    rehearsal = opened()
    rehearsal.frame(listed())
    rehearsal.now_ns += RENEW_NS
    again = only(rehearsal.wait(1_000), Market)
    assert [(market.symbol, market.status) for market in again] == [("BTCUSD", MarketStatus.OPEN)]
    assert rehearsal.feed.listings.waiting(rehearsal.now_ns) == []
    rehearsal.feed.listings.after_list([], rehearsal.now_ns)
    assert rehearsal.feed.listings.markets.status("BTCUSD") is MarketStatus.OPEN


def test_books_best_prices_and_trades_are_published() -> None:
    rehearsal = opened()
    rehearsal.frame(listed())
    effects = rehearsal.frame(book(1, snapshot=True))
    (top,) = only(effects, TopOfBook)
    assert (top.symbol, top.bid, top.ask, top.bid_size, top.ask_size) == ("BTCUSD", 59_990.0, 60_010.0, 0.5, 0.25)
    (whole,) = only(effects, Book)
    assert [(level.price, level.size) for level in whole.bids] == [(59_990.0, 0.5), (59_980.0, 1.0)]
    frame = {"type": "spot_trade", "symbol": "BTCUSD", "trade_id": "17", "price": "60010.00", "size": "0.1000"}
    (trade,) = only(rehearsal.frame(msgspec.json.encode({**frame, "taker_side": "bid", "ts_ns": AT_NS + 5})), Trade)
    assert (trade.price, trade.size, trade.buyer_is_maker) == (60_010.0, 0.1, False)
    assert rehearsal.status().stale_symbols == []


def test_a_symbol_is_subscribed_and_checked_by_its_own_paths() -> None:
    rehearsal = opened()
    assert [send.data for send in only(rehearsal.effects, Send)] == [SUBSCRIBE, SUBSCRIBE_SPOT]
    rehearsal.frame(listed())
    adapter = rehearsal.feed.adapter
    assert adapter.check_url("BTCUSD") == "http://venue/symbols/BTCUSD/orderbook?depth=1"
    assert adapter.check_url("BTC-5M-1") == "http://venue/markets/BTC-5M-1/orderbook?depth=1"
    assert list(adapter.resubscribe("BTCUSD")) == [SUBSCRIBE_SPOT]
    assert list(adapter.resubscribe("BTC-5M-1")) == [SUBSCRIBE]


def test_a_venue_without_spot_symbols_is_no_worse_for_being_asked() -> None:
    rehearsal = opened()
    fault = {"code": "invalid_field", "message": "channels must be a list of orderbook, trades", "field": "channels"}
    refusal = {"type": "error", "op": "subscribe", "id": 3, "ts_ns": AT_NS, "error": fault}
    rehearsal.frame(msgspec.json.encode(refusal))
    assert (rehearsal.status().note, rehearsal.feed.refused) == ("", 0)
    rehearsal.frame(msgspec.json.encode({**refusal, "id": 1}))
    assert rehearsal.feed.refused == 1, "a refusal of the markets is told as ever"


def test_configured_series_and_symbols_choose_what_is_followed() -> None:
    assert only(opened(("BTC-5M",)).frame(listed()), Market) == []
    assert only(opened(("BTC-5M", "BTCUSD")).frame(listed()), Market)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tick": "0"}, "tick: must be above 0"),
        ({"lot": "NaN"}, "lot: must be above 0"),
        ({"min_size": "0.00015"}, "min_size: must be a multiple of the lot 0.0001"),
        ({"min_notional": "-1"}, "min_notional: must be 0 or more"),
        ({"maker_fee": "NaN"}, "maker_fee: must be a rate"),
        ({"taker_fee": "1"}, "taker_fee: must be a rate"),
        ({"symbol": "BTC.USD"}, "regex"),
    ],
)
def test_terms_that_cannot_be_used_are_told_by_name(changes: dict[str, Any], named: str) -> None:
    rehearsal = opened()
    assert only(rehearsal.frame(listed(**changes)), Market) == []
    assert named in rehearsal.status().note
    assert rehearsal.feed.malformed == 1


def test_an_unreadable_book_of_a_symbol_is_asked_for_anew() -> None:
    rehearsal = opened()
    rehearsal.frame(listed())
    rehearsal.frame(book(1, snapshot=True))
    rehearsal.frame(book(2).replace(b'"59990.00"', b'"a lot"'))
    assert rehearsal.status().stale_symbols == ["BTCUSD"]
    assert SUBSCRIBE_SPOT in [send.data for send in only(rehearsal.wait(2_000), Send)]
    rehearsal.frame(book(3, snapshot=True))
    assert rehearsal.status().stale_symbols == []
