"""Which markets a series of Polymarket has at a time, by New York's clock, and which series we know at all."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from common.errors import ConfigError
from common.events import MarketStatus, SettlementRule, TieRule
from feed.config import Source, parse_venues, places
from feed.venues.polymarket.listing import MarketFields, listing_of
from feed.venues.polymarket.series import LONG_NAMES, NEW_YORK, Series
from feed.venues.polymarket.stream import Polymarket
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000
FORMS = ("btc-updown-5m", "btc-updown-15m", "btc-updown-4h", "btc-up-or-down-hourly", "btc-up-or-down-daily")


def at(text: str) -> int:
    """Return a time of UTC in seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


# The seconds in the names of four-hour markets as they were seen, in winter and in summer.
@pytest.mark.parametrize("start", [1768856400, 1767387600, 1769288400, 1779537600, 1787414400, 1778947200])
def test_r23_four_hours_begin_at_whole_four_hours_of_new_york(start: int) -> None:
    adapter = Polymarket(["btc-updown-4h"], "wss://x", "https://clob.x")
    assert f"slug=btc-updown-4h-{start}&" in adapter.markets_url((start + 60) * S)
    window = Series("btc-updown-4h").window(f"btc-updown-4h-{start}")
    assert window is not None
    assert (window.open_s, window.end_s - window.open_s) == (start, 14_400)


@pytest.mark.parametrize(
    ("series", "now", "slug"),
    [
        ("btc-up-or-down-hourly", "2026-05-16T18:30:00", "bitcoin-up-or-down-may-16-2026-2pm-et"),
        ("btc-up-or-down-hourly", "2026-01-24T05:00:00", "bitcoin-up-or-down-january-24-2026-12am-et"),
        ("eth-up-or-down-hourly", "2026-09-21T00:10:00", "ethereum-up-or-down-september-20-2026-8pm-et"),
        ("xrp-up-or-down-hourly", "2026-01-24T17:59:59", "xrp-up-or-down-january-24-2026-12pm-et"),
        ("btc-up-or-down-daily", "2026-09-19T15:59:59", "bitcoin-up-or-down-on-september-19-2026"),
        ("btc-up-or-down-daily", "2026-09-19T16:00:00", "bitcoin-up-or-down-on-september-20-2026"),
        ("sol-up-or-down-daily", "2026-12-31T17:00:00", "solana-up-or-down-on-january-1-2027"),
    ],
)
def test_r23_hours_and_days_have_names_of_their_own(series: str, now: str, slug: str) -> None:
    (window,) = Series(series).windows(at(now), at(now))
    assert window.slug == slug
    assert Series(series).window(slug) == window


def test_r23_the_hours_of_both_changes_of_the_clock() -> None:
    hourly = Series("btc-up-or-down-hourly")
    spring = hourly.windows(at("2026-03-08T06:00:00"), at("2026-03-08T07:00:00"))
    assert [window.slug[-10:] for window in spring] == ["026-1am-et", "026-3am-et"], "two o'clock does not come"
    autumn = hourly.windows(at("2026-11-01T05:00:00"), at("2026-11-01T06:00:00"))
    assert [window.slug[-10:] for window in autumn] == ["026-1am-et", "026-1am-et"], "one o'clock comes twice"
    assert hourly.window(autumn[0].slug) == autumn[0]


def test_r23_four_hours_and_days_across_both_changes_of_the_clock() -> None:
    for day, hours in (("2026-03-08", 3), ("2026-11-01", 5)):
        (night,) = Series("btc-updown-4h").windows(at(f"{day}T06:30:00"), at(f"{day}T06:30:00"))
        assert (night.end_s - night.open_s) / 3_600 == hours
        assert datetime.fromtimestamp(night.end_s, NEW_YORK).hour == 4
        (noon,) = Series("btc-up-or-down-daily").windows(at(f"{day}T12:00:00"), at(f"{day}T12:00:00"))
        assert (noon.end_s - noon.open_s) / 3_600 == 20 + hours


