"""Exposure over strikes and expiries: netted by how each share moves, never share for share."""

from __future__ import annotations

import math

import pytest
from common.bots import Exposure
from hypothesis import given
from hypothesis import strategies as st
from quoter.exposure import Leg, net_skews, per_percent, shocked, summary
from quoter.rehearsal.script import MARKET, Script, config, fair_value, market, position
from scipy.stats import norm

SPOT = 60_000.0
LATER = "BTC-5M-1795223400"


def leg(symbol: str, net: int, distance: float, deviation: float) -> Leg:
    """Return a leg of a market so many deviations in the money, of which so much of the log price is left."""
    return Leg(symbol, net, float(norm.cdf(distance)), float(norm.pdf(distance)) / (SPOT * deviation), SPOT)


legs = st.lists(
    st.builds(leg, st.just("M"), st.integers(-1_000, 1_000), st.floats(-3, 3), st.floats(1e-4, 0.02)), max_size=6
)


def test_b27_equal_and_opposite_shares_of_two_expiries_do_not_cancel() -> None:
    near, far = leg("12:00", 500, 0.2, 0.0005), leg("12:05", -500, 0.2, 0.0015)
    assert per_percent([near, far]) > 1_000, "the nearer one moves three times as much"
    matched = leg("12:05", -1_500, 0.2, 0.0015)
    assert per_percent([near, matched]) == pytest.approx(0.0, abs=1e-6)


def test_b27_a_share_far_from_its_strike_hedges_nothing() -> None:
    at_the_money, dead = leg("A", 500, 0.0, 0.001), leg("B", -500, 4.0, 0.001)
    assert per_percent([at_the_money, dead]) == pytest.approx(per_percent([at_the_money]), rel=0.001)


@given(st.floats(-3, 3), st.floats(1e-4, 0.02), st.floats(-0.03, 0.03))
def test_a_shock_moves_a_share_as_its_own_model_says(distance: float, deviation: float, shock: float) -> None:
    found = shocked(leg("M", 1, distance, deviation), shock)
    assert found == pytest.approx(float(norm.cdf(distance + math.log1p(shock) / deviation)), abs=1e-9)


@given(legs)
def test_a_small_shock_agrees_with_the_first_order(found: list[Leg]) -> None:
    tiny = 1e-7
    change = sum(each.net * (shocked(each, tiny) - shocked(each, -tiny)) for each in found)
    assert change / (2 * tiny) * 0.01 == pytest.approx(per_percent(found), rel=1e-2, abs=0.5)


@given(legs, st.lists(st.floats(-0.05, 0.05), max_size=6))
def test_the_worst_scenario_is_the_worst_and_bounded_by_what_is_held(found: list[Leg], shocks: list[float]) -> None:
    total = summary(found, shocks)
    losses = [-sum(each.net * (shocked(each, shock) - each.fair) for each in found) for shock in shocks]
    assert total.worst == pytest.approx(max([0.0, *losses]))
    assert total.worst <= sum(abs(each.net) for each in found)


@given(legs)
def test_f3_the_lean_is_bounded_and_against_what_the_others_hold(found: list[Leg]) -> None:
    named = [each._replace(symbol=str(place)) for place, each in enumerate(found)]
    limits = Exposure(max_per_percent=300, skew=0.015)
    for each in named:
        others = per_percent([other for other in named if other is not each])
        skew = net_skews(named, limits)[each.symbol]
        assert abs(skew) <= 0.015
        assert skew == pytest.approx(0.015 * max(-1, min(1, others / 300)), abs=1e-9)


def test_what_is_certain_or_unpriced_has_no_exposure() -> None:
    assert shocked(Leg("M", 5, 1.0, 0.0, SPOT), 0.01) == 1.0
    assert summary([Leg("M", 5, 0.0, 0.0, 0.0)], [0.01]) == (0.0, 0.0, 0.0)


def test_s1_8_a_holding_in_one_market_lowers_the_quotes_of_the_next() -> None:
    script = Script()
    script.start(config(exposure={"max_per_percent": 100, "skew": 0.02}))
    script.carry(script.core.on_market(market(symbol=LATER), script.receipt(3)))

    def go_on() -> dict[str, list[str]]:
        for _ in range(30):
            script.now_ns += 50_000_000
            script.feed_inputs()
            for symbol in (MARKET, LATER):
                fair = fair_value(0.50, symbol=symbol)
                moving = type(fair)(**{name: getattr(fair, name) for name in fair.__struct_fields__} | {"delta": 0.002})
                script.carry(script.core.on_fair(moving, script.receipt()))
            script.carry(script.core.on_timer(script.receipt()))
        found: dict[str, list[str]] = {MARKET: [], LATER: []}
        for order in script.venue.open_orders():
            if order.outcome == "yes":
                found[order.market].append(order.price)
        return {symbol: sorted(prices) for symbol, prices in found.items()}

    assert go_on()[LATER] == ["0.46", "0.47", "0.48"]
    script.carry(script.core.on_position(position(10, yes=150), script.receipt()))
    after = go_on()
    assert after[LATER] == ["0.44", "0.45", "0.46"]
    assert max(after[MARKET]) <= "0.48"
    state = script.core.state(script.now_ns)
    assert state["exposure"]["1"]["BTC"]["per_percent"] == pytest.approx(150 * 0.002 * 60_000 * 0.01)
