"""What each venue's frames mean, and that nothing a venue may send is more than a counted nuisance."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from common.core import Close, HttpRequest, Send
from common.errors import ContractError
from common.events import Market, MarketStatus, TieRule
from feed.books.book import LocalBook
from feed.connections.reading import UNREADABLE
from feed.messages import ALIVE, Beat, Check, Diff, Ending, Listing, Message, Prepared, Print, Refused, Snapshot, Top
from feed.testing.harness import Rehearsal, only
from feed.venues import ADAPTERS
from feed.venues.adapter import Adapter
from feed.venues.binance import Binance
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from feed.venues.kraken import Kraken, checksum
from feed.venues.polymarket.stream import Polymarket
from feed.venues.template import Template
from hypothesis import given, settings
from hypothesis import strategies as st

Frame = Callable[[str], bytes]

BINANCE = Binance(["BTCUSDT"], "wss://stream.example/stream", "https://rest.example")
COINBASE = Coinbase(["BTC-USD"], "wss://feed.example", "https://rest.example/")
KRAKEN = Kraken(["BTC/USD"], "wss://ws.example/v2", "https://rest.example")
DEGEN = Degen([], "ws://127.0.0.1:9000/ws", "http://127.0.0.1:9000")
POLYMARKET = Polymarket(["btc-updown-5m"], "wss://ws.example/ws/market", "https://clob.example")
TEMPLATE = Template(["X"], "wss://invented.example", "https://invented.example")

MARKET = Listing(
    symbol="BTC-5M-1795223100",
    status=MarketStatus.OPEN,
    underlying="BTC",
    series="BTC-5M",
    title="BTC above 60000.00 at 2026-11-21 01:05:00 UTC?",
    strike=Decimal("60000.00000000"),
    tie_rule=TieRule.STRICTLY_ABOVE,
    tick_size=Decimal("0.01"),
    min_lots=1,
    open_ns=1795222800000000000,
    expiry_ns=1795223100000000000,
    result="",
    settlement_price=None,
    ts_event_ns=1795222805000000000,
)

MEANINGS: list[tuple[Adapter, str, list[Message]]] = [
    # Of markets nobody has listed; with one listed: test_polymarket_scenarios.py.
    (POLYMARKET, "book", [ALIVE]),
    (POLYMARKET, "price_change", [ALIVE]),
    (POLYMARKET, "last_trade_price", [ALIVE]),
    (POLYMARKET, "tick_size_change", [ALIVE]),
    (BINANCE, "book_ticker", [Top("BTCUSDT", 61837.63, 61837.64, 3.78826, 1.54698, 400900217)]),
    (BINANCE, "trade", [Print("BTCUSDT", 12345, 61837.63, 0.02, True, 1672515782136000000)]),
    (
        BINANCE,
        "depth",
        [
            Diff(
                "BTCUSDT",
                [(61837.63, 3.5), (61830.0, 0.0)],
                [(61837.64, 1.6052)],
                157,
                160,
                None,
                1672515782136000000,
            )
        ],
    ),
    (BINANCE, "subscribed", [ALIVE]),
    (BINANCE, "subscriptions", [ALIVE]),
    (BINANCE, "error", [Refused('{"code":2,"msg":"Invalid request: property name must be a string"}')]),
    (BINANCE, "server_shutdown", [Ending("serverShutdown")]),
    (
        COINBASE,
        "snapshot",
        [
            Snapshot(
                "BTC-USD",
                [(10101.10, 0.4505414), (10100.0, 1.0)],
                [(10102.55, 0.57753524), (10103.0, 2.0)],
                ts_event_ns=1659626704900000000,
            )
        ],
    ),
    (
        COINBASE,
        "l2update",
        [Diff("BTC-USD", [(10101.8, 0.162567)], [(10102.55, 0.0)], ts_event_ns=1659626705010758000)],
    ),
    (
        COINBASE,
        "ticker",
        [Top("BTC-USD", 10101.04, 10101.27, 0.46688654, 1.5663704, 37475248783, 1666222102061769000)],
    ),
    (COINBASE, "match", [Print("BTC-USD", 10, 400.23, 5.23512, False, 1415348367028459000)]),
    (COINBASE, "last_match", [Print("BTC-USD", 9, 400.2, 1.0, True, 1415348366028459000, past=True)]),
    (COINBASE, "heartbeat", [Beat("BTC-USD", 90, 20, 1415348368464459000)]),
    (COINBASE, "subscriptions", [ALIVE]),
    (COINBASE, "error", [Refused("Failed to subscribe FOO-USD is not a valid product")]),
    (
        KRAKEN,
        "trade",
        [
            Print("BTC/USD", 4665846, 45283.5, 0.05, True, 1695628116925533000),
            Print("BTC/USD", 4665847, 45285.2, 0.001, False, 1695628116935533000),
        ],
    ),
    (KRAKEN, "instrument", [Prepared()]),
    (KRAKEN, "heartbeat", [ALIVE]),
    (KRAKEN, "status", [ALIVE]),
    (KRAKEN, "pong", [ALIVE]),
    (KRAKEN, "subscribed", [ALIVE]),
    (KRAKEN, "refused", [Refused("subscribe: Currency pair not supported FOO/BAR")]),
    (DEGEN, "market", [MARKET]),
    (
        DEGEN,
        "market_resolved",
        [
            MARKET._replace(
                status=MarketStatus.RESOLVED,
                result="yes",
                settlement_price=Decimal("60012.5"),
                ts_event_ns=1795223101000000000,
            )
        ],
    ),
    (
        DEGEN,
        "orderbook",
        [Snapshot(MARKET.symbol, [(0.5, 20.0), (0.48, 100.0)], [(0.54, 70.0)], 9, None, 1795222805000000000)],
    ),
    (DEGEN, "trade", [Print(MARKET.symbol, 1, 0.54, 30.0, False, 1795222805000000000)]),
    (DEGEN, "reply", [ALIVE]),
    (DEGEN, "heartbeat_error", [ALIVE]),
    (DEGEN, "error", [Refused("too_many_subscriptions: at most 1000")]),
]


@pytest.mark.parametrize(("adapter", "name", "meaning"), MEANINGS, ids=lambda value: str(value)[:20])
def test_a_documented_frame_means_what_the_venue_says(
    adapter: Adapter, name: str, meaning: list[Message], frame: Frame
) -> None:
    venue = type(adapter).__name__.lower()
    assert list(adapter.parse(frame(f"{venue}/{name}"))) == meaning


def test_krakens_book_frames_bring_their_checksum(frame: Frame) -> None:
    (whole,) = KRAKEN.parse(frame("kraken/book_snapshot"))
    (change,) = KRAKEN.parse(frame("kraken/book_update"))
    assert isinstance(whole, Snapshot)
    assert isinstance(change, Diff)
    assert (whole.checksum, len(whole.bids), len(whole.asks)) == (3310070434, 10, 10)
    assert change[:3] == ("BTC/USD", [(45283.5, 0.25)], [(45285.2, 0.0)])
    assert change.ts_event_ns == 1696613755440295000


def test_the_checksum_is_the_one_of_krakens_own_example(frame: Frame) -> None:
    (whole,) = KRAKEN.parse(frame("kraken/book_snapshot"))
    assert isinstance(whole, Snapshot)
    book = LocalBook(25)
    book.load(whole.bids, whole.asks)
    assert checksum(book, price_decimals=1, size_decimals=8) == 3310070434
    # Levels below the tenth do not count.
    book.apply([(45000.0, 5.0)], [(46000.0, 5.0)])
    assert checksum(book, price_decimals=1, size_decimals=8) == 3310070434
    book.apply([(45283.5, 0.10000001)], [])
    assert checksum(book, price_decimals=1, size_decimals=8) != 3310070434


def test_the_checksum_is_unknown_until_the_decimals_are() -> None:
    kraken = Kraken(["ETH/USD"], "wss://x", "https://x")
    assert kraken.checksum("ETH/USD", LocalBook()) is None


def test_answers_over_rest_are_read(frame: Frame) -> None:
    assert BINANCE.parse_snapshot("BTCUSDT", frame("binance/depth_answer")) == Snapshot(
        "BTCUSDT", [(61837.63, 3.78826), (61830.0, 0.1)], [(61837.64, 1.54698), (61839.0, 2.0)], 156
    )
    assert BINANCE.parse_check(frame("binance/depth_answer")) == Check(61837.63, 61837.64, 156)
    assert BINANCE.parse_time(frame("binance/time")) == 1672515782136000000
    assert COINBASE.parse_check(frame("coinbase/book_answer")) == Check(10101.10, 10102.55)
    assert COINBASE.parse_time(frame("coinbase/time")) == pytest.approx(1420674445201000000, abs=1_000)
    assert KRAKEN.parse_check(frame("kraken/depth_answer")) == Check(45283.5, 45285.2)
    assert DEGEN.parse_check(frame("degen/orderbook_answer")) == Check(0.5, 0.54, 9)
    assert DEGEN.parse_time(frame("degen/time")) == 1795222805000000000
    assert list(DEGEN.parse_markets(frame("degen/markets_answer"))) == [MARKET]


def test_addresses_and_subscriptions_are_those_of_the_documentation() -> None:
    assert BINANCE.url(["BTCUSDT", "ETHUSDT"]) == (
        "wss://stream.example/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms"
        "/ethusdt@bookTicker/ethusdt@trade/ethusdt@depth@100ms"
    )
    assert BINANCE.snapshot_url("BTCUSDT") == "https://rest.example/api/v3/depth?symbol=BTCUSDT&limit=1000"
    assert json.loads(COINBASE.subscribe(["BTC-USD"])[0]) == {
        "type": "subscribe",
        "product_ids": ["BTC-USD"],
        "channels": ["ticker", "matches", "level2_batch", "heartbeat"],
    }
    assert [json.loads(each)["type"] for each in COINBASE.resubscribe("BTC-USD")] == ["unsubscribe", "subscribe"]
    assert json.loads(KRAKEN.subscribe(["BTC/USD"])[0]) == {
        "method": "subscribe",
        "params": {"channel": "instrument", "snapshot": True},
    }
    assert [json.loads(each)["params"]["channel"] for each in KRAKEN.subscribe_prepared(["BTC/USD"])] == [
        "book",
        "trade",
    ]
    assert KRAKEN.check_url("BTC/USD") == "https://rest.example/0/public/Depth?pair=BTCUSD&count=1"
    assert json.loads(DEGEN.subscribe([])[0])["channels"] == ["markets", "orderbook", "trades", "heartbeats"]


def test_the_template_is_a_working_adapter() -> None:
    book = {"kind": "book", "symbol": "X", "from": 1, "to": 5, "bids": [["1", "2"]], "asks": [], "time_ms": 7}
    assert TEMPLATE.parse(msgspec.json.encode({**book, "whole": True})) == (
        Snapshot("X", [(1.0, 2.0)], [], 5, None, 7_000_000),
    )
    assert TEMPLATE.parse(msgspec.json.encode(book)) == (Diff("X", [(1.0, 2.0)], [], 1, 5, None, 7_000_000),)
    trade = {"kind": "trade", "symbol": "X", "id": 3, "price": "1", "size": "2", "buyer_is_maker": True, "time_ms": 7}
    assert TEMPLATE.parse(msgspec.json.encode(trade)) == (Print("X", 3, 1.0, 2.0, True, 7_000_000),)
    assert TEMPLATE.parse(b'{"kind":"pong"}') == (ALIVE,)
    assert TEMPLATE.parse_check(b'{"bid":"1","ask":"2","to":5}') == Check(1.0, 2.0, 5)
    assert TEMPLATE.parse_time(b'{"time_ms":7}') == 7_000_000


WRONG: list[tuple[Adapter, str, str]] = [
    (BINANCE, '{"stream":"x@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"nan","B":"1","a":"2","A":"1"}}', "b"),
    (BINANCE, '{"stream":"x@bookTicker","data":{"u":-1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}', "u"),
    (BINANCE, '{"data":{"u":-1,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"},"stream":"x@bookTicker"}', "u"),
    (BINANCE, '{"stream":"x@trade","data":{"s":"BTCUSDT","t":1,"p":"inf","q":"1","T":1,"m":true}}', "p"),
    (BINANCE, '{"stream":"x@depth","data":{"E":1,"s":"BTCUSDT","U":5,"u":4,"b":[],"a":[]}}', "U must not"),
    (BINANCE, '{"stream":"x@depth","data":{"E":99999999999999,"s":"X","U":5,"u":5,"b":[],"a":[]}}', "E"),
    (COINBASE, '{"type":"l2update","product_id":"X","changes":[["up","1","1"]],"time":"2022-08-04T15:25:05Z"}', "chan"),
    (COINBASE, '{"type":"heartbeat","product_id":"X","sequence":1,"last_trade_id":1,"time":"2022-08-04"}', "time"),
    (COINBASE, '{"type":"snapshot","product_id":"X","bids":[],"asks":[],"time":"9000-08-04T00:00:00Z"}', "time"),
    (KRAKEN, '{"channel":"book","type":"changed","data":[]}', "type"),
    (KRAKEN, '{"channel":"trade","type":"update","data":{}}', "data"),
    (KRAKEN, "{}", "channel or method is missing"),
    (DEGEN, '{"type":"orderbook","market":"a.b","sequence":1,"bids":[],"asks":[],"ts_ns":1}', "market"),
    (DEGEN, '{"type":"orderbook","market":"ab","sequence":1,"bids":[["0.5"]],"asks":[],"ts_ns":1}', "bids"),
    (TEMPLATE, '{"kind":"trade"}', "symbol"),
]


@pytest.mark.parametrize(("adapter", "text", "fault"), WRONG)
def test_a_wrong_frame_is_refused_with_the_field_at_fault(adapter: Adapter, text: str, fault: str) -> None:
    with pytest.raises(UNREADABLE, match=fault):
        adapter.parse(text.encode())


def test_members_in_another_order_change_nothing(frame: Frame) -> None:
    for name in ("book_ticker", "trade", "depth"):
        whole = frame(f"binance/{name}")
        document = json.loads(whole)
        turned = json.dumps({"data": document["data"], "stream": document["stream"]}).encode()
        assert BINANCE.parse(turned) == BINANCE.parse(whole)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"strike": "NaN"}, "strike"),
        ({"strike": "-1"}, "strike"),
        ({"settlement_price": "1e40"}, "settlement_price"),
        ({"tick": "0"}, "tick"),
        ({"tick": "Infinity"}, "tick"),
        ({"expiry_ns": 1}, "expiry_ns"),
        ({"status": "ASLEEP"}, "status"),
        ({"min_size": 0}, "min_size"),
    ],
)
def test_a_market_that_makes_no_sense_is_refused(change: dict[str, object], fault: str, frame: Frame) -> None:
    document = json.loads(frame("degen/market"))
    document["market"].update(change)
    with pytest.raises((ContractError, msgspec.ValidationError), match=fault):
        DEGEN.parse(json.dumps(document).encode())


def test_kinds_of_frames_a_venue_may_add_later_are_only_signs_of_life() -> None:
    assert COINBASE.parse(b'{"type":"auction","product_id":"BTC-USD"}') == (ALIVE,)
    assert DEGEN.parse(b'{"type":"announcement","text":"hello"}') == (ALIVE,)
    assert KRAKEN.parse(b'{"channel":"news","data":[]}') == (ALIVE,)
    assert BINANCE.parse(b'{"stream":"btcusdt@kline_1s","data":{"e":"kline"}}') == (ALIVE,)


def adapters() -> list[Adapter]:
    symbols = {
        "binance": ["BTCUSDT"],
        "coinbase": ["BTC-USD"],
        "kraken": ["BTC/USD"],
        "degen": [],
        "polymarket": ["btc-updown-5m"],
    }
    assert set(symbols) == set(ADAPTERS)
    return [cls(symbols[name], "ws://127.0.0.1:1/ws", "http://127.0.0.1:1") for name, cls in ADAPTERS.items()]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    *("stream", "data", "e", "u", "U", "s", "b", "a", "B", "A", "t", "p", "q", "T", "m", "E", "id", "msg", "error"),
    *("type", "product_id", "changes", "bids", "asks", "time", "sequence", "last_trade_id", "side", "price", "size"),
    *("channel", "method", "success", "symbol", "checksum", "timestamp", "qty", "trade_id", "pairs"),
    *("event_type", "asset_id", "price_changes", "slug", "conditionId", "clobTokenIds", "endDate"),
    *("market", "ts_ns", "snapshot", "asset", "series", "title", "status", "open_ns", "taker_side", "op"),
]
VALUES = [
    *("btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms", "BTCUSDT", "BTC-USD", "BTC/USD"),
    *("l2update", "ticker", "match", "heartbeat", "book", "trade", "instrument", "update", "snapshot"),
    *("price_change", "last_trade_price", "tick_size_change", "market_resolved", "btc-updown-5m-1", '["1","2"]'),
    *("orderbook", "market", "error", "reply", "OPEN", "buy", "sell", "bid", "1", "0.5", "-1", "nan", "1e999"),
]
likely = st.recursive(
    st.sampled_from(VALUES) | st.integers(-2, 10) | json_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=8),
    max_leaves=20,
)


@given(st.binary(max_size=300) | (json_values | likely).map(lambda value: json.dumps(value).encode()))
@settings(max_examples=300, deadline=None)
def test_no_bytes_can_raise_and_what_cannot_be_read_is_counted(data: bytes) -> None:
    for adapter in adapters():
        rehearsal = Rehearsal(adapter)
        rehearsal.open()
        try:
            adapter.parse(data)
            readable = True
        except UNREADABLE:
            readable = False
        rehearsal.frame(data)
        feed = rehearsal.feed
        assert feed.frames == 1
        assert readable or feed.malformed == 1
        for ask in only(rehearsal.wait(100), HttpRequest):
            rehearsal.answer(ask, data)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_documented_frame_with_damage_anywhere_is_survived(data: st.DataObject) -> None:
    adapter = data.draw(st.sampled_from(adapters()))
    venue = type(adapter).__name__.lower()
    names = [name for one, name, _ in MEANINGS if type(one) is type(adapter)]
    whole = (Path(__file__).parents[1] / "fixtures" / venue / f"{data.draw(st.sampled_from(names))}.json").read_bytes()
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(len(whole), start + 8)))
    damaged = whole[:start] + data.draw(st.binary(max_size=6)) + whole[end:]
    rehearsal = Rehearsal(adapter)
    rehearsal.open()
    for each in (whole, damaged, whole):
        rehearsal.frame(each)
    assert rehearsal.feed.frames == 3
    rehearsal.wait(1_000)


@pytest.mark.parametrize("adapter", adapters(), ids=lambda adapter: type(adapter).__name__)
def test_a_flood_of_unreadable_frames_ends_the_connection(adapter: Adapter) -> None:
    rehearsal = Rehearsal(adapter)
    rehearsal.open()
    for _ in range(50):
        assert not only(rehearsal.frame(b"rubbish"), Close)
    assert only(rehearsal.frame(b"rubbish"), Close) == [Close("here-0-a", "too many unreadable frames")]
    assert not rehearsal.status().connected
    assert rehearsal.status().malformed == 51
    assert only(rehearsal.effects, Market) == []
    assert not [send for send in only(rehearsal.effects, Send) if not send.data]
