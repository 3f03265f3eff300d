"""A market's life: listed, opened at the mid, closed at expiry, paid out; and what happens when prices are missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from exchange.market.markets import NS_PER_S, LoopCalendar, RollingCalendar, Window
from exchange.market.money import UNITS_PER_UNDERLYING
from exchange.testing.venue import MARKET, NOW_NS, OPEN_NS, Client, config, opened
from exchange.venue import Exchange

EXPIRY_NS = OPEN_NS + 300 * NS_PER_S
UNIT = UNITS_PER_UNDERLYING


def price(venue: Exchange, dollars: float, now_ns: int) -> None:
    units = int(dollars * UNIT)
    venue.on_price("BTC", units, units, now_ns)


def status(venue: Exchange, market: str = MARKET) -> str:
    return venue.trading.market(market).status


def test_the_strike_is_the_mid_of_the_underlying_at_the_open() -> None:
    venue = Exchange(config())
    venue.start(OPEN_NS)
    assert status(venue) == "LISTED"
    venue.on_price("BTC", 60_000 * UNIT, 60_001 * UNIT, OPEN_NS + 1)
    market = venue.trading.market(MARKET)
    assert (market.status, market.strike_units, market.opened_ns) == ("OPEN", 60_000 * UNIT + UNIT // 2, OPEN_NS + 1)


def test_one_market_is_open_and_the_next_is_listed(venue: Exchange) -> None:
    price(venue, 60_000, EXPIRY_NS - 1)
    venue.on_timer(EXPIRY_NS)
    found = [(market.id, market.status) for market in venue.lifecycle.live()]
    assert found == [(MARKET, "CLOSED"), ("BTC-5M-1795223400", "OPEN"), ("BTC-5M-1795223700", "LISTED")]


@pytest.mark.parametrize(("dollars", "winner"), [(60_000.01, "yes"), (60_000.0, "no"), (59_999.99, "no")])
def test_yes_wins_strictly_above_the_strike(maker: Client, taker: Client, dollars: float, winner: str) -> None:
    venue = maker.venue
    maker.order("bid", "no", "0.46", 30)
    taker.order("bid", "yes", "0.54", 30)
    cash = {client.account: venue.ledger.account(client.account).cash_micros for client in (maker, taker)}
    price(venue, dollars, EXPIRY_NS)
    venue.on_timer(EXPIRY_NS + NS_PER_S)
    assert venue.trading.market(MARKET).result == winner
    paid = {name: venue.ledger.account(name).cash_micros - before for name, before in cash.items()}
    assert paid == {"mm1": 30_000_000 * (winner == "no"), "taker1": 30_000_000 * (winner == "yes")}
    assert venue.ledger.account("mm1").positions == {}
    entry = maker.rest("GET", "/statement?after=0&limit=1000")["entries"][-1]
    assert (entry["type"], entry["no_change"]) == ("settlement", -30)


def test_only_so_many_finished_markets_are_kept_as_the_venue_is_told() -> None:
    venue = opened(replace(config(), markets_kept=2))
    for number in range(1, 5):
        expiry_ns = OPEN_NS + 300 * number * NS_PER_S
        price(venue, 60_000, expiry_ns)
        venue.on_timer(expiry_ns + NS_PER_S)
    kept = [market.expiry_ns for market in venue.trading.markets.values() if market.status == "RESOLVED"]
    assert kept == [OPEN_NS + 300 * number * NS_PER_S for number in (3, 4)]


def test_a_price_exactly_at_expiry_counts_and_a_later_one_does_not(venue: Exchange) -> None:
    price(venue, 60_005, EXPIRY_NS)
    price(venue, 59_000, EXPIRY_NS + 1)
    venue.on_timer(EXPIRY_NS + NS_PER_S)
    market = venue.trading.market(MARKET)
    assert (market.settlement_units, market.result) == (60_005 * UNIT, "yes")


def test_resting_orders_end_with_the_market_and_nothing_is_taken_after_it(maker: Client) -> None:
    venue = maker.venue
    maker.order("bid", "no", "0.46", 30)
    price(venue, 60_000, EXPIRY_NS - 1)
    maker.now_ns = EXPIRY_NS
    assert maker.order("bid", "yes", "0.50", 1)["error"]["code"] == "market_not_open"
    order = maker.rest("GET", "/orders/by-client-id/1")["order"]
    assert (order["status"], order["reason"]) == ("cancelled", "market_closed")
    assert maker.rest("GET", "/balance")["balance"]["locked"] == "0.000000"


def test_a_market_without_a_price_waits_and_is_voided_after_a_minute() -> None:
    venue = Exchange(config())
    venue.start(OPEN_NS)
    venue.on_timer(OPEN_NS + 60 * NS_PER_S - 1)
    assert status(venue) == "LISTED"
    venue.on_timer(OPEN_NS + 60 * NS_PER_S)
    assert status(venue) == "VOIDED"
    assert [market.status for market in venue.lifecycle.live()] == ["LISTED"]


def test_a_price_older_than_ten_seconds_does_not_open_a_market(venue: Exchange) -> None:
    # The opening price is 300 s old when the next market should open on it.
    venue.on_timer(EXPIRY_NS)
    assert status(venue, "BTC-5M-1795223400") == "LISTED"
    price(venue, 61_000, EXPIRY_NS + 5 * NS_PER_S)
    assert venue.trading.market("BTC-5M-1795223400").strike_units == 61_000 * UNIT


def test_a_market_whose_last_price_is_too_old_is_voided_and_pays_half_for_each_share(
    maker: Client, taker: Client
) -> None:
    venue = maker.venue
    before = venue.ledger.total_micros()
    maker.order("bid", "no", "0.46", 31)
    taker.order("bid", "yes", "0.54", 31)
    cash = venue.ledger.account("mm1").cash_micros
    venue.on_timer(EXPIRY_NS)
    venue.on_timer(EXPIRY_NS + NS_PER_S)
    assert venue.trading.market(MARKET).result == "void"
    assert venue.ledger.account("mm1").cash_micros - cash == 15_500_000
    assert venue.ledger.total_micros() == before


def test_an_administrator_can_void_a_market(venue: Exchange, maker: Client) -> None:
    maker.order("bid", "no", "0.46", 31)
    admin = Client(venue, "admin", key="admin", connection=9)
    assert admin.rest("POST", f"/admin/markets/{MARKET}/void")["market"]["status"] == "VOIDED"
    assert maker.rest("GET", "/orders/by-client-id/1")["order"]["reason"] == "market_voided"
    assert admin.request("POST", f"/admin/markets/{MARKET}/void").status == 409


def test_followers_of_markets_see_every_step(maker: Client) -> None:
    maker.connect()
    maker.ws({"op": "subscribe", "id": 3, "channels": ["markets"]})
    seen = maker.take(maker.venue.on_price("BTC", 60_001 * UNIT, 60_001 * UNIT, EXPIRY_NS))
    seen += maker.take(maker.venue.on_timer(EXPIRY_NS + NS_PER_S))
    steps = [(frame["market"]["id"], frame["market"]["status"]) for frame in seen if frame["type"] == "market"]
    assert (MARKET, "CLOSED") in steps
    assert (MARKET, "RESOLVED") in steps
    assert steps.index((MARKET, "CLOSED")) < steps.index((MARKET, "RESOLVED"))


def test_a_rolling_calendar_starts_at_once_and_then_keeps_to_round_boundaries() -> None:
    calendar = RollingCalendar(300)
    assert calendar.first_window(910) == Window(910, 1200)
    assert calendar.first_window(1150) == Window(1150, 1500)
    assert calendar.next_window(1200) == Window(1200, 1500)
    assert calendar.next_window(1201) == Window(1500, 1800)


def test_a_loop_calendar_repeats_the_windows_of_a_recording() -> None:
    calendar = LoopCalendar(1000, 305, (Window(5, 305),))
    assert calendar.first_window(1000) == Window(1005, 1305)
    assert calendar.next_window(1305) == Window(1310, 1610)
    assert calendar.next_window(1311) == Window(1615, 1915)


def test_many_series_roll_for_a_day_with_one_open_market_each() -> None:
    venue = opened(config(assets=("BTC", "ETH")))
    for step in range(1, 24 * 60):
        now_ns = NOW_NS + step * 60 * NS_PER_S
        for asset in ("BTC", "ETH"):
            venue.on_price(asset, (60_000 + step % 7) * UNIT, (60_000 + step % 7) * UNIT, now_ns)
        venue.on_timer(now_ns)
        for asset in ("BTC", "ETH"):
            live = [market.status for market in venue.lifecycle.live() if market.asset == asset]
            assert live.count("OPEN") == 1
            assert live.count("LISTED") == 1
    results = [market.result for market in venue.trading.markets.values() if market.status == "RESOLVED"]
    assert len(results) >= 2 * 286
    assert {"yes", "no"} == set(results)
