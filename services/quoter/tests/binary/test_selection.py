"""Which markets a bot works on."""

from __future__ import annotations

from typing import Any

import pytest
from common.bots import Selection
from common.events import QuoteTarget
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from quoter.binary.selection import Candidate, select
from quoter.testing.script import MARKET, START_NS, S, Script, config, fair_value, position
from quoter.testing.script import market as listed


def market(
    symbol: str,
    seconds_left: float,
    exposure: int = 0,
    *,
    managed: bool = False,
    working: bool = False,
    series: str = "BTC-5M",
    underlying: str = "BTC",
) -> Candidate:
    return Candidate(symbol, seconds_left, 300.0, exposure, managed, working, series, underlying)


def selected(*arguments: Any, **options: Any) -> list[str]:
    return select(*arguments, **options).symbols


def test_b26_all_are_scored_before_the_best_are_taken() -> None:
    found = selected([market("a", 100), market("b", 290), market("c", 200)], 2, 60, 1_000)
    assert found == ["b", "c"]


def test_b26_a_market_with_inventory_always_stays_and_counts() -> None:
    found = selected([market("new", 290), market("old", 10, 500, managed=True)], 1, 60, 1_000)
    assert found == ["old"]


def test_a_market_with_too_little_life_is_not_taken_up() -> None:
    assert selected([market("late", 59.9)], 5, 60, 1_000) == []


def test_ties_are_broken_by_name_not_by_order_of_arrival() -> None:
    one, two = market("a", 200), market("b", 200)
    assert selected([two, one], 1, 60, 1_000) == selected([one, two], 1, 60, 1_000) == ["a"]


def test_less_exposure_is_preferred() -> None:
    assert selected([market("full", 200, 300), market("empty", 200)], 1, 60, 1_000) == ["empty"]


