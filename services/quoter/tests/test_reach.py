"""What of a holding will surely be taken before the end: by those who come, and by what others show."""

from __future__ import annotations

import random

import pytest
from common.bots import Inventory, Unwind
from hypothesis import given
from hypothesis import strategies as st
from quoter.bot import new_line, terms_of
from quoter.crossing import Offer
from quoter.holdings import Held
from quoter.plan import Opinion, plan
from quoter.reach import ONE_TAKER_NS, SIZE_MAX, UNBOUNDED, Arrivals, Comers, Reach, bearable
from quoter.rehearsal.script import LIMITS, START_NS, S, Script, config, market
from quoter.signals import CALM

INVENTORY = Inventory()
EXAMPLE = Inventory(flow_caution=3.2, flow_prior_per_min=3.0, flow_prior_s=40.0, flow_prior_size=20.0)
NOTHING = Reach(0.0, 0.0)


def test_the_worked_example_of_takers_who_are_few() -> None:
    side = Arrivals()
    for number in range(6):
        side.on_fill(20, number * S)
    assert side.surely(160.0, 100.0, EXAMPLE) == pytest.approx(0.4**2 * 20)
    assert side.surely(160.0, 400.0, EXAMPLE) == pytest.approx(3.0**2 * 20)


def test_levels_of_one_taker_are_one_arrival_and_a_large_one_counts_as_little_as_any() -> None:
    side = Arrivals()
    for lots in (30, 100, 100):
        side.on_fill(lots, S)
    side.on_fill(5, S + ONE_TAKER_NS)
    assert (side.count, side.shares) == (2.0, SIZE_MAX + 5)


def test_r66_what_is_surely_taken_comes_in_nearly_all_of_many_lives() -> None:
    draw, rate, left_s = random.Random(3), 0.05, 150.0
    kept = 0
    for _ in range(500):
        side, at_s = Arrivals(), 0.0
        while (at_s := at_s + draw.expovariate(rate)) < 150.0:
            side.on_fill(max(1, round(20 * draw.lognormvariate(0.0, 1.2))), round(at_s * S))
        surely, taken, at_s = side.surely(150.0, left_s, INVENTORY), 0, 0.0
        while (at_s := at_s + draw.expovariate(rate)) < left_s:
            taken += max(1, round(20 * draw.lognormvariate(0.0, 1.2)))
        kept += taken + 10 >= surely
    assert kept >= 480


@given(st.floats(0, 1e5), st.integers(0, 500))
def test_the_more_come_and_the_more_time_is_left_the_more_is_sure(left_s: float, count: int) -> None:
    side, busier = Arrivals(), Arrivals()
    for number in range(count):
        side.on_fill(20, number * S)
        busier.on_fill(20, number * S)
    busier.on_fill(20, count * S)
    assert side.surely(600.0, left_s, INVENTORY) <= side.surely(600.0, left_s + 10.0, INVENTORY) + 1e-9
    assert side.surely(600.0, left_s, INVENTORY) <= busier.surely(600.0, left_s, INVENTORY) + 1e-9


def test_r66_one_sided_flow_bounds_the_side_that_nobody_takes_back() -> None:
    comers = Comers()
    for second in range(1, 120):
        comers.look(second * S)
        if second % 2:
            comers.on_fill(-20, second * S)
    found = comers.reach(100.0, INVENTORY, NOTHING, 10)
    assert found.long > 150, "buyers come all the time"
    assert found.short < 40, "nobody has sold to us"
    assert found.of(-5) == found.short
    assert found.of(0) == min(found)


def test_time_in_which_nothing_of_ours_stands_says_nothing_of_who_comes() -> None:
    comers = Comers()
    comers.look(S)
    comers.look(61 * S)
    assert comers.seen_s == 0.0, "nor does it before anybody has come"
    comers.on_fill(20, 61 * S)
    comers.look(71 * S)
    comers.rest(500 * S)
    comers.look(501 * S)
    assert comers.seen_s == pytest.approx(11.0, rel=0.02)


def test_what_others_show_at_a_bearable_price_is_a_way_out() -> None:
    unwind = Unwind(taker_fee=0.0, max_cross_cost=0.05)
    book = [Offer(49, 100), Offer(46, 200), Offer(44, 500)]
    assert bearable(book, 0.50, 100, selling=True, unwind=unwind) == 300
    assert bearable([Offer(52, 70)], 0.50, 100, selling=False, unwind=unwind) == 70
    comers = Comers()
    bare, shown = (comers.reach(10.0, INVENTORY, each, 10) for each in (NOTHING, Reach(300.0, 0.0)))
    assert (shown.long - bare.long, shown.short - bare.short) == (150.0, 0.0)


def test_without_caution_the_configured_bounds_stand_alone() -> None:
    inventory = Inventory(flow_caution=0.0)
    assert Comers().reach(1.0, inventory, NOTHING, 10) == UNBOUNDED


@pytest.mark.parametrize(("held", "fair"), [(Held(120, 0), 0.005), (Held(0, 120), 0.995), (Held(120, 0), 0.02)])
def test_r66_what_is_left_is_offered_on_the_grid_even_when_it_is_all_but_dead(held: Held, fair: float) -> None:
    script = Script()
    script.start(config())
    line = new_line(script.core.bots["1"], terms_of(market()))
    now_ns = START_NS + 270 * S
    found = plan(Opinion(fair, 0.5, 0.0, CALM), held, now_ns, line.terms, line.config, LIMITS)
    side = found.asks if held.yes_lots else found.bids
    assert sum(level.quantity_lots for level in side) == 120


@pytest.mark.parametrize("net", [100, -100])
def test_r66_where_nobody_may_come_in_time_a_net_is_offered_below_its_worth_and_added_to_by_a_lot(net: int) -> None:
    script = Script()
    script.start(config())
    line = new_line(script.core.bots["1"], terms_of(market()))
    held, signals = Held(max(net, 0), max(-net, 0)), CALM._replace(reach=Reach(50.0, 50.0))
    found = plan(Opinion(0.50, 0.5, 0.0, signals), held, START_NS + 150 * S, line.terms, line.config, LIMITS)
    giving, adding = (found.asks, found.bids) if net > 0 else (found.bids, found.asks)
    assert giving[0].price_ticks == (47 if net > 0 else 53), "three cents, `reduce_cost`, better than fair value"
    assert [level.quantity_lots for level in adding] == [1]
    assert abs(adding[0].price_ticks - giving[0].price_ticks) >= 4
