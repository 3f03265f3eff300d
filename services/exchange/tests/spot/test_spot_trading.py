"""Spot orders trade by price and time at the resting price; amendments, minimums, covers, faults and cancels."""

from __future__ import annotations

from typing import Any

import pytest
from exchange.market.tape import Json
from exchange.testing.venue import NOW_NS, Client, config, opened
from exchange.venue import Exchange

NS_PER_S = 1_000_000_000


@pytest.fixture
def venue() -> Exchange:
    venue = opened(config(spot=("BTC", "ETH")))
    admin = Client(venue, "admin", key="admin", connection=9)
    for name in ("mm1", "taker1", "taker2"):
        admin.rest("POST", f"/admin/accounts/{name}/deposit", {"amount": "2", "currency": "BTC"})
    return venue


def has(client: Client, currency: str) -> tuple[str, str]:
    """Total and locked of a currency."""
    rows = {row["currency"]: row for row in client.rest("GET", "/balances")["balances"]}
    return rows[currency]["total"], rows[currency]["locked"]


def book_of(client: Client) -> tuple[list[list[str]], list[list[str]]]:
    book = client.rest("GET", "/symbols/BTCUSD/orderbook")
    return book["bids"], book["asks"]


def code(answer: Json) -> str:
    return str(answer["error"]["code"])


def test_a_trade_happens_at_the_resting_price_and_each_side_pays_its_fee(maker: Client, taker: Client) -> None:
    maker.spot("ask", "60000.00", "0.5000", post_only=True)
    assert has(maker, "BTC") == ("2.00000000", "0.50000000")
    order = taker.spot("bid", "60100.00", "0.1")["order"]
    assert (order["status"], order["filled"], order["leaves"]) == ("filled", "0.1000", "0.0000")
    fill = taker.rest("GET", "/fills")["fills"][0]
    assert (fill["price"], fill["liquidity"], fill["fee"], fill["fee_currency"]) == (
        "60000.00",
        "taker",
        "3.000000",
        "USD",
    )
    assert has(taker, "BTC") == ("2.10000000", "0.00000000")
    assert has(taker, "USD") == ("93997.000000", "0.000000")
    # 6,000 less 0.0001 of it.
    assert has(maker, "USD") == ("105999.400000", "0.000000")
    assert has(maker, "BTC") == ("1.90000000", "0.40000000")


def test_the_statement_of_each_currency_sums_to_its_balance(maker: Client, taker: Client) -> None:
    maker.spot("ask", "60000.00", "0.5000")
    taker.spot("bid", "60000.00", "0.1")
    dollars = taker.rest("GET", "/statement")["entries"]
    assert [(row["type"], row["amount"], row["symbol"]) for row in dollars[1:]] == [
        ("trade", "-6000.000000", "BTCUSD"),
        ("fee", "-3.000000", "BTCUSD"),
    ]
    bitcoin = taker.rest("GET", "/statement?currency=BTC")["entries"]
    assert [(row["type"], row["amount"], row["balance"]) for row in bitcoin] == [
        ("deposit", "2.00000000", "2.00000000"),
        ("trade", "0.10000000", "2.10000000"),
    ]
    assert taker.rest("GET", "/statement?currency=ETH")["entries"] == []
    assert [row["currency"] for row in taker.rest("GET", "/balances")["balances"]] == ["USD", "BTC"]
    assert code(taker.rest("GET", "/statement?currency=XYZ")) == "invalid_field"


def test_better_prices_trade_first_and_at_one_price_who_came_first(
    venue: Exchange, maker: Client, taker: Client
) -> None:
    other = Client(venue, "taker2", connection=3)
    first = maker.spot("ask", "60001.00", "0.1")["order"]
    second = other.spot("ask", "60001.00", "0.1")["order"]
    best = other.spot("ask", "60000.50", "0.1")["order"]
    taker.spot("bid", "60001.00", "0.25")
    assert [other.rest("GET", f"/orders/{o['order_id']}")["order"]["filled"] for o in (best, second)] == [
        "0.1000",
        "0.0500",
    ]
    assert maker.rest("GET", f"/orders/{first['order_id']}")["order"]["status"] == "filled"
    assert book_of(taker) == ([], [["60001.00", "0.0500"]])


def test_ioc_never_rests_and_post_only_never_takes(maker: Client, taker: Client) -> None:
    maker.spot("ask", "60000.00", "0.1")
    assert code(taker.spot("bid", "60000.00", "0.1", post_only=True)) == "would_cross"
    order = taker.spot("bid", "60000.00", "0.3", time_in_force="ioc")["order"]
    assert (order["status"], order["reason"], order["filled"]) == ("cancelled", "ioc_remainder", "0.1000")
    assert book_of(taker) == ([], [])
    assert has(taker, "USD")[1] == "0.000000"


