"""Who trades with the books: less often the further from the price, and the informed only where it pays."""

from __future__ import annotations

import math
from typing import Any

import pytest
from exchange.spot_venues.depth import TAKER_ACCOUNT
from exchange.spot_venues.venue import SpotVenue
from exchange.spot_venues.venues import SpotVenues
from exchange.testing.spot_venues import SYMBOLS, file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client

MS = 1_000_000
S = 1_000 * MS
CLOSE = {"half_spread_bps": 0.1, "step_bps": 0.5, "noise_bps": 0, "sticky_bps": 0, "delay_ms": 0, "level_value": 1e6}
ONE = {"BTCUSD": SYMBOLS["BTCUSD"]}


def one(takers: dict[str, Any], makers: dict[str, Any] = CLOSE, seed: int = 1) -> tuple[SpotVenues, SpotVenue]:
    rich = {"USD": "100000000", "BTC": "1000"}
    own = {"makers": makers, "takers": takers, "symbols": ONE, "taker_fee_ppm": 100, "deposits": rich}
    venues = spot_venues(file_of(KRAKEN=own), seed=seed)
    venue = venues.by_name["KRAKEN"]
    venue.start(NOW_NS)
    return venues, venue


def play(venue: SpotVenue, seconds: int, step_ms: int = 50) -> None:
    for ms in range(0, seconds * 1_000, step_ms):
        venue.on_timer(NOW_NS + ms * MS)


def fills(venue: SpotVenue, account: str = TAKER_ACCOUNT) -> list[dict[str, Any]]:
    return [fill for _, fill in venue.ledger.account(account).fills.rows]


def test_arrivals_are_as_many_as_their_rate_and_reach_further_less_often() -> None:
    """Of 20 a second those whose limit is 4 bps away or more are exp(-4 / 2) of all: the exponential of the reach."""
    _, venue = one({"per_s": 20, "reach_bps": 2.0, "value_median": 2_000})
    limits = []
    for ms in range(0, 300_000, 50):
        before = venue.ids.last["order"]
        venue.on_timer(NOW_NS + ms * MS)
        price = venue.world.price("BTC", "USD", NOW_NS + ms * MS)
        orders = venue.ledger.account(TAKER_ACCOUNT).by_order_id
        limits += [
            abs(order.price_ticks * 0.1 / price - 1) * 10_000 for number, order in orders.items() if number > before
        ]
    # The makers' best prices are 0.1 bps away: whose reach is shorter meets nobody and places no order.
    assert len(limits) / 300 == pytest.approx(20 * math.exp(-0.1 / 2), rel=0.05)
    assert sum(away >= 4.1 for away in limits) / len(limits) == pytest.approx(math.exp(-4 / 2), rel=0.15)


def test_a_quote_further_away_is_hit_less_often() -> None:
    hit = []
    for away in (1.0, 5.0):
        _, venue = one({"per_s": 10, "reach_bps": 2.0, "value_median": 100}, {**CLOSE, "half_spread_bps": 100.0})
        client = Client(venue, "mm1")
        for second in range(300):
            client.now_ns = NOW_NS + second * S
            venue.on_timer(client.now_ns)
            client.rest("DELETE", "/orders")
            price = venue.world.price("BTC", "USD", client.now_ns) * (1 + away / 10_000)
            client.spot("ask", f"{price:.1f}", "1", post_only=True)
            for ms in range(50, 1_000, 50):
                venue.on_timer(client.now_ns + ms * MS)
        hit.append(len(fills(venue, "mm1")))
    assert hit[0] > 400
    assert hit[1] / hit[0] == pytest.approx(math.exp(-(5 - 1) / 2), abs=0.1)


def test_the_informed_trade_only_where_it_pays_after_the_fee_and_are_right() -> None:
    venues, venue = one({"per_s": 20, "informed_share": 1.0, "informed_lead_ms": 500})
    world, edges = venues.world, []
    for ms in range(0, 120_000, 50):
        before = len(fills(venue))
        venue.on_timer(NOW_NS + ms * MS)
        row = world.row_ahead(NOW_NS + ms * MS, 500 * MS)
        later = math.exp(row[world.place["BTC"]])
        for fill in fills(venue)[before:]:
            bought = 1 if fill["side"] == "bid" else -1
            edges.append(bought * (later - float(fill["price"])) / later - 0.0001)
    assert len(edges) > 20
    assert min(edges) > 0


def test_nobody_is_informed_unless_the_configuration_says_so() -> None:
    assert file_of().venues["KRAKEN"].takers.informed_share == 0


def test_what_customers_do_does_not_shift_the_fate_of_the_takers() -> None:
    _, quiet = one({"per_s": 5})
    _, busy = one({"per_s": 5})
    client = Client(busy, "mm1")
    play(quiet, 20)
    for ms in range(0, 20_000, 50):
        busy.on_timer(NOW_NS + ms * MS)
        if ms % 500 == 0:
            client.now_ns = NOW_NS + ms * MS
            client.spot("bid", "1000.0", "0.01", post_only=True)
    sides = [[(fill["side"], fill["ts_ns"]) for fill in fills(each)] for each in (quiet, busy)]
    assert len(sides[0]) > 20
    assert sides[0] == sides[1]
