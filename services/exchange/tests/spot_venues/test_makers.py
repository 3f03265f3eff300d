"""Books that makers keep: where they stand, that they move, what they do when a customer is in their way."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from exchange.market.tape import Json
from exchange.spot_venues.depth import MAKER_ACCOUNT, DeepBook
from exchange.spot_venues.venue import SpotVenue
from exchange.spot_venues.venues import SpotVenues
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client
from hypothesis import given, settings
from hypothesis import strategies as st

MS = 1_000_000
S = 1_000 * MS
QUIET = {"noise_bps": 0, "size_sigma": 0, "growth": 0, "delay_ms": 0, "sticky_bps": 0}
UNITS = 10**8


def one(
    makers: dict[str, Any] | None = None, *, seed: int = 1, driven: tuple[str, ...] = ()
) -> tuple[SpotVenues, SpotVenue]:
    venues = spot_venues(file_of(KRAKEN={"makers": makers or {}}), seed=seed, driven=driven)
    venue = venues.by_name["KRAKEN"]
    venue.start(NOW_NS)
    return venues, venue


def levels(venue: SpotVenue, symbol: str = "BTCUSD", depth: int = 100) -> tuple[list[list[str]], list[list[str]]]:
    return venue.trading.symbols[symbol].levels(depth)


def customer(venue: SpotVenue) -> Client:
    client = Client(venue, "mm1")
    client.now_ns = venue.now_ns
    return client


def test_levels_stand_around_the_price_rounded_outwards_with_their_worth() -> None:
    """60,000 with 3 bps and 2 more a level: 59,982 and 59,970 bid; 4,000 dollars' worth of it is 0.0667 of it."""
    venues, venue = one(QUIET, driven=("BTC",))
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    bids, asks = levels(venue)
    assert (len(bids), len(asks)) == (20, 20)
    assert bids[:2] == [["59982.0", "0.0667"], ["59970.0", "0.0667"]]
    assert asks[:2] == [["60018.0", "0.0667"], ["60030.0", "0.0667"]]


@given(seed=st.integers(0, 10_000), looks=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_twenty_levels_a_side_never_cross_and_every_look_brings_another_book(seed: int, looks: int) -> None:
    _, venue = one(seed=seed)
    before: dict[str, Any] = {}
    for look in range(looks):
        venue.on_timer(NOW_NS + look * 150 * MS)
        for symbol in venue.trading.symbols.values():
            bids, asks = symbol.book.buying.levels(100), symbol.book.selling.levels(100)
            assert len(bids) == len(asks) == 20
            assert all(bid > lower for (bid, _), (lower, _) in pairwise(bids))
            assert all(ask < higher for (ask, _), (higher, _) in pairwise(asks))
            assert bids[0][0] < asks[0][0]
            assert min(lots for _, lots in bids + asks) > 0
            assert before.get(symbol.id) != (bids, asks)
            before[symbol.id] = bids, asks


def test_the_middle_is_the_worlds_price_of_some_ms_ago_with_an_error_of_the_stated_size() -> None:
    venues, venue = one({"delay_ms": 200, "noise_bps": 2.0, "noise_s": 1.0, "sticky_bps": 0})
    errors = []
    for second in range(1, 1_500):
        now_ns = NOW_NS + second * 5 * S
        venue.on_timer(now_ns)
        (bid, ask), place = (float(side[0][0]) for side in levels(venue)), venues.world.place["BTC"]
        was = math.exp(venues.world.row(now_ns - 200 * MS)[place])
        errors.append(math.log((bid + ask) / 2 / was) * 10_000)
    assert np.mean(errors) == pytest.approx(0, abs=0.2)
    assert np.std(errors) == pytest.approx(2.0, rel=0.1)


def test_they_leave_their_prices_alone_until_the_price_has_moved() -> None:
    venues, venue = one({**QUIET, "sticky_bps": 5}, driven=("BTC",))
    middles = []
    for price in (60_000, 60_020, 60_029, 60_031, 60_020):
        venues.on_price("BTC", price * UNITS, price * UNITS, venue.now_ns)
        venue.on_timer(venue.now_ns + 150 * MS)
        bids, asks = levels(venue)
        middles.append((float(bids[0][0]) + float(asks[0][0])) / 2)
    assert middles[:3] == [middles[0]] * 3
    assert middles[3] == middles[4] == pytest.approx(middles[0] + 31, abs=0.2)


def test_what_was_taken_of_a_level_is_missing_and_comes_back() -> None:
    venues, venue = one({**QUIET, "refill_s": 2.0}, driven=("BTC",))
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    answer = customer(venue).spot("bid", "60018.0", "0.05", time_in_force="ioc")
    assert answer["order"]["status"] == "filled"
    assert levels(venue)[1][0] == ["60018.0", "0.0167"]
    venue.on_timer(NOW_NS + 300 * MS)
    assert levels(venue)[1][0] == ["60018.0", "0.0167"]
    venue.on_timer(NOW_NS + 450 * MS)
    # Of the 0.05 there are 0.05 x exp(-0.15 / 2) still missing.
    assert levels(venue)[1][0] == ["60018.0", "0.0203"]
    for look in range(4, 80):
        venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, venue.now_ns)
        venue.on_timer(NOW_NS + look * 150 * MS)
    assert levels(venue)[1][0] == ["60018.0", "0.0665"]


