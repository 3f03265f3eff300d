"""Rates between currencies: direct, inverse, over one cross, and none where nobody says it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from common.events import SourcePrice
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.spot.rates import AGE_NS_MAX, Rates
from risk.testing.events import NOW_NS, S, a_feed_status
from risk.testing.spot import DLTXMM, KRAKEN, a_pair, a_top

D = Decimal


def rates_of(**mids: float) -> Rates:
    """Return rates by pairs at KRAKEN."""
    rates = Rates()
    for symbol, mid in mids.items():
        rates.on_market(a_pair(KRAKEN, symbol))
        rates.on_top(a_top(KRAKEN, symbol, mid), NOW_NS)
    return rates


def a_source(**changed: object) -> SourcePrice:
    price = SourcePrice(algo_id="3", venue=DLTXMM, symbol="BTCJPY", bid=8_999_990.0, ask=9_000_010.0, age_ns=0)
    return msgspec.structs.replace(price, **changed)


def test_a_rate_is_direct_inverse_or_over_one_cross() -> None:
    rates = rates_of(BTCUSD=60_000, USDJPY=150)
    assert rates.rate("BTC", "USD", NOW_NS) == 60_000
    assert rates.rate("USD", "BTC", NOW_NS) == D("0.0000166666666666667")
    assert rates.rate("BTC", "JPY", NOW_NS) == 9_000_000
    assert rates.rate("JPY", "USD", NOW_NS) == D("0.00666666666666667")
    assert rates.rate("USD", "USD", NOW_NS) == 1


def test_no_rate_is_none_and_never_1() -> None:
    rates = rates_of(BTCUSD=60_000, ETHBTC=0.05, ADAETH=0.0002)
    assert rates.rate("EUR", "USD", NOW_NS) is None
    assert rates.rate("ETH", "USD", NOW_NS) == 3_000
    assert rates.rate("ADA", "USD", NOW_NS) is None, "two crosses are one too many"


def test_a_rate_has_an_age_and_a_quiet_book_of_a_living_venue_has_not() -> None:
    rates = rates_of(BTCUSD=60_000)
    late = NOW_NS + AGE_NS_MAX + 1
    assert rates.rate("BTC", "USD", late - 1) == 60_000
    assert rates.rate("BTC", "USD", late) is None
    rates.on_feed_status(a_feed_status(KRAKEN, silent_ns=2 * S), late)
    assert rates.rate("BTC", "USD", late + AGE_NS_MAX - 2 * S) == 60_000
    assert rates.rate("BTC", "USD", late + AGE_NS_MAX - 2 * S + 1) is None
    rates.on_feed_status(a_feed_status(KRAKEN, connected=False), late + AGE_NS_MAX)
    assert rates.rate("BTC", "USD", late + AGE_NS_MAX) is None
    rates.on_feed_status(a_feed_status(KRAKEN, stale_symbols=["BTCUSD"]), late)
    assert rates.rate("BTC", "USD", late) is None, "a book that cannot be believed"


@pytest.mark.parametrize(
    ("bid", "ask"), [(0.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0), (-1.0, 1.0)]
)
def test_what_is_no_price_says_nothing(bid: float, ask: float) -> None:
    rates = rates_of(BTCUSD=60_000)
    rates.on_top(msgspec.structs.replace(a_top(KRAKEN, "BTCUSD", 1), bid=bid, ask=ask), NOW_NS)
    rates.on_top(a_top(KRAKEN, "NOBODY", 1), NOW_NS)
    assert rates.rate("BTC", "USD", NOW_NS) == 60_000


def test_a_bots_instrument_is_marked_by_its_source_price_then_by_its_market_then_by_others_of_the_pair() -> None:
    rates = Rates()
    for venue in (DLTXMM, KRAKEN):
        rates.on_market(a_pair(venue, "BTCJPY"))
    rates.on_top(a_top(KRAKEN, "BTCJPY", 9_300_000), NOW_NS)
    assert rates.mark("3", DLTXMM, "BTCJPY", NOW_NS) == 9_300_000
    rates.on_top(a_top(DLTXMM, "BTCJPY", 9_200_000), NOW_NS)
    assert rates.mark("3", DLTXMM, "BTCJPY", NOW_NS) == 9_200_000
    rates.on_source(a_source(unusable="stale"), NOW_NS)
    assert rates.mark("3", DLTXMM, "BTCJPY", NOW_NS) == 9_200_000
    rates.on_source(a_source(age_ns=S), NOW_NS)
    assert rates.mark("3", DLTXMM, "BTCJPY", NOW_NS) == 9_000_000
    assert rates.mark("4", DLTXMM, "BTCJPY", NOW_NS) == 9_200_000, "another bot's opinion is its own"
    assert rates.mark("3", DLTXMM, "BTCJPY", NOW_NS + AGE_NS_MAX) == 9_200_000, "a second older than it looks"


def test_where_no_book_is_known_a_source_price_is_the_rate() -> None:
    rates = Rates()
    rates.on_market(a_pair(DLTXMM, "BTCJPY"))
    rates.on_source(a_source(), NOW_NS)
    assert rates.rate("BTC", "JPY", NOW_NS) == 9_000_000


def test_of_two_markets_of_a_pair_the_newer_counts() -> None:
    rates = rates_of(BTCUSD=60_000)
    rates.on_market(a_pair(DLTXMM, "BTCUSD"))
    rates.on_top(a_top(DLTXMM, "BTCUSD", 61_000), NOW_NS + 1)
    assert rates.rate("BTC", "USD", NOW_NS + 1) == 61_000
    rates.on_top(a_top(KRAKEN, "BTCUSD", 62_000), NOW_NS + 2)
    assert rates.rate("BTC", "USD", NOW_NS + 2) == 62_000


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-6, 1e8), st.floats(1e-6, 1e8))
def test_rates_agree_with_exact_arithmetic(first: float, second: float) -> None:
    rates = rates_of(AAABBB=first, CCCBBB=second)
    half_first, half_second = a_top(KRAKEN, "AAABBB", first), a_top(KRAKEN, "CCCBBB", second)
    exact = Fraction(0.5 * (half_first.bid + half_first.ask)) / Fraction(0.5 * (half_second.bid + half_second.ask))
    found = rates.rate("AAA", "CCC", NOW_NS)
    assert found is not None
    assert abs(Fraction(found) / exact - 1) < Fraction(1, 10**13)
    back = rates.rate("CCC", "AAA", NOW_NS)
    assert back is not None
    assert abs(Fraction(found) * Fraction(back) - 1) < Fraction(1, 10**13)