def test_an_order_never_trades_with_one_of_its_own_account(maker: Client) -> None:
    maker.spot("ask", "60000.00", "0.1")
    order = maker.spot("bid", "60000.00", "0.1")["order"]
    assert (order["status"], order["reason"]) == ("cancelled", "self_trade")


def test_a_smaller_order_keeps_its_place(venue: Exchange, maker: Client, taker: Client) -> None:
    other = Client(venue, "taker2", connection=3)
    first = maker.spot("bid", "59000.00", "0.3")["order"]
    other.spot("bid", "59000.00", "0.3")
    amended = maker.amend(first, size="0.1")["order"]
    assert (amended["order_id"], amended["size"], amended["leaves"], amended["order_sequence"]) == (
        first["order_id"],
        "0.1000",
        "0.1000",
        2,
    )
    assert has(maker, "USD")[1] == "5900.590000"
    taker.spot("ask", "59000.00", "0.1")
    assert maker.rest("GET", f"/orders/{first['order_id']}")["order"]["status"] == "filled"


@pytest.mark.parametrize("changes", [{"size": "0.4"}, {"price": "59000.01"}, {"price": "58999.99"}])
def test_every_other_amendment_goes_to_the_end(
    venue: Exchange, maker: Client, taker: Client, changes: dict[str, str]
) -> None:
    other = Client(venue, "taker2", connection=3)
    first = maker.spot("bid", "59000.00", "0.3")["order"]
    price = changes.get("price", "59000.00")
    rest = other.spot("bid", price, "0.1")["order"]
    maker.amend(first, **changes)
    taker.spot("ask", price, "0.1", time_in_force="ioc")
    assert other.rest("GET", f"/orders/{rest['order_id']}")["order"]["status"] == "filled"
    assert maker.rest("GET", f"/orders/{first['order_id']}")["order"]["filled"] == "0.0000"


def test_an_amendment_may_trade_at_once_and_a_post_only_one_never(maker: Client, taker: Client) -> None:
    taker.spot("ask", "60000.00", "0.1")
    plain, careful = maker.spot("bid", "59000.00", "0.2")["order"], maker.spot("bid", "59000.00", "0.2", post_only=True)
    refused = maker.amend(careful["order"], price="60000.00")
    assert code(refused) == "would_cross"
    assert book_of(maker)[0] == [["59000.00", "0.4000"]]
    amended = maker.amend(plain, price="60000.00")["order"]
    assert (amended["filled"], amended["leaves"], amended["status"]) == ("0.1000", "0.1000", "open")
    assert book_of(maker) == ([["60000.00", "0.1000"], ["59000.00", "0.2000"]], [])
    assert code(maker.amend(plain, size="0.1")) == "invalid_size"
    done = maker.amend(plain, size="0.15")["order"]
    assert (done["size"], done["leaves"]) == ("0.1500", "0.0500")


def test_an_amendment_that_is_not_covered_leaves_the_order_as_it_was(maker: Client) -> None:
    order = maker.spot("bid", "50000.00", "1")["order"]
    before = maker.rest("GET", "/balances")["balances"], book_of(maker)
    assert code(maker.amend(order, size="2")) == "insufficient_funds"
    assert (maker.rest("GET", "/balances")["balances"], book_of(maker)) == before
    assert maker.rest("GET", f"/orders/{order['order_id']}")["order"] == order
    # What it already holds counts: 1.9 needs 95,009.50 of which 50,005 are held.
    assert maker.amend(order, size="1.9")["order"]["leaves"] == "1.9000"


def test_an_amendment_that_changes_nothing_says_so_and_keeps_the_place(maker: Client) -> None:
    order = maker.spot("bid", "50000.00", "1")["order"]
    assert maker.amend(order, size="1.0000", price="50000")["order"] == order