def test_an_order_takes_level_after_level_at_their_prices_and_both_pay_their_fees() -> None:
    venues, venue = one(QUIET, driven=("BTC",))
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    client = customer(venue)
    order = client.spot("bid", "60030.0", "0.1", time_in_force="ioc")["order"]
    fills = client.rest("GET", "/fills")["fills"]
    assert [(fill["price"], fill["size"], fill["liquidity"]) for fill in fills] == [
        ("60018.0", "0.0667", "taker"),
        ("60030.0", "0.0333", "taker"),
    ]
    makers = venue.ledger.account(MAKER_ACCOUNT)
    assert [(fill["price"], fill["size"], fill["side"]) for _, fill in makers.fills.rows] == [
        ("60018.0", "0.0667", "ask"),
        ("60030.0", "0.0333", "ask"),
    ]
    assert (order["filled"], makers.open_orders) == ("0.1000", {})
    assert {order.status for order in makers.by_order_id.values()} == {"filled"}


@pytest.mark.parametrize(("side", "price", "later"), [("bid", "59990.0", 59_950), ("ask", "60010.0", 60_050)])
def test_a_price_that_moves_past_a_resting_order_trades_with_it(side: str, price: str, later: int) -> None:
    venues, venue = one(QUIET, driven=("BTC",))
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    client = customer(venue)
    resting = client.spot(side, price, "0.01", post_only=True)["order"]
    venues.on_price("BTC", later * UNITS, later * UNITS, venue.now_ns)
    venue.on_timer(NOW_NS + 300 * MS)
    order: Json = client.rest("GET", f"/orders/{resting['order_id']}")["order"]
    (fill,) = client.rest("GET", "/fills")["fills"]
    assert (order["status"], fill["price"], fill["liquidity"]) == ("filled", price, "maker")


def test_an_order_larger_than_what_moves_past_it_stays_in_front_of_the_makers() -> None:
    venues, venue = one(QUIET, driven=("BTC",))
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    client = customer(venue)
    client.spot("ask", "60010.0", "1", post_only=True)
    venues.on_price("BTC", 60_050 * UNITS, 60_050 * UNITS, venue.now_ns)
    venue.on_timer(NOW_NS + 300 * MS)
    bids, asks = levels(venue)
    # Of their bids at 60,032.0, 60,020.0 and so on two are above the ask; the next is the best that is shown.
    assert asks[0] == ["60010.0", "0.8668"]
    assert bids[0] == ["60007.9", "0.0666"]


def test_nothing_is_shown_while_nobody_knows_a_price() -> None:
    venues, venue = one(QUIET, driven=("BTC",))
    venue.on_timer(NOW_NS)
    assert levels(venue) == ([], [])
    assert levels(venue, "USDJPY")[0]
    venues.on_price("BTC", 60_000 * UNITS, 60_000 * UNITS, NOW_NS)
    venue.on_timer(NOW_NS + 150 * MS)
    assert levels(venue)[0]
    venue.on_timer(NOW_NS + 11 * S)
    assert levels(venue) == ([], [])
    assert levels(venue, "ETHBTC") == ([], [])


def test_one_seed_is_one_history_whenever_the_venue_is_looked_at() -> None:
    _, often = one({"noise_bps": 2.0})
    _, seldom = one({"noise_bps": 2.0})
    for ms in range(0, 3_000, 10):
        often.on_timer(NOW_NS + ms * MS)
    for ms in range(0, 3_000, 150):
        seldom.on_timer(NOW_NS + ms * MS)
    for name in often.trading.symbols:
        assert levels(often, name) == levels(seldom, name)


def test_the_depth_is_no_fact_of_the_journal() -> None:
    _, venue = one()
    outputs = [out for ms in range(0, 3_000, 50) for out in venue.on_timer(NOW_NS + ms * MS)]
    assert outputs == []
    assert all(isinstance(symbol.book, DeepBook) for symbol in venue.trading.symbols.values())
