"""What the examples of the venues' own documentation mean to us."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Side
from quoter.testing.ccxt.stages import BinanceStage, KrakenStage
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.dialect import Heard
from quoter.venues.ccxt.kraken import Kraken
from quoter.venues.ccxt.words import Money, WireOrder, WireTrade

REPORT = """{"subscriptionId": 0, "event": {
  "e": "executionReport", "E": 1499405658658, "s": "BTCUSDT", "c": "mUvoqJxFIILMdfAW5iGSOW", "S": "BUY", "o": "LIMIT",
  "f": "GTC", "q": "1.00000000", "p": "0.10264410", "P": "0.00000000", "F": "0.00000000", "g": -1, "C": "", "x": "NEW",
  "X": "NEW", "r": "NONE", "i": 4293153, "l": "0.00000000", "z": "0.00000000", "L": "0.00000000", "n": "0", "N": null,
  "T": 1499405658657, "t": -1, "v": 3, "I": 8641984, "w": true, "m": false, "M": false, "O": 1499405658657,
  "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "W": 1499405658657, "V": "NONE"}}"""
POSITION = """{"subscriptionId": 0, "event": {"e": "outboundAccountPosition", "E": 1564034571105, "u": 1564034571073,
  "B": [{"a": "ETH", "f": "10000.000000", "l": "0.500000"}]}}"""
MY_TRADE = """{"symbol": "BTCUSDT", "id": 28457, "orderId": 100234, "orderListId": -1, "price": "4.00000100",
  "qty": "12.00000000", "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB",
  "time": 1499865549590, "isBuyer": true, "isMaker": false, "isBestMatch": true}"""
EXECUTION = """{"channel": "executions", "type": "update", "data": [{
  "order_id": "OK4GJX-KSTLS-7DZZO5", "order_userref": 3, "exec_id": "TGBKYC-4NTQS-RT4MZU", "exec_type": "trade",
  "trade_id": 365573, "symbol": "BTC/USD", "side": "sell", "last_qty": 0.005, "last_price": 26599.9,
  "liquidity_ind": "m", "cost": 132.9995, "order_status": "filled", "order_type": "limit", "cum_qty": 0.005,
  "timestamp": "2023-09-22T10:33:05.709982Z", "fee_usd_equiv": 0.3458,
  "fees": [{"asset": "USD", "qty": 0.3458}]}], "sequence": 10}"""
CANCELED = """{"channel": "executions", "type": "update", "data": [{"timestamp": "2025-10-11T15:11:47.695226Z",
  "order_status": "canceled", "exec_type": "canceled", "order_userref": 0, "order_id": "OGAB7Y-BKX5F-PTK5RW",
  "cum_qty": 0, "cum_cost": 0, "fee_usd_equiv": 0, "avg_price": 0, "cancel_reason": "User requested",
  "reason": "User requested"}], "sequence": 11}"""
BALANCE = """{"channel": "balances", "type": "update", "data": [{"asset": "BTC", "asset_class": "currency",
  "amount": -0.005, "balance": 1.2000000001, "fee": 0.0, "ledger_id": "LWLBZX-XXXXX", "type": "trade"}],
  "sequence": 2}"""
HISTORY = """{"ordertxid": "OQCLML-BW3P3-BUCMWZ", "postxid": "TKH2SE-M7IF5-CFI7LT", "pair": "XXBTZUSD",
  "time": 1688667796.8802, "type": "buy", "ordertype": "limit", "price": "30010.00000", "cost": "600.20000",
  "fee": "0.96032", "vol": "0.02000000", "margin": "0.00000", "leverage": "0", "misc": "", "trade_id": 40274859,
  "maker": true, "id": "THVRQM-33VKH-UCI7BS"}"""


@pytest.fixture(scope="module")
def binance() -> Binance:
    stage = BinanceStage()
    stage.start()
    assert isinstance(stage.dialect, Binance)
    return stage.dialect


@pytest.fixture(scope="module")
def kraken() -> Kraken:
    stage = KrakenStage()
    stage.start()
    assert isinstance(stage.dialect, Kraken)
    return stage.dialect


def read(dialect: Binance | Kraken, text: str, **changed: Any) -> Heard:
    frame = json.loads(text)
    (frame["event"] if "event" in frame else frame["data"][0]).update(changed)
    return dialect.read_frame(json.dumps(frame).encode())


def test_an_execution_report_of_a_new_order_at_binance(binance: Binance) -> None:
    heard = read(binance, REPORT)
    expected = WireOrder("4293153", "mUvoqJxFIILMdfAW5iGSOW", "BTC/USDT", Decimal(0), over=False, reason="")
    assert heard == Heard(orders=[expected])


def test_an_execution_report_of_a_trade_tells_both_the_order_and_the_trade(binance: Binance) -> None:
    traded = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.10000000", "z": "0.40000000", "L": "0.10264410"}
    heard = read(binance, REPORT, **traded, n="0.00001", N="BNB", t=77, m=True)
    assert [order.executed for order in heard.orders] == [Decimal("0.4")]
    assert heard.trades == [
        WireTrade(
            *("77", "4293153", "mUvoqJxFIILMdfAW5iGSOW", "BTC/USDT", Side.BUY, Decimal("0.1026441"), Decimal("0.1")),
            *(Liquidity.MAKER, Decimal("0.00001"), "BNB", 1_499_405_658_657),
        )
    ]
    spoilt = read(binance, REPORT, **traded, n="0.00001", N="BNB", t=0, m=True)
    assert not spoilt.trades
    assert spoilt.lost, "a trade without its id would be counted again when it is listed"


def test_a_cancelled_order_is_named_by_its_own_client_id(binance: Binance) -> None:
    (order,) = read(binance, REPORT, x="CANCELED", X="CANCELED", c="cancel-1", C="77", r="NONE").orders
    assert (order.client_id, order.over, order.reason) == ("77", True, "canceled")
    (order,) = read(binance, REPORT, x="EXPIRED", X="EXPIRED_IN_MATCH", r="STP").orders
    assert (order.over, order.reason) == (True, "STP")


def test_a_balance_and_the_end_of_a_stream_at_binance(binance: Binance) -> None:
    heard = read(binance, POSITION)
    assert heard.money == [Money("ETH", Decimal("10000.5"), Decimal(10_000))]
    assert heard.ts_ms == 1_564_034_571_105
    assert read(binance, POSITION, e="eventStreamTerminated").ended == "eventStreamTerminated"
    assert binance.read_frame(b'{"id": "subscribe", "status": 200, "result": {"subscriptionId": 0}}').accepted
    refused = binance.read_frame(b'{"id": "subscribe", "status": 401, "error": {"code": -2015, "msg": "Invalid"}}')
    assert "Invalid" in refused.refused


def test_a_trade_of_binances_list(binance: Binance) -> None:
    assert binance.trade_of(json.loads(MY_TRADE)) == WireTrade(
        *("28457", "100234", "", "BTC/USDT", Side.BUY, Decimal("4.000001"), Decimal(12), Liquidity.TAKER),
        *(Decimal("10.1"), "BNB", 1_499_865_549_590),
    )


def test_an_execution_at_kraken_tells_both_the_order_and_the_trade(kraken: Kraken) -> None:
    heard = read(kraken, EXECUTION)
    order = WireOrder("OK4GJX-KSTLS-7DZZO5", "", "BTC/USD", Decimal("0.005"), over=True, reason="closed")
    assert list(heard.orders) == [order]
    assert heard.trades == [
        WireTrade(
            *("TGBKYC-4NTQS-RT4MZU", "OK4GJX-KSTLS-7DZZO5", "", "BTC/USD", Side.SELL, Decimal("26599.9")),
            *(Decimal("0.005"), Liquidity.MAKER, Decimal("0.3458"), "USD", 1_695_378_785_709),
        )
    ]


def test_a_number_left_out_shows_that_a_message_of_krakens_is_missing(kraken: Kraken) -> None:
    assert len(list(kraken.greeting())) == 2
    assert not read(kraken, EXECUTION).lost
    assert not read(kraken, CANCELED).lost
    assert "message 12 is missing" in kraken.read_frame(CANCELED.replace("11}", "13}").encode()).lost
    assert "without its number" in kraken.read_frame(CANCELED.replace("11}", "null}").encode()).lost


def test_a_cancelled_order_and_a_balance_at_kraken(kraken: Kraken) -> None:
    (order,) = read(kraken, CANCELED).orders
    assert order == WireOrder("OGAB7Y-BKX5F-PTK5RW", "", "", Decimal(0), over=True, reason="User requested")
    assert read(kraken, BALANCE).money == [Money("BTC", Decimal("1.2000000001"), Decimal("1.2000000001"))]


def test_a_trade_of_krakens_history_has_its_fee_in_the_currency_of_the_price(kraken: Kraken) -> None:
    assert kraken.trade_of(json.loads(HISTORY, parse_float=str)) == WireTrade(
        *("THVRQM-33VKH-UCI7BS", "OQCLML-BW3P3-BUCMWZ", "", "BTC/USD", Side.BUY, Decimal(30_010), Decimal("0.02")),
        *(Liquidity.MAKER, Decimal("0.96032"), "USD", 1_688_667_796_880),
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b'{"event": 1}', b'{"event": []}'])
def test_a_frame_that_is_none_is_refused(binance: Binance, data: bytes) -> None:
    with pytest.raises(ContractError):
        binance.read_frame(data)
