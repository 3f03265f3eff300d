"""The simulated rival: where he quotes, how late he is, and that money only changes hands."""

from __future__ import annotations

from dataclasses import replace

from exchange.config import ExchangeConfig
from exchange.market.markets import NS_PER_S
from exchange.market.matching import Order
from exchange.participants.rival import NS_PER_MS, RIVAL_ACCOUNT, RivalSettings
from exchange.settings import ExchangeSettings
from exchange.testing.venue import config
from exchange.venue import Exchange

START_NS = 1_795_222_800 * NS_PER_S
UNITS = 60_000 * 100_000_000


def venue_with(settings: RivalSettings, changed: ExchangeConfig | None = None) -> Exchange:
    venue = Exchange(replace(changed or config(), rival=settings))
    venue.start(START_NS)
    venue.on_price("BTC", UNITS, UNITS, START_NS)
    return venue


def after(venue: Exchange, ms: int, units: int = UNITS) -> list[Order]:
    """Let so much time pass at one price, and return what the rival has in the open market, bid first."""
    end_ns = venue.now_ns + ms * NS_PER_MS
    while venue.now_ns < end_ns:
        now_ns = venue.now_ns + 100 * NS_PER_MS
        venue.on_price("BTC", units, units, now_ns)
        venue.on_timer(now_ns)
    orders = venue.ledger.account(RIVAL_ACCOUNT).open_orders.values()
    return sorted((order for order in orders if isinstance(order, Order)), key=lambda order: not order.buys_yes)


def test_he_quotes_both_sides_around_his_value_rounded_outwards() -> None:
    venue = venue_with(RivalSettings(enabled=True, half_spread_ticks=3.0, size=40))
    bid, ask = after(venue, 3_000)
    assert (bid.yes_ticks, ask.yes_ticks, bid.size, ask.size) == (47, 53, 40, 40)
    assert bid.post_only
    assert ask.post_only
    assert venue.rival.quotes(50.3) == (47, 54)
    assert venue.rival.quotes(1.0) == (None, 4)
    assert venue.rival.quotes(99.0) == (96, None)


def test_he_follows_a_price_late() -> None:
    venue = venue_with(RivalSettings(enabled=True, look_ms=200, late_ms=500))
    before = [order.yes_ticks for order in after(venue, 3_000)]
    higher = UNITS + UNITS // 2_000
    assert [order.yes_ticks for order in after(venue, 400, higher)] == before
    assert [order.yes_ticks for order in after(venue, 2_000, higher)] > before


def test_what_somebody_quotes_through_him_is_refused_and_he_comes_again() -> None:
    venue = venue_with(RivalSettings(enabled=True, look_ms=200, late_ms=200))
    after(venue, 2_000)
    venue.rival.settings = replace(venue.rival.settings, half_spread_ticks=0.0)
    assert len(after(venue, 1_000)) == 1, "his own two would trade with each other: the second is refused"
    venue.rival.settings = replace(venue.rival.settings, half_spread_ticks=3.0)
    assert [order.yes_ticks for order in after(venue, 1_000)] == [47, 53]


def test_r60_the_demo_has_a_rival_unless_told_otherwise_and_money_only_changes_hands() -> None:
    assert ExchangeSettings().rival
    assert not RivalSettings().enabled, "nobody but the demo has one unasked"
    venue = venue_with(RivalSettings(enabled=True, half_spread_ticks=1.0), config(takers=True))
    deposited = venue.ledger.total_micros()
    for second in range(330):
        after(venue, 1_000, UNITS + (second % 7) * UNITS // 20_000)
    account = venue.ledger.account(RIVAL_ACCOUNT)
    assert any(entry["type"] == "settlement" for _, entry in account.entries.rows)
    assert venue.ledger.total_micros() >= deposited
    assert (venue.ledger.total_micros() - deposited) % 1_000_000_000_000 == 0, "only whole deposits were added"


def test_without_a_rival_there_is_none() -> None:
    venue = venue_with(RivalSettings(enabled=False))
    assert after(venue, 3_000) == []
