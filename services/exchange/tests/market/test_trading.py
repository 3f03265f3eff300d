"""What is refused and why, what is held, and that every dollar is accounted for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from exchange.market.money import maker_rebate_micros, micros_of, signed_micros_of, taker_fee_micros
from exchange.testing.venue import MARKET, Client, config, opened
from exchange.venue import Exchange


def test_a_bid_must_be_covered_by_price_and_the_highest_fee(maker: Client) -> None:
    # 100,000 dollars; a resting post_only bid needs only its price.
    assert maker.order("bid", "yes", "0.50", 200_000)["error"]["code"] == "insufficient_funds"
    assert maker.order("bid", "yes", "0.50", 200_000, post_only=True)["order"]["status"] == "open"
    assert maker.rest("GET", "/balance")["balance"]["available"] == "0.000000"
    assert maker.order("bid", "yes", "0.01", 1, post_only=True)["error"]["code"] == "insufficient_funds"


def test_shares_that_rest_in_an_ask_cannot_be_sold_or_merged_again(maker: Client) -> None:
    maker.rest("POST", "/positions/split", {"market": MARKET, "size": 10})
    maker.order("ask", "yes", "0.60", 8)
    assert maker.order("ask", "yes", "0.60", 3)["error"]["code"] == "insufficient_shares"
    refused = maker.rest("POST", "/positions/merge", {"market": MARKET, "size": 3})
    assert refused["error"]["message"] == "3 pairs needed, 2 free"
    assert maker.rest("POST", "/positions/merge", {"market": MARKET, "size": 2})["position"]["yes"] == 8


def test_a_repeated_client_order_id_returns_the_order_it_belongs_to_even_when_finished(maker: Client) -> None:
    body = {"client_order_id": "7", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.40", "size": 5}
    maker.rest("POST", "/orders", body)
    maker.rest("DELETE", "/orders/by-client-id/7")
    again = maker.rest("POST", "/orders", body)
    assert again["error"]["code"] == "duplicate_client_order_id"
    assert again["order"]["status"] == "cancelled"
    assert maker.rest("GET", "/orders")["orders"] == []


def test_only_so_many_finished_orders_are_kept_as_the_venue_is_told() -> None:
    venue = opened(replace(config(), orders_kept=2))
    maker = Client(venue, "mm1")
    for number in ("1", "2", "3"):
        maker.order("bid", "yes", "0.40", 5)
        maker.rest("DELETE", f"/orders/by-client-id/{number}")
    found = [maker.rest("GET", f"/orders/by-client-id/{number}") for number in ("1", "2", "3")]
    assert found[0]["error"]["code"] == "unknown_order"
    assert [answer["order"]["status"] for answer in found[1:]] == ["cancelled", "cancelled"]
    account = venue.ledger.account("mm1")
    assert (account.fills.kept_max, account.entries.kept_max) == (4, 10)


def test_two_accounts_may_use_the_same_client_order_id(maker: Client, taker: Client) -> None:
    assert maker.order("bid", "yes", "0.40", 5)["order"]["client_order_id"] == "1"
    assert taker.order("bid", "yes", "0.40", 5)["order"]["client_order_id"] == "1"


def test_a_mass_cancel_takes_only_the_epoch_it_names(maker: Client) -> None:
    for number in (1, 2, 1000, 1001):
        maker.rest(
            "POST",
            "/orders",
            {
                "client_order_id": str(number),
                "market": MARKET,
                "side": "bid",
                "outcome": "yes",
                "price": "0.40",
                "size": 5,
            },
        )
    answer = maker.rest("DELETE", "/orders?client_order_id_below=1000")
    assert [order["client_order_id"] for order in answer["cancelled"]] == ["1", "2"]
    assert answer["open_orders_left"] == 2
    assert maker.rest("DELETE", f"/orders?market={MARKET}")["open_orders_left"] == 0


def test_a_cancel_only_key_sees_and_cancels_orders_and_can_do_nothing_else(venue: Exchange, maker: Client) -> None:
    maker.order("bid", "yes", "0.40", 5)
    watchdog = Client(venue, "mm1", key="cancel", connection=5)
    assert len(watchdog.rest("GET", "/orders")["orders"]) == 1
    assert watchdog.order("bid", "yes", "0.40", 5)["error"]["code"] == "scope_missing"
    assert watchdog.rest("GET", "/balance")["error"]["code"] == "scope_missing"
    assert watchdog.rest("DELETE", "/orders")["open_orders_left"] == 0


def test_one_account_never_sees_or_cancels_an_order_of_another(maker: Client, taker: Client) -> None:
    order = maker.order("bid", "yes", "0.40", 5)["order"]
    assert taker.rest("GET", f"/orders/{order['order_id']}")["error"]["code"] == "unknown_order"
    assert taker.rest("DELETE", f"/orders/{order['order_id']}")["error"]["code"] == "unknown_order"
    assert taker.rest("DELETE", "/orders")["cancelled"] == []
    assert maker.rest("GET", "/orders")["orders"][0]["status"] == "open"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"price": "0.005"}, "invalid_price", "price"),
        ({"price": 0.5}, "invalid_price", "price"),
        ({"price": "1.00"}, "invalid_price", "price"),
        ({"price": "0.00"}, "invalid_price", "price"),
        ({"price": "0.5e0"}, "invalid_price", "price"),
        ({"size": 0}, "invalid_size", "size"),
        ({"size": 1.5}, "invalid_size", "size"),
        ({"size": True}, "invalid_size", "size"),
        ({"size": 1_000_001}, "invalid_size", "size"),
        ({"client_order_id": 5}, "invalid_client_order_id", "client_order_id"),
        ({"client_order_id": "05"}, "invalid_client_order_id", "client_order_id"),
        ({"client_order_id": "9223372036854775808"}, "invalid_client_order_id", "client_order_id"),
        ({"client_order_id": "٣"}, "invalid_client_order_id", "client_order_id"),
        ({"side": "buy"}, "invalid_field", "side"),
        ({"outcome": "YES"}, "invalid_field", "outcome"),
        ({"time_in_force": "day"}, "invalid_field", "time_in_force"),
        ({"post_only": "yes"}, "invalid_field", "post_only"),
        ({"post_only": True, "time_in_force": "ioc"}, "invalid_field", "post_only"),
        ({"market": "no such.market"}, "invalid_field", "market"),
        ({"market": "BTC-5M-1"}, "unknown_market", "market"),
        ({"pots_only": True}, "invalid_field", "pots_only"),
        ({"side": None}, "invalid_field", "side"),
    ],
)
def test_a_bad_order_names_its_field_and_leaves_nothing(
    maker: Client, change: dict[str, object], code: str, field: str
) -> None:
    body = {"client_order_id": "7", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.40", "size": 5}
    answer = maker.rest("POST", "/orders", {**body, **change})
    assert (answer["error"]["code"], answer["error"]["field"]) == (code, field)
    assert maker.rest("GET", "/orders?status=all")["orders"] == []


def test_an_order_budget_that_is_spent_does_not_stop_cancels(maker: Client) -> None:
    order = maker.order("bid", "yes", "0.40", 5)["order"]
    codes = [maker.order("bid", "yes", "0.39", 1).get("error", {}).get("code") for _ in range(4_000)]
    assert codes[-1] in ("rate_limited", "too_many_open_orders")
    refused = maker.request(
        "POST",
        "/orders",
        {"client_order_id": "99999", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.40", "size": 5},
    )
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert maker.rest("DELETE", f"/orders/{order['order_id']}")["order"]["status"] == "cancelled"
    maker.now_ns += 10_000_000_000
    maker.rest("DELETE", "/orders")
    assert "order" in maker.order("bid", "yes", "0.40", 5)


def test_the_taker_pays_the_maker_is_paid_and_the_venue_keeps_the_rest(
    venue: Exchange, maker: Client, taker: Client
) -> None:
    before = venue.ledger.total_micros()
    maker.order("bid", "no", "0.46", 30)
    taker.order("bid", "yes", "0.54", 30)
    fee = taker_fee_micros(54, 30, 72_000)
    assert fee == 536_544
    maker_fill, taker_fill = maker.rest("GET", "/fills")["fills"][0], taker.rest("GET", "/fills")["fills"][0]
    assert (maker_fill["fee"], taker_fill["fee"]) == ("-0.107308", "0.536544")
    assert venue.ledger.account("venue").cash_micros == 536_544 - 107_308
    assert venue.ledger.total_micros() == before


def test_the_statement_sums_to_the_balance_and_the_positions(maker: Client, taker: Client) -> None:
    maker.order("bid", "no", "0.46", 30)
    taker.order("bid", "yes", "0.54", 20)
    taker.rest("POST", "/positions/split", {"market": MARKET, "size": 3})
    for client in (maker, taker):
        entries = client.rest("GET", "/statement")["entries"]
        cash = sum(signed_micros_of(entry["amount"]) for entry in entries)
        assert cash == micros_of(client.rest("GET", "/balance")["balance"]["cash"])
        shares = sum(entry["yes_change"] for entry in entries), sum(entry["no_change"] for entry in entries)
        row = client.rest("GET", "/positions")["positions"][0]
        assert shares == (row["yes"], row["no"])


def test_pages_of_a_history_join_without_gap_or_repetition(maker: Client, taker: Client) -> None:
    maker.order("bid", "no", "0.46", 50)
    for _ in range(7):
        taker.order("bid", "yes", "0.54", 5)
    after, seen = 0, []
    while True:
        page = maker.rest("GET", f"/fills?after={after}&limit=3")
        seen += [fill["trade_id"] for fill in page["fills"]]
        after = page["next_after"]
        if not page["has_more"]:
            break
    assert seen == [str(number) for number in range(1, 8)]


def test_requests_the_venue_does_not_know_are_told_so(maker: Client) -> None:
    assert maker.request("GET", "/no/such/path").status == 404
    assert maker.request("PUT", "/orders").status == 405
    assert maker.rest("GET", "/orders?statsu=open")["error"]["field"] == "statsu"
    assert maker.rest("GET", "/fills?after=-1")["error"]["field"] == "after"
    assert maker.request("POST", "/orders", {"orders": []}).status == 422
    maker.token = "a.b.c"
    assert maker.request("GET", "/balance").status == 401


def test_a_token_with_a_changed_claim_or_another_algorithm_is_refused(venue: Exchange, maker: Client) -> None:
    head, claims, mac = maker.token.split(".")
    for forged in (f"{head}.{claims[:-4]}AAAA.{mac}", f"eyJhbGciOiJub25lIn0.{claims}.", f"{head}.{claims}.é"):
        maker.token = forged
        assert maker.request("GET", "/balance").status == 401


def test_a_token_ends_when_its_time_is_over(maker: Client) -> None:
    maker.now_ns += 86_401 * 1_000_000_000
    assert maker.rest("GET", "/balance")["error"]["code"] == "token_expired"


def test_a_batch_is_carried_out_item_by_item(maker: Client) -> None:
    good = {"client_order_id": "1", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.40", "size": 5}
    answer = maker.rest("POST", "/orders", {"orders": [good, {**good, "price": "2"}, {**good, "client_order_id": "2"}]})
    assert [("order" in result) for result in answer["results"]] == [True, False, True]
    assert maker.rest("POST", "/orders", {"orders": [good] * 51})["error"]["field"] == "orders"


def test_an_account_without_money_can_do_nothing_that_costs() -> None:
    venue = opened(config(deposit=0))
    poor = Client(venue, "mm1")
    assert poor.order("bid", "yes", "0.01", 1)["error"]["code"] == "insufficient_funds"
    assert poor.rest("POST", "/positions/split", {"market": MARKET, "size": 1})["error"]["code"] == "insufficient_funds"


def test_a_fee_is_rounded_up_and_a_rebate_down_so_that_the_venue_never_pays() -> None:
    # 0.00000099 of a dollar is charged as one millionth.
    assert taker_fee_micros(1, 1, 100) == 1
    assert taker_fee_micros(50, 4, 1) == 1
    assert taker_fee_micros(50, 5, 1) == 2
    assert maker_rebate_micros(9, 200_000) == 1


@pytest.mark.parametrize("key", ["read", "cancel"])
def test_a_key_without_the_scope_cannot_place_over_the_websocket_either(venue: Exchange, key: str) -> None:
    client = Client(venue, "mm1", key=key, connection=6)
    venue.on_connect(6, client.now_ns)
    client.ws({"op": "login", "id": 1, "token": client.token})
    order = {"client_order_id": "1", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.40", "size": 5}
    assert client.ws({"op": "place", "id": 2, **order})[0]["error"]["code"] == "scope_missing"
    batch = client.ws({"op": "batch", "id": 3, "items": [{"op": "place", **order}]})
    assert batch[0]["result"]["results"][0]["error"]["code"] == "scope_missing"
    allowed = client.ws({"op": "cancel_all", "id": 4})[0]["type"]
    assert allowed == ("reply" if key == "cancel" else "error")
