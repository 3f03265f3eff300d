"""Limits of spot bots: what they leave of what a bot may hold, by numbers worked by hand and for any position."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.errors import ConfigError
from common.events import Alert, Halt, NetBounds, SpotLimits, TradingStatistics
from common.instruments import CurrencyPair
from common.pretrade import LotBounds, limits_in
from hypothesis import given, settings
from hypothesis import strategies as st
from risk.hedging.counting import Figure
from risk.monitoring.platform_limits import ExposurePlatformLimits, parse_platform_limits
from risk.spot.bounds import NOTHING, Watched, headroom_of_currencies, hedger_headroom
from risk.testing.events import PLATFORM_LIMITS
from risk.testing.harness import Harness, kinds, of
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    DLTXMM,
    KRAKEN,
    SPOT_BOTS,
    SPOT_PLATFORM,
    a_cutoff,
    a_document,
    a_hedge,
    a_pair,
    a_quote,
    a_spot_bot,
    a_top,
)

D = Decimal


def a_harness(**limits: Any) -> Harness:
    """Return a started core with bot 3 in BTCJPY, its markets and prices."""
    harness = Harness(a_spot_bot(risk_limits=limits), BTCJPY_MARKET, BTCUSD_MARKET, platform=SPOT_PLATFORM)
    harness.tell(a_top(DLTXMM, "BTCJPY", 9_000_000))
    return harness


def spot_of(harness: Harness, algo_id: str = "3") -> SpotLimits:
    (spot,) = harness.risk_state().bot_limits[algo_id].kinds
    assert isinstance(spot, SpotLimits)
    return spot


def net_of(harness: Harness, algo_id: str = "3") -> NetBounds:
    net = spot_of(harness, algo_id).net
    assert net is not None
    return net


def test_a_bot_may_go_as_far_as_its_limits_leave_of_its_position() -> None:
    """Quotes bought 2 and hedges sold 1.5: the position is 0.5, so 2.5 longer and 3.5 shorter, from the 2 it holds."""
    harness = a_harness()
    harness.book(a_quote(1, 2_000))
    harness.book(a_hedge(2, -1_500))
    net = net_of(harness)
    assert (net.least, net.most) == (D("-1.5"), D("4.5"))
    assert net.why_most == "exposure 0.5, limits 3 long, 3 short"
    harness.book(a_quote(3, 1_000))
    assert (net_of(harness).least, net_of(harness).most) == (D("-1.5"), D("4.5")), "a fill of a quote leaves them"


def test_what_quotes_have_made_is_limited_by_itself() -> None:
    harness = a_harness(max_quoter_position_size="2.5")
    harness.book(a_quote(1, 2_000))
    harness.book(a_hedge(2, -2_000))
    net = net_of(harness)
    assert (net.most, net.why_most) == (D("2.5"), "net of quotes 2, max_quoter_position_size 2.5")
    assert (net.least, net.why_least) == (D("-1"), "exposure 0, limits 3 long, 3 short")


@pytest.mark.parametrize("nothing", [0, None, "", "0"])
def test_0_null_and_absent_are_the_platforms_limit(nothing: object) -> None:
    stated = dict.fromkeys(("max_long_exposure", "max_short_exposure", "max_quoter_position_size"), nothing)
    harness = a_harness(**stated, max_day_loss=nothing, min_sell_quote_active_time=nothing)
    assert (net_of(harness).least, net_of(harness).most) == (D(-4), D(6))
    limits = harness.risk_state().bot_limits["3"]
    assert limits.common.max_daily_loss == 400_000
    assert (spot_of(harness).min_buy_quote_ms, spot_of(harness).min_sell_quote_ms) == (300, 7)


def test_a_bot_without_risk_limits_or_market_has_no_limits() -> None:
    without = Harness(a_spot_bot(risk_limits=None), BTCJPY_MARKET, platform=SPOT_PLATFORM)
    assert without.risk_state().bot_limits == {}
    unknown = Harness(a_spot_bot(), platform=SPOT_PLATFORM)
    assert unknown.risk_state().bot_limits == {}
    assert unknown.risk_state().config_revisions == {"3": 1}
    unknown.tell(BTCJPY_MARKET)
    assert list(unknown.risk_state().bot_limits) == ["3"]


@pytest.mark.parametrize(
    ("platform", "why"),
    [
        (PLATFORM_LIMITS, "give its limits a table spot_bots"),
        (
            parse_platform_limits(
                SPOT_PLATFORM.model_dump(mode="json", exclude_none=True)
                | {"spot_bots": SPOT_BOTS | {"terms": {"USD": SPOT_BOTS["terms"]["JPY"]}}}
            ),
            "no limits in JPY",
        ),
    ],
)
def test_a_currency_of_which_the_platform_says_nothing_is_not_traded(platform: Any, why: str) -> None:
    harness = Harness(a_spot_bot(), BTCJPY_MARKET, platform=platform)
    assert harness.risk_state().bot_limits == {}
    assert why in str(harness.risk.state(harness.now_ns)["bots"][0]["limits"])


def watching(harness: Harness, currency: str, limits: dict[str, Any] | None = None, of_: str | None = None) -> None:
    harness.tell(a_document("risk_currency", "7", {"currency": currency, "exchange_algo_id": of_}))
    if limits is not None:
        harness.tell(a_document("currency_risk_limits", "7", limits))


def test_a_currencys_limit_binds_where_it_leaves_less() -> None:
    """Exposure 1 of 2 allowed: 1 more; short it may go to -1, so 2 less."""
    harness = a_harness()
    harness.book(a_quote(1, 1_000))
    watching(harness, "BTC", {"max_long_exposure": 2, "max_short_exposure": 1})
    net = net_of(harness)
    assert (net.least, net.most) == (D(-1), D(2))
    assert net.why_most == "risk-currency-7 (BTC) at 1, limits 2 long, 1 short"


def test_the_term_currency_counts_turned_round_at_the_mark() -> None:
    """1 BTC cost 9,000,000 JPY: 4,500,000 more may be spent, 0.5 BTC at 9,000,000; 22,500,000 may come, 2.5 BTC."""
    harness = a_harness()
    harness.book(a_quote(1, 1_000))
    watching(harness, "JPY", {"max_long_exposure": 13_500_000, "max_short_exposure": 13_500_000})
    net = net_of(harness)
    assert (net.least, net.most) == (D("-1.5"), D("1.5"))


def test_a_room_that_bots_share_is_dealt_out_in_equal_parts() -> None:
    harness = a_harness()
    for other in ("4", "5"):
        harness.tell(a_spot_bot(other))
    watching(harness, "BTC", {"max_long_exposure": 3, "max_short_exposure": 6})
    assert (net_of(harness).least, net_of(harness).most) == (D(-2), D(1)), "bots 3, 4 and 5 move BTC"
    watching(harness, "BTC", {"max_long_exposure": 3, "max_short_exposure": 6}, of_="4")
    assert (net_of(harness).least, net_of(harness).most) == (D(-3), D(3)), "what one bot is limited to binds that one"


def test_beyond_a_currencys_limit_nothing_adds_to_it_and_people_are_told() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 1_000))
    watching(harness, "BTC", {"max_long_exposure": "0.4", "max_short_exposure": 1})
    assert net_of(harness).most == D("0.4"), "less than the 1 it holds: no bid passes"
    said = harness.wait(2)
    assert "exposure_beyond_limit" in {kind for _, kind in kinds(said)}


def test_a_currency_that_nobody_can_say_leaves_no_room() -> None:
    harness = a_harness()
    harness.book(a_quote(1, 1_000, symbol="XYZJPY", algo_id="9"))
    watching(harness, "BTC")
    net = net_of(harness)
    assert net.most < -(10**14)
    assert "nobody says what XYZJPY at dltxmm_spot buys" in net.why_most
    assert "exposure_unknown" in {kind for _, kind in kinds(harness.wait(2))}


def test_a_currency_without_any_limit_leaves_no_room() -> None:
    harness = a_harness()
    harness.tell(a_pair(DLTXMM, "BTCJPY"))
    watching(harness, "BTC")
    assert net_of(harness).most == 3, "the platform's 20 for BTC leaves more than the bot's own"
    platform = parse_platform_limits(
        SPOT_PLATFORM.model_dump(mode="json", exclude_none=True) | {"spot_bots": SPOT_BOTS | {"exposures": {}}}
    )
    bare = Harness(a_spot_bot(), BTCJPY_MARKET, platform=platform)
    watching(bare, "BTC")
    assert "the platform has no limits for BTC" in net_of(bare).why_most


def test_bounds_are_those_of_one_market_in_its_lots_and_never_wider() -> None:
    harness = a_harness(max_long_exposure="1.0005", max_short_exposure="1.0005")
    given = harness.risk_state().bot_limits["3"]
    made = limits_in(given, BTCJPY_MARKET.instrument(), "USD")
    assert not isinstance(made, str)
    why = "exposure 0, limits 1.0005 long, 1.0005 short"
    assert made.net == LotBounds(-1_000, 1_000, why, why)
    elsewhere = limits_in(given, a_pair(KRAKEN, "BTCJPY").instrument(), "USD")
    assert not isinstance(elsewhere, str)
    assert elsewhere.net is None


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-3_000, 3_000),
    st.integers(-3_000, 3_000),
    st.sampled_from(["1", "-1", "0.5", "2"]),
    st.integers(1, 5_000),
    st.integers(1, 5_000),
)
def test_filled_to_its_bounds_no_bot_is_beyond_a_limit(
    quoted: int, hedged: int, factor: str, longest: int, shortest: int
) -> None:
    lot = D("0.001")
    harness = a_harness(max_long_exposure=str(longest * lot), max_short_exposure=str(shortest * lot))
    harness.book(a_cutoff(factor=factor))
    for number, (make, lots) in enumerate(((a_quote, quoted), (a_hedge, hedged)), 1):
        if lots:
            harness.book(make(number, lots))
    net = net_of(harness)
    position = (quoted + D(factor) * hedged) * lot
    held = quoted * lot
    assert position + (net.most - held) <= longest * lot
    assert -(position + (net.least - held)) <= shortest * lot
    most = D(10)
    assert quoted * lot + (net.most - held) <= most
    assert max(position + (net.most - held) - longest * lot, net.most - most) == 0, "one of them binds"


def test_a_hedgers_own_position_leaves_a_room() -> None:
    base = SPOT_PLATFORM.spot_bots.bases["BTC"]  # type: ignore[union-attr]
    assert hedger_headroom(None, base, D(-4), 1) == 13
    assert hedger_headroom(None, base, D(-4), -1) == 5
    assert hedger_headroom(None, base, D(-10), -1) == 0


@pytest.mark.parametrize("table", ["bases.BTC", "terms.JPY", "exposures.BTC"])
@pytest.mark.parametrize("fault", [0, None, "much", -1])
def test_a_platform_limit_of_spot_bots_that_is_no_bound_is_refused_by_name(table: str, fault: object) -> None:
    kind, currency = table.split(".")
    for name, sound in SPOT_BOTS[kind][currency].items():
        changed = {**SPOT_BOTS, kind: {**SPOT_BOTS[kind], currency: {**SPOT_BOTS[kind][currency], name: fault}}}
        document = SPOT_PLATFORM.model_dump(mode="json", exclude_none=True) | {"spot_bots": changed}
        with pytest.raises(ConfigError, match=f"spot_bots.{table}.{name}"):
            parse_platform_limits(document)
        assert sound


def test_why_a_running_bot_has_no_limits_is_told_once_its_market_should_be_there() -> None:
    harness = Harness(a_spot_bot(), platform=SPOT_PLATFORM)
    assert ("warning", "no_limits") not in kinds(harness.wait(29))
    assert ("warning", "no_limits") in kinds(harness.wait(3))
    texts = [alert.text for alert in of(Alert, harness.said) if alert.kind == "no_limits"]
    assert texts == ["may not trade: no market BTCJPY at DLTXMM is known yet"]


def test_a_document_that_cannot_be_read_is_told_and_counts_as_not_there() -> None:
    harness = a_harness()
    said = harness.tell(a_document("currency_risk_limits", "7", {"max_long_exposure": "lots"}))
    assert kinds(said) == [("critical", "config_refused")]
    assert kinds(harness.tell(a_spot_bot(revision=2, pricer={"min_spread": "wide"}))) == [
        ("critical", "config_refused")
    ]
    assert harness.risk_state().bot_limits == {}


def test_trouble_with_one_bot_takes_its_limits_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    harness = a_harness()
    harness.tell(a_spot_bot("4"))
    mark = harness.risk.spot.rates.mark

    def broken(algo_id: str, *place: Any) -> Decimal | None:
        if algo_id == "3":
            raise ArithmeticError("no such price")
        return mark(algo_id, *place)

    monkeypatch.setattr(harness.risk.spot.rates, "mark", broken)
    assert list(harness.risk_state().bot_limits) == ["4"]
    harness.wait(1)
    (halt,) = [each for each in of(Halt, harness.said) if each.scope == "bot-3"]
    assert (halt.reason, halt.detail) == ("exception", "ArithmeticError: no such price")
    assert "4" in {each.algo_id for each in of(TradingStatistics, harness.said)}


@settings(max_examples=100, deadline=None)
@given(
    st.decimals(-50, 50, places=3),
    st.decimals("0.001", 60, places=3),
    st.decimals("0.001", 60, places=3),
    st.integers(1, 7),
    st.sampled_from(["BTC", "JPY"]),
    st.sampled_from([None, "9000000", "0.37"]),
)
def test_bots_that_all_use_what_they_are_dealt_stay_within_a_currencys_limit(
    value: Decimal, longest: Decimal, shortest: Decimal, sharers: int, currency: str, mark: str | None
) -> None:
    limits = ExposurePlatformLimits(max_long_exposure=longest, max_short_exposure=shortest)
    watched = Watched("risk-currency-7", currency, Figure(value), limits, sharers)
    priced = None if mark is None else D(mark)
    (room,) = headroom_of_currencies([watched], CurrencyPair("BTC", "JPY"), priced)
    if currency == "BTC":
        worth, (longer, shorter) = D(1), (room.longer, room.shorter)
    elif priced is None:
        assert (room.longer, room.shorter) == (NOTHING, NOTHING), "without a price nothing is left"
        return
    else:
        # Who buys BTC spends JPY, so that headroom to buy is that of JPY to be short.
        worth, (longer, shorter) = priced, (room.shorter, room.longer)
    for limit, size, left in ((longest, value, longer), (shortest, -value, shorter)):
        after = size + left * worth * sharers
        rounding = D("1e-11") * sharers * max(D(1), worth)
        assert after <= limit + rounding or left <= 0
        assert left > 0 or size >= limit or abs(left) * worth <= D("1e-11") * max(D(1), worth)
