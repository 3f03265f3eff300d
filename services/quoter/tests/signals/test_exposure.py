"""Exposure over strikes and expiries: netted by how each share moves, never share for share."""

from __future__ import annotations

import math
from typing import Any

import pytest
from common.bots import Exposure
from common.instruments import Outcome
from common.testing.limits import changed
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from quoter.signals.exposure import Leg, Summary, closed_side, net_skews, per_percent, shocked, summary
from quoter.testing.binary import strategy_of
from quoter.testing.script import LIMITS, MARKET, Script, config, fair_value, market, position, position_line
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
    assert summary([Leg("M", 5, 0.0, 0.0, 0.0)], [0.01]) == (0.0, 0.0, 0.0, 0.0)


@given(legs)
def test_settlement_now_pays_what_is_in_the_money(found: list[Leg]) -> None:
    paid = sum(each.net for each in found if each.fair >= 0.5)
    worth = sum(each.net * each.fair for each in found)
    assert summary(found, []).settled == pytest.approx(paid - worth, abs=1e-6)


@given(legs, st.floats(1, 500))
def test_b27_the_side_that_is_closed_is_the_one_that_would_lose_more(found: list[Leg], limit: float) -> None:
    shocks = [-0.02, -0.005, 0.005, 0.02]
    now = summary(found, shocks)
    side = closed_side(now, Exposure(max_scenario_loss=limit))
    assert bool(side) == (now.worst > limit)
    if side:
        at_the_money = leg("N", 50 if side == "bid" else -50, 0.0, 0.002)
        assert summary([*found, at_the_money], shocks).worst > now.worst
        assert closed_side(now, Exposure(max_scenario_loss=0.0)) == ""


def test_a_limit_on_the_first_order_closes_the_side_that_adds_and_opens_it_a_little_lower() -> None:
    limits = Exposure(max_scenario_loss=0.0, limit_per_percent=100.0)
    assert [closed_side(Summary(each, 0.0, 0.0), limits) for each in (-101.0, -99.0, 99.0, 101.0)] == [
        "ask",
        "",
        "",
        "bid",
    ]
    assert closed_side(Summary(95.0, 0.0, 0.0), limits, "bid") == "bid"
    assert closed_side(Summary(89.0, 0.0, 0.0), limits, "bid") == ""


def priced(script: Script, *, yes: int, held_in: str = MARKET) -> dict[str, set[str]]:
    """Hold so many YES of a market, price all that are listed at even odds, and return the sides quoted in each."""
    sequence = strategy_of(script).shared.looked_at_ns
    state = replace(position(sequence), lines=[position_line(yes, symbol=held_in)] if yes else [])
    script.carry(script.core.on_position(state, script.receipt()))
    for _ in range(30):
        script.now_ns += 50_000_000
        script.feed_inputs(limits=WIDE)
        for symbol in (MARKET, LATER):
            fair = replace(fair_value(0.50, symbol=symbol), delta=0.004)
            script.carry(script.core.on_fair(fair, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))
    found: dict[str, set[str]] = {MARKET: set(), LATER: set()}
    for order in script.venue.open_orders():
        found[order.market].add(order.outcome)
    return found


WIDE = changed(LIMITS, max_position_lots=5_000, max_net_lots=5_000)
BOTH = {"yes", "no"}


def limited(**exposure: Any) -> Script:
    script = Script()
    script.start(config(exposure={"skew": 0.0} | exposure, inventory={"max_position": 5_000}))
    script.carry(script.core.on_market(market(symbol=LATER), script.receipt(3)))
    return script


def test_b27_beyond_the_scenario_limit_no_market_of_the_underlying_adds_to_it() -> None:
    script = limited(max_scenario_loss=100.0)
    assert priced(script, yes=100) == {MARKET: BOTH, LATER: BOTH}
    assert priced(script, yes=300) == {MARKET: {"no"}, LATER: {"no"}}
    targets = {line.terms.symbol: line.published for line in script.core.bots["1"].quoted.values()}
    assert all(told is not None and told[3] == "no bids: exposure over all markets" for told in targets.values())
    figures = {sample.name: sample.value for sample in script.core.samples() if sample.name.startswith("mm_exposure")}
    assert figures["mm_exposure_worst"] > 100.0
    assert priced(script, yes=100) == {MARKET: BOTH, LATER: BOTH}


def test_b14_what_pairs_off_a_holding_is_bid_for_whatever_the_exposure_elsewhere() -> None:
    script = limited(max_scenario_loss=100.0)
    state = position(10, yes=600)
    lines = [*state.lines, position_line(60, Outcome.NO, LATER)]
    script.carry(script.core.on_position(replace(state, lines=lines), script.receipt()))
    for _ in range(30):
        script.now_ns += 50_000_000
        script.feed_inputs(limits=WIDE)
        for symbol in (MARKET, LATER):
            fair = replace(fair_value(0.50, symbol=symbol), delta=0.004)
            script.carry(script.core.on_fair(fair, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))
    later = [order for order in script.venue.open_orders() if (order.market, order.outcome) == (LATER, "yes")]
    assert sum(order.size for order in later) == 60


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