@given(st.sampled_from(FORMS), st.integers(at("2024-01-01"), at("2034-01-01")))
def test_r23_there_is_one_market_at_any_time_and_its_name_leads_back_to_it(form: str, now_s: int) -> None:
    series = Series(form)
    (window,) = series.windows(now_s, now_s)
    assert window.open_s <= now_s < window.end_s
    found = series.window(window.slug)
    assert found is not None
    # An hour that comes twice has one name.
    assert found == window or (form.endswith("hourly") and window.open_s - found.open_s == 3_600)
    around = series.windows(now_s - 90_000, now_s + 90_000)
    assert window in around
    assert all(before.end_s == after.open_s for before, after in pairwise(around))


UNKNOWN = [
    *("btc", "btc-updown-0m", "btc-updown-1h", "btc-updown-30m", "btc-updown-1d", "BTC-5M", "btc-up-or-down-weekly"),
    *("btc-updown-4h-1768856400", "bitcoin-up-or-down-november-21-1am-et", "pepe-up-or-down-hourly"),
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_r23_a_series_of_an_unknown_form_is_refused_at_configuration(name: str) -> None:
    with pytest.raises(ValueError, match="must be like btc-updown-5m"):
        Series(name)
    text = f'[venues.p]\nadapter = "polymarket"\nsymbols = ["{name}"]\nwebsocket = "wss://w.x"\nrest = "https://r.x"\n'
    with pytest.raises(ConfigError, match=f"venues.p.symbols: series '{name}'"):
        places(parse_venues(text), Source.LIVE, "", "http://127.0.0.1:9000")


OTHER = ["", "btc-updown-5m-", "btc-updown-5m-x", "btc-updown-5m-²", "btc-updown-15m-301", "-"]


@pytest.mark.parametrize("slug", OTHER)
def test_other_names_are_none_of_a_series(slug: str) -> None:
    assert [Series(form).window(slug) for form in FORMS] == [None] * len(FORMS)
    assert Series("btc-up-or-down-daily").window("bitcoin-up-or-down-on-february-30-2026") is None
    assert Series("btc-up-or-down-hourly").window("bitcoin-up-or-down-smarch-1-2026-1am-et") is None


def fields(series: Series, now_s: int, description: str) -> MarketFields:
    (window,) = series.windows(now_s, now_s)
    return MarketFields(
        condition_id="0x01",
        slug=window.slug,
        clob_token_ids='["1", "2"]',
        outcomes='["Up", "Down"]',
        end_date=datetime.fromtimestamp(window.end_s, UTC),
        order_price_min_tick_size=Decimal("0.01"),
        order_min_size=Decimal(5),
        accepting_orders=True,
        closed=False,
        description=description,
        resolution_source="https://www.binance.com/en/trade/BTC_USDT",
    )


def test_r2_hours_and_days_are_decided_by_a_price_of_binance_and_days_a_minute_late() -> None:
    now_s = at("2026-09-19T18:30:00")
    for name, words, tie, late_s in (
        ("btc-up-or-down-hourly", "Up if the close is greater than or equal to the open", TieRule.AT_OR_ABOVE, 0),
        ("btc-up-or-down-daily", "If exactly equal, this market will resolve 50-50.", TieRule.SPLIT, 60),
    ):
        series = Series(name)
        (window,) = series.windows(now_s, now_s)
        listing = listing_of(fields(series, now_s, words), series, window, now_s * S)
        assert (listing.settlement, listing.settlement_source) == (SettlementRule.LAST, "binance:BTCUSDT")
        assert (listing.tie_rule, listing.expiry_ns) == (tie, (window.end_s + late_s) * S)
        assert listing.status is MarketStatus.LISTED, "it has no strike yet"


def test_every_asset_of_the_long_names_has_its_series() -> None:
    for asset in LONG_NAMES:
        assert Series(f"{asset}-up-or-down-hourly").underlying == asset.upper()