def test_what_cannot_be_amended_is_refused(maker: Client, taker: Client) -> None:
    binary = maker.order("bid", "yes", "0.40", 10)["order"]
    assert code(maker.amend(binary, size="5")) == "invalid_field"
    order = maker.spot("bid", "50000.00", "1")["order"]
    assert code(maker.amend(order)) == "invalid_field"
    assert code(maker.amend(order, colour="red")) == "invalid_field"
    assert code(maker.amend(order, size="0.00001")) == "invalid_size"
    assert code(taker.amend(order, size="1")) == "unknown_order"
    maker.rest("DELETE", f"/orders/{order['order_id']}")
    refused = maker.amend(order, size="1")
    assert (code(refused), refused["order"]["status"]) == ("order_finished", "cancelled")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"price": "60000.001"}, "invalid_price"),
        ({"price": 60000}, "invalid_price"),
        ({"size": "0.00005"}, "invalid_size"),
        ({"size": 1}, "invalid_size"),
        ({"size": "0"}, "invalid_size"),
        ({"symbol": "XRPUSD"}, "unknown_symbol"),
        ({"outcome": "yes"}, "invalid_field"),
        ({"market": "BTC-5M-1795223100"}, "invalid_field"),
        ({"price": "100.00", "size": "0.0001"}, "below_minimum"),
        ({"size": "3"}, "insufficient_funds"),
        ({"post_only": True, "time_in_force": "ioc"}, "invalid_field"),
    ],
)
def test_a_refused_order_leaves_nothing_behind(maker: Client, more: dict[str, Any], expected: str) -> None:
    order = {"client_order_id": "7", "symbol": "BTCUSD", "side": "ask", "price": "60000.00", "size": "0.1", **more}
    before = maker.rest("GET", "/balances")["balances"]
    answer = maker.rest("POST", "/orders", order)
    assert code(answer) == expected
    assert answer["error"]["field"]
    assert maker.rest("GET", "/balances")["balances"] == before
    assert maker.rest("GET", "/orders?status=all")["orders"] == []


def test_client_order_ids_are_one_series_over_both_kinds(maker: Client) -> None:
    spot = maker.spot("bid", "50000.00", "0.1")["order"]
    body = {"client_order_id": spot["client_order_id"], "market": "BTC-5M-1795223100", "side": "bid", "outcome": "yes"}
    answer = maker.rest("POST", "/orders", {**body, "price": "0.40", "size": 10})
    assert (code(answer), answer["order"]) == ("duplicate_client_order_id", spot)
    assert maker.rest("GET", f"/orders/by-client-id/{spot['client_order_id']}")["order"] == spot


def test_cancel_all_means_both_kinds_and_its_filters_choose(maker: Client) -> None:
    maker.order("bid", "yes", "0.40", 10)
    maker.spot("bid", "50000.00", "0.1")
    maker.spot("bid", "2000.00", "0.1", symbol="ETHUSD")
    answer = maker.rest("DELETE", "/orders?symbol=ETHUSD")
    assert ([order["symbol"] for order in answer["cancelled"]], answer["open_orders_left"]) == (["ETHUSD"], 2)
    assert [order["symbol"] for order in maker.rest("GET", "/orders?symbol=BTCUSD")["orders"]] == ["BTCUSD"]
    assert code(maker.rest("DELETE", "/orders?symbol=BTCUSD&market=BTC-5M-1795223100")) == "invalid_field"
    assert maker.rest("DELETE", "/orders")["open_orders_left"] == 0
    assert has(maker, "USD") == ("100000.000000", "0.000000")


def test_the_connections_end_and_the_deadman_cancel_spot_orders_too(venue: Exchange, maker: Client) -> None:
    maker.connect(deadman_ms=500)
    place = {"op": "place", "symbol": "BTCUSD", "side": "bid", "price": "50000.00", "size": "0.1"}
    maker.ws({**place, "id": 3, "client_order_id": "31"})
    frames = maker.take(venue.on_timer(NOW_NS + NS_PER_S))
    assert [frame["order"]["reason"] for frame in frames] == ["deadman"]
    maker.now_ns = NOW_NS + NS_PER_S
    amend = {"op": "amend", "id": 4, "client_order_id": "31", "size": "0.05"}
    assert maker.ws(amend)[0]["error"]["code"] == "deadman_expired"
    assert maker.ws({**place, "id": 5, "client_order_id": "32"})[0]["error"]["code"] == "deadman_expired"
    maker.ws({"op": "heartbeat", "id": 6})
    maker.ws({**place, "id": 7, "client_order_id": "33"})
    maker.take(venue.on_close(1, maker.now_ns))
    assert maker.rest("GET", "/orders/by-client-id/33")["order"]["reason"] == "disconnected"


def test_a_batch_holds_every_op_for_both_kinds(maker: Client) -> None:
    maker.connect()
    spot = {"op": "place", "symbol": "BTCUSD", "side": "bid", "price": "50000.00", "size": "0.1"}
    binary = {"op": "place", "market": "BTC-5M-1795223100", "side": "bid", "outcome": "no", "price": "0.40", "size": 10}
    items = [
        {**spot, "client_order_id": "41"},
        {**binary, "client_order_id": "42"},
        {"op": "amend", "client_order_id": "41", "price": "50001.00"},
        {"op": "cancel", "client_order_id": "41"},
    ]
    results = maker.ws({"op": "batch", "id": 3, "items": items})[0]["result"]["results"]
    assert [result["op"] for result in results] == ["place", "place", "amend", "cancel"]
    assert results[3]["order"]["price"] == "50001.00"