candidates = st.lists(
    st.builds(
        Candidate,
        st.text("abc", min_size=1, max_size=3),
        st.floats(0, 300),
        st.just(300.0),
        st.integers(0, 500),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda each: each.symbol,
)


@given(candidates, st.integers(1, 5), st.randoms())
def test_selection_is_bounded_stable_and_keeps_what_is_managed(
    found: list[Candidate], most: int, random: object
) -> None:
    chosen = selected(found, most, 60, 1_000, close_threshold_s=5.0)
    managed = {each.symbol for each in found if each.managed}
    assert managed <= set(chosen)
    late = sum(each.seconds_left <= 5 for each in found if each.managed)
    assert len(chosen) <= max(most + late, len(managed))
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert selected(shuffled, most, 60, 1_000, close_threshold_s=5.0) == chosen


def test_b26_a_market_in_which_nothing_may_rest_any_more_takes_no_place() -> None:
    found = [market("over", 4.0, 500, managed=True), market("held", 30, 500, managed=True), market("new", 290)]
    assert selected(found, 2, 60, 1_000, close_threshold_s=5.0) == ["held", "over", "new"]
    assert selected(found, 2, 60, 1_000, close_threshold_s=3.0) == ["held", "over"]


@given(candidates, st.integers(0, 4), st.integers(0, 4), st.integers(1, 8))
def test_s1_8_caps_per_series_and_underlying_hold_for_what_is_taken_up(
    found: list[Candidate], per_series: int, per_underlying: int, most: int
) -> None:
    spread = [
        each._replace(series=f"{'AB'[place % 2]}-{place % 3}M", underlying="AB"[place % 2])
        for place, each in enumerate(found)
    ]
    rules = Selection(max_per_series=per_series, max_per_underlying=per_underlying)
    chosen = {each.symbol: each for each in spread if each.symbol in selected(spread, most, 60, 1_000, rules)}
    for cap, key in ((per_series, "series"), (per_underlying, "underlying")):
        for name in {getattr(each, key) for each in spread}:
            # What can rest no more takes no place.
            inside = [each for each in chosen.values() if getattr(each, key) == name and each.seconds_left > 0]
            assert not cap or len(inside) <= max(cap, sum(each.managed for each in inside))


def test_s1_8_a_capped_series_leaves_its_place_to_the_next_best() -> None:
    found = [market("a", 290), market("b", 280), market("c", 200, series="ETH-5M", underlying="ETH")]
    assert selected(found, 2, 60, 1_000, Selection(max_per_series=1)) == ["a", "c"]
    assert selected(found, 2, 60, 1_000, Selection(max_per_underlying=1)) == ["a", "c"]
    assert selected(found, 2, 60, 1_000) == ["a", "b"]


def test_a_market_that_is_worked_on_keeps_its_place_until_another_is_clearly_better() -> None:
    rules = Selection(keep_bonus=0.25)
    for left, expected in ((240, "old"), (224, "new")):
        found = [market("old", left, working=True), market("new", 300)]
        assert selected(found, 1, 60, 1_000, rules) == [expected]
    assert selected([market("old", 50, working=True)], 1, 60, 1_000, rules) == ["old"], "the least life is for new ones"


def two_markets(**sections: Any) -> Script:
    """Return a script with a market that has 290 s left and one that has 300 s left, of which one may be worked on."""
    script = Script()
    script.start(config(risk_limits={"max_markets": 1}, **sections))
    later = replace(listed(symbol=LATER), open_ns=START_NS + 12 * S, expiry_ns=START_NS + 312 * S)
    script.carry(script.core.on_market(later, script.receipt(3)))
    return script


LATER = "BTC-5M-1795223400"


def go_on(script: Script, seconds: float) -> set[str]:
    for _ in range(int(seconds * 20)):
        script.now_ns += 50_000_000
        script.feed_inputs()
        for symbol in (MARKET, LATER):
            script.carry(script.core.on_fair(fair_value(0.5, symbol=symbol), script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))
    return {order.market for order in script.venue.open_orders()}


@pytest.mark.parametrize(("bonus", "expected"), [(0.25, MARKET), (0.0, LATER)])
def test_selection_does_not_flap_between_markets_of_like_worth(bonus: float, expected: str) -> None:
    script = two_markets(selection={"keep_bonus": bonus})
    seen = [go_on(script, 1.0) for _ in range(5)]
    assert seen[-1] == {expected}
    assert len(script.core.bots["1"].quoted) == 1


def test_b26_with_inventory_a_better_market_does_not_take_its_place() -> None:
    script = two_markets(selection={"keep_bonus": 0.0})
    script.carry(script.core.on_position(position(10, yes=5), script.receipt()))
    assert go_on(script, 2.0) == {MARKET}
    script.carry(script.core.on_position(position(11), script.receipt()))
    assert go_on(script, 2.0) == {LATER}


@pytest.mark.parametrize(("held", "expected"), [(0, "BTC-5M-B"), (300, "ETH-5M-B")])
def test_s1_8_of_two_like_markets_the_one_of_the_underlying_with_less_exposure_is_preferred(
    held: int, expected: str
) -> None:
    script = Script()
    instrument = {
        "series": ["BTC-5M", "ETH-5M"],
        "sources": {"BTC": [{"symbol": "BTCUSDT"}], "ETH": [{"symbol": "ETHUSDT"}]},
    }
    script.start(config(instrument=instrument, risk_limits={"max_markets": 2}))
    script.carry(script.core.on_position(position(10, yes=held), script.receipt()))
    for symbol, asset, early_s in (("BTC-5M-B", "BTC", 1), ("ETH-5M-B", "ETH", 0)):
        terms = replace(
            listed(symbol=symbol),
            underlying=asset,
            series=f"{asset}-5M",
            open_ns=START_NS + (5 + early_s) * S,
            expiry_ns=START_NS + (305 + early_s) * S,
        )
        script.carry(script.core.on_market(terms, script.receipt(3)))
    held_market = script.core.markets[MARKET]
    script.wait(600)
    assert held_market.underlying == "BTC"
    lines = set(script.core.bots["1"].quoted)
    assert expected in lines
    assert len(lines) == 2


def test_r31_of_every_market_that_is_not_taken_up_it_is_said_why() -> None:
    found = [market("a", 290), market("b", 200), market("late", 40), market("c", 250, series="ETH-5M")]
    assert select(found, 1, 60, 1_000).passed_over == {
        "late": "40 s are left, a new market needs 60",
        "b": "max_markets is 1, and others are worth more",
        "c": "max_markets is 1, and others are worth more",
    }
    assert select(found, 3, 60, 1_000, Selection(max_per_series=1)).passed_over == {
        "late": "40 s are left, a new market needs 60",
        "b": "max_per_series is 1, and others are worth more",
    }
    assert select(found[:1], 0, 60, 1_000).passed_over == {"a": "the bot has no risk_limits"}
    assert select([market("held", 10, 5, managed=True)], 1, 60, 1_000).passed_over == {}


def test_r31_a_quoter_that_does_not_take_a_market_up_says_so_and_goes_on_saying_so() -> None:
    script = two_markets()
    script.told.clear()
    go_on(script, 3.0)
    told = [each for each in script.told if isinstance(each, QuoteTarget) and each.symbol == LATER]
    assert {(each.state, each.reason) for each in told} == {
        ("not_taken_up", "not taken up: max_markets is 1, and others are worth more")
    }
    assert 3 <= len(told) <= 6, "renewed within the 2 s after which a target is stale, not at every look"
    assert not any(each.bids or each.asks for each in told)
