"""Who trades with whom, at what price, and in what order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from exchange.entry.session import Output
from exchange.testing.venue import MARKET, Client, opened
from exchange.venue import Exchange


def fills_of(client: Client) -> list[tuple[str, str, str, int, str]]:
    fills = client.rest("GET", "/fills")["fills"]
    return [(fill["side"], fill["outcome"], fill["price"], fill["size"], fill["match_type"]) for fill in fills]


def positions_of(client: Client) -> tuple[int, int]:
    rows = client.rest("GET", "/positions")["positions"]
    return (rows[0]["yes"], rows[0]["no"]) if rows else (0, 0)


def book_of(client: Client) -> tuple[list[list[object]], list[list[object]]]:
    book = client.rest("GET", f"/markets/{MARKET}/orderbook")
    return book["bids"], book["asks"]


MAPPING = [
    ("bid", "yes", "0.40", "no", "0.60"),
    ("ask", "yes", "0.38", "yes", "0.38"),
    ("bid", "no", "0.55", "yes", "0.45"),
    ("ask", "no", "0.58", "no", "0.58"),
]


@pytest.mark.parametrize(("side", "outcome", "price", "bought", "bought_at"), MAPPING)
def test_s1_2_the_market_maker_only_ever_buys(
    maker: Client, taker: Client, side: str, outcome: str, price: str, bought: str, bought_at: str
) -> None:
    taker.rest("POST", "/positions/split", {"market": MARKET, "size": 10})
    maker.order("bid", bought, bought_at, 10, post_only=True)
    answer = taker.order(side, outcome, price, 10, time_in_force="ioc")
    assert answer["order"]["status"] == "filled"
    assert [fill[:4] for fill in fills_of(maker)] == [("bid", bought, bought_at, 10)]
    assert [fill[:4] for fill in fills_of(taker)] == [(side, outcome, price, 10)]


def test_a_hundred_ahead_in_the_queue_trade_first(venue: Exchange, maker: Client, taker: Client) -> None:
    first = Client(venue, "taker2", connection=3)
    first.order("bid", "yes", "0.50", 100)
    maker.order("bid", "yes", "0.50", 90)
    for size, ours in ((80, 0), (30, 10), (50, 60)):
        taker.order("bid", "no", "0.50", size, time_in_force="ioc")
        assert sum(fill[3] for fill in fills_of(maker)) == ours


def test_a_better_price_goes_before_an_earlier_order(venue: Exchange, maker: Client, taker: Client) -> None:
    other = Client(venue, "taker2", connection=3)
    maker.order("bid", "no", "0.45", 10)
    other.order("bid", "no", "0.46", 10)
    taker.order("bid", "yes", "0.55", 15)
    assert fills_of(taker) == [("bid", "yes", "0.54", 10, "mint"), ("bid", "yes", "0.55", 5, "mint")]


def test_yes_and_no_orders_share_one_queue_at_the_same_yes_price(venue: Exchange, maker: Client, taker: Client) -> None:
    other = Client(venue, "taker2", connection=3)
    other.rest("POST", "/positions/split", {"market": MARKET, "size": 10})
    other.order("ask", "yes", "0.54", 10)
    maker.order("bid", "no", "0.46", 10)
    assert book_of(taker) == ([], [["0.54", 20]])
    taker.order("bid", "yes", "0.54", 15)
    assert fills_of(taker) == [("bid", "yes", "0.54", 10, "transfer"), ("bid", "yes", "0.54", 5, "mint")]


def test_a_yes_ask_and_a_no_ask_that_ask_no_more_than_one_merge_their_pair(maker: Client, taker: Client) -> None:
    maker.rest("POST", "/positions/split", {"market": MARKET, "size": 10})
    taker.rest("POST", "/positions/split", {"market": MARKET, "size": 10})
    maker.order("ask", "yes", "0.40", 10)
    answer = taker.order("ask", "no", "0.55", 10)
    assert answer["order"]["status"] == "filled"
    assert fills_of(taker) == [("ask", "no", "0.60", 10, "merge")]
    assert fills_of(maker) == [("ask", "yes", "0.40", 10, "merge")]
    assert positions_of(maker) == (0, 10)
    assert positions_of(taker) == (10, 0)


def test_orders_that_do_not_reach_each_other_rest(maker: Client, taker: Client) -> None:
    maker.order("bid", "yes", "0.48", 10)
    taker.order("bid", "no", "0.51", 20)
    assert book_of(maker) == ([["0.48", 10]], [["0.49", 20]])


def test_an_ioc_order_never_rests(maker: Client, taker: Client) -> None:
    maker.order("bid", "no", "0.46", 10)
    order = taker.order("bid", "yes", "0.60", 25, time_in_force="ioc")["order"]
    assert (order["status"], order["reason"], order["filled"]) == ("cancelled", "ioc_remainder", 10)
    assert book_of(taker) == ([], [])


def test_an_incoming_order_that_meets_its_own_account_keeps_its_fills_and_is_cancelled(
    maker: Client, taker: Client
) -> None:
    taker.order("bid", "no", "0.47", 5)
    maker.order("bid", "no", "0.46", 10)
    order = maker.order("bid", "yes", "0.55", 20)["order"]
    assert (order["filled"], order["status"], order["reason"]) == (5, "cancelled", "self_trade")
    assert book_of(maker) == ([], [["0.54", 10]])


def test_a_post_only_order_never_takes(maker: Client, taker: Client) -> None:
    maker.order("bid", "no", "0.46", 10)
    assert taker.order("bid", "yes", "0.54", 1, post_only=True)["error"]["code"] == "would_cross"
    assert taker.order("bid", "yes", "0.53", 1, post_only=True)["order"]["status"] == "open"


def test_every_book_state_is_one_sequence_number(maker: Client, taker: Client) -> None:
    maker.connect()
    maker.ws({"op": "subscribe", "id": 3, "channels": ["orderbook"], "markets": [MARKET]})
    sequences = [
        frame["sequence"]
        for size in range(1, 6)
        for frame in maker.ws(
            {
                "op": "place",
                "id": size,
                "client_order_id": str(100 + size),
                "market": MARKET,
                "side": "bid",
                "outcome": "yes",
                "price": "0.40",
                "size": size,
            }
        )
        if frame["type"] == "orderbook"
    ]
    assert sequences == [1, 2, 3, 4, 5]


def test_one_seed_gives_one_history_of_bytes() -> None:
    def history() -> Sequence[Output]:
        venue = opened()
        maker, taker = Client(venue, "mm1", connection=1), Client(venue, "taker1", connection=2)
        maker.connect()
        maker.order("bid", "no", "0.46", 100)
        taker.order("bid", "yes", "0.54", 30)
        return maker.outputs + taker.outputs

    assert history() == history()