@pytest.mark.parametrize("fault", ["reject", "rate_limit"])
def test_faults_strike_spot_orders(venue: Exchange, maker: Client, fault: str) -> None:
    order = maker.spot("bid", "50000.00", "0.1")["order"]
    admin = Client(venue, "admin", key="admin", connection=9)
    admin.rest("POST", "/admin/faults", {"fault": fault, "account": "mm1", "count": 2})
    expected = {"reject": "unavailable", "rate_limit": "rate_limited"}[fault]
    assert code(maker.spot("bid", "50000.00", "0.1")) == expected
    assert code(maker.amend(order, size="0.05")) == expected
    assert maker.amend(order, size="0.05")["order"]["size"] == "0.0500"


def test_a_fill_may_come_just_before_the_cancel(venue: Exchange, maker: Client) -> None:
    order = maker.spot("bid", "50000.00", "0.1")["order"]
    admin = Client(venue, "admin", key="admin", connection=9)
    admin.rest("POST", "/admin/faults", {"fault": "fill_after_cancel", "account": "mm1", "value": 400})
    done = maker.rest("DELETE", f"/orders/{order['order_id']}")["order"]
    assert (done["status"], done["filled"]) == ("cancelled", "0.0400")
    assert has(maker, "BTC") == ("2.04000000", "0.00000000")


def test_a_fill_tells_its_frames_in_one_unbroken_sequence(maker: Client, taker: Client) -> None:
    maker.connect()
    maker.ws({"op": "place", "id": 3, "client_order_id": "51", "symbol": "BTCUSD", "side": "ask", "price": "60000.00",
              "size": "0.1"})  # fmt: skip
    taker.spot("bid", "60000.00", "0.1")
    frames = [frame for frame in maker.take(taker.outputs) if "account_sequence" in frame]
    assert [frame["type"] for frame in frames] == ["fill", "order", "balance", "account", "account"]
    numbers = [frame["account_sequence"] for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + 5))
    assert frames[2]["balance"] == {"currency": "BTC", "total": "1.90000000", "locked": "0.00000000",
                                    "available": "1.90000000"}  # fmt: skip


def test_public_frames_of_a_symbol_reach_who_follows_it_and_nobody_else(venue: Exchange, maker: Client) -> None:
    maker.connect()
    watcher = Client(venue, "taker2", connection=7)
    watcher.take(venue.on_connect(7, NOW_NS))
    plain = watcher.ws({"op": "subscribe", "id": 1, "channels": ["orderbook", "trades", "markets"]})
    assert {frame["type"] for frame in plain} == {"reply", "orderbook", "market"}
    maker.spot("ask", "60000.00", "0.1")
    assert watcher.take(maker.outputs) == []
    channels = ["symbols", "spot_orderbook", "spot_trades"]
    answer = watcher.ws({"op": "subscribe", "id": 2, "channels": channels, "symbols": ["BTCUSD"]})
    assert [frame["type"] for frame in answer] == ["reply", "symbol", "spot_orderbook"]
    assert answer[0]["result"] == {
        "channels": channels, "markets": None, "symbols": ["BTCUSD"], "account_sequence": None
    }  # fmt: skip
    assert answer[2]["asks"] == [["60000.00", "0.1000"]]
    taker = Client(venue, "taker1", connection=8)
    taker.spot("bid", "60000.00", "0.04")
    taker.spot("bid", "2000.00", "0.1", symbol="ETHUSD")
    seen = watcher.take(taker.outputs)
    assert [(frame["type"], frame["symbol"]) for frame in seen] == [
        ("spot_trade", "BTCUSD"),
        ("spot_orderbook", "BTCUSD"),
    ]
    assert seen[1]["asks"] == [["60000.00", "0.0600"]]
    assert code(watcher.ws({"op": "subscribe", "id": 3, "channels": channels, "symbols": ["XRPUSD"]})[0]) == (
        "unknown_symbol"
    )
    watcher.ws({"op": "unsubscribe", "id": 4, "channels": channels, "symbols": ["BTCUSD"]})
    taker.outputs.clear()
    taker.spot("bid", "60000.00", "0.01")
    assert watcher.take(taker.outputs) == []
