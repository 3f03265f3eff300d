"""What of a holding will surely be taken before the end: by those who come, and by what others show."""

from __future__ import annotations

import random

import pytest
from common.bots import Inventory, Unwind
from common.events import Book, Level
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.plan import Opinion
from quoter.signals.reach import (
    ONE_TAKER_NS,
    SHOWN_HALF_LIFE_S,
    SIZE_MAX,
    STEP,
    UNBOUNDED,
    Arrivals,
    Comers,
    Reach,
    bearable,
)
from quoter.signals.share import Offer
from quoter.signals.signals import CALM
from quoter.testing.binary import market_of, plan, terms_of
from quoter.testing.script import MARKET, MARKET_LIMITS, START_NS, S, Script, config, market
from quoter.trading.strategy import Plan

INVENTORY = Inventory()
EXAMPLE = Inventory(flow_caution=4.0, flow_prior_per_min=6.0, flow_prior_s=20.0, flow_prior_size=40.0)
NOTHING = Reach(0.0, 0.0)


def watched(sold: int, bought: int, seen_s: float, size: int = 40) -> Comers:
    """Return what is known once so many takers of each direction have come in so many seconds."""
    comers = Comers(seen_s=seen_s)
    for number in range(sold):
        comers.sold.on_fill(size, number * S)
    for number in range(bought):
        comers.bought.on_fill(size, number * S)
    return comers


def test_the_worked_example_of_takers_who_are_few() -> None:
    comers = watched(2, 5, 100.0)
    expected = 10 / 120 * 12 / 27 * 200
    assert comers.surely(comers.sold, 200.0, EXAMPLE) == pytest.approx((expected**0.5 - 2.0) ** 2 * 40)
    assert comers.surely(comers.sold, 200.0, EXAMPLE) == pytest.approx(20.8, abs=0.1)
    assert comers.surely(comers.sold, 100.0, EXAMPLE) == 0.0, "of 3.7 who are expected perhaps none comes"


@pytest.mark.parametrize(("rate", "left_s"), [(0.055, 145.0), (0.055, 195.0), (0.055, 245.0), (0.27, 55.0)])
def test_r66_the_bound_is_that_of_the_best_policy_for_takers_whose_rate_is_known(rate: float, left_s: float) -> None:
    """Dynamic programming over net and time, for sizes of median 20 and sigma 1.2, gives the bounds compared with."""
    best = {145.0: 48, 195.0: 97, 245.0: 154, 55.0: 190}[left_s]
    known = Inventory(flow_caution=4.0, flow_prior_per_min=60 * rate, flow_prior_s=86_400.0, flow_prior_size=50.0)
    assert Comers().reach(left_s, known, NOTHING, 10).long == pytest.approx(best, abs=10)


def test_r66_one_side_alone_is_shown_once_perhaps_nobody_comes_for_what_would_be_added() -> None:
    comers = watched(10, 5, 150.0)
    found = [comers.reach(left_s, EXAMPLE, NOTHING, 10) for left_s in (100.0, 65.0, 45.0)]
    assert [(each.long_comes, each.short_comes) for each in found] == [(True, True), (True, False), (False, False)]
    beside = comers.reach(45.0, EXAMPLE, Reach(0.0, 50.0), 10)
    assert (beside.long_comes, beside.short_comes) == (False, True), "others show a way out"


def test_what_few_takers_say_of_a_direction_and_of_sizes_counts_little() -> None:
    large, one_way, both = watched(2, 2, 40.0, SIZE_MAX), watched(4, 0, 40.0), watched(2, 2, 40.0)
    plain = both.surely(both.sold, 200.0, EXAMPLE)
    assert plain < large.surely(large.sold, 200.0, EXAMPLE) < 1.3 * plain
    assert 0.6 * plain < one_way.surely(one_way.bought, 200.0, EXAMPLE) < plain
    many = watched(150, 0, 300.0)
    assert many.surely(many.bought, 200.0, EXAMPLE) < 0.2 * many.surely(many.sold, 200.0, EXAMPLE)


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
        comers, at_s = Comers(seen_s=150.0), 0.0
        while (at_s := at_s + draw.expovariate(2 * rate)) < 150.0:
            side = draw.choice((comers.sold, comers.bought))
            side.on_fill(max(1, round(20 * draw.lognormvariate(0.0, 1.2))), round(at_s * S))
        surely, taken, at_s = comers.surely(comers.sold, left_s, INVENTORY), 0, 0.0
        while (at_s := at_s + draw.expovariate(rate)) < left_s:
            taken += max(1, round(20 * draw.lognormvariate(0.0, 1.2)))
        kept += taken + 10 >= surely
    assert kept >= 480


@given(st.floats(0, 1e5), st.integers(0, 500))
def test_the_more_come_and_the_more_time_is_left_the_more_is_sure(left_s: float, count: int) -> None:
    fewer, more = watched(count, 20, 600.0), watched(count + 1, 20, 600.0)
    found = fewer.surely(fewer.sold, left_s, INVENTORY)
    assert found <= fewer.surely(fewer.sold, left_s + 10.0, INVENTORY) + 1e-9
    assert found <= more.surely(more.sold, left_s, INVENTORY) + 1e-9


@given(st.floats(0, 1e5), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_r66_what_may_be_left_may_be_held_however_few_come(left_s: float, sold: int, bought: int, end_net: int) -> None:
    inventory = Inventory(end_net=end_net)
    found = watched(sold, bought, 300.0).reach(left_s, inventory, NOTHING, 0)
    assert min(found.long, found.short) > end_net - STEP


def test_r66_one_sided_flow_bounds_the_side_that_nobody_takes_back() -> None:
    comers = Comers()
    for second in range(1, 120):
        comers.update(second * S)
        if second % 2:
            comers.on_fill(-20, second * S)
    found = comers.reach(100.0, INVENTORY, NOTHING, 10)
    assert found.long > 200, "buyers come all the time"
    assert found.short < 30, "nobody has sold to us"
    assert found.of(-5) == found.short
    assert found.of(0) == found.short


def test_time_in_which_nothing_of_ours_stands_says_nothing_of_who_comes() -> None:
    comers = Comers()
    comers.update(S)
    comers.update(61 * S)
    assert comers.seen_s == 0.0, "nor does it before anybody has come"
    comers.on_fill(20, 61 * S)
    comers.update(71 * S)
    comers.rest(500 * S)
    comers.update(501 * S)
    assert comers.seen_s == pytest.approx(11.0, rel=0.02)


def test_what_others_show_at_a_bearable_price_is_a_way_out() -> None:
    unwind = Unwind(taker_fee=0.0, max_cross_cost=0.05)
    yes = terms_of(market()).pair.yes
    book = [Offer(49, 100), Offer(46, 200), Offer(44, 500)]
    assert bearable(book, 0.50, yes, selling=True, unwind=unwind) == 300
    assert bearable([Offer(52, 70)], 0.50, yes, selling=False, unwind=unwind) == 70
    comers = Comers()
    bare, shown = (comers.reach(10.0, INVENTORY, each, 10) for each in (NOTHING, Reach(300.0, 0.0)))
    assert (shown.long - bare.long, shown.short - bare.short) == (600.0, 0.0), "half of it, four times over"


def test_r66_what_others_show_counts_as_a_mean_because_their_quotes_come_and_go() -> None:
    comers, steady = Comers(), Comers()
    for tick in range(1, 301):
        now_ns = tick * S // 5
        flickering = comers.mean_shown(Reach(200.0 * (tick % 2), 0.0, others_bid=0.48), now_ns)
        always = steady.mean_shown(Reach(200.0, 0.0), now_ns)
    assert flickering.long == pytest.approx(100.0, rel=0.05)
    assert always.long == pytest.approx(200.0, rel=0.02)
    assert (flickering.short, flickering.others_bid) == (0.0, 0.48)
    gone = steady.mean_shown(NOTHING, 300 * S // 5 + round(SHOWN_HALF_LIFE_S) * S)
    assert gone.long == pytest.approx(100.0, rel=0.02), "half is forgotten"


def test_r66_a_rival_s_quotes_in_the_book_are_his_price_and_a_way_out() -> None:
    script = Script()
    script.start(config(inventory={"flow_caution": 4.0}))
    script.wait(700, fair=0.50)
    before = market_of(script).signals.reach
    rival = Book(
        venue="degen",
        symbol=MARKET,
        bids=[Level(0.49, 200.0)],
        asks=[Level(0.90, 500.0)],
        ts_event_ns=script.now_ns,
        ts_received_ns=script.now_ns,
        epoch=1,
    )
    for _ in range(50):
        script.carry(script.core.on_book(rival, script.receipt()))
        script.wait(200, fair=0.50)
    after = market_of(script).signals.reach
    assert (after.others_bid, after.others_ask) == (0.49, 0.0), "nobody would pay 0.90 for what is worth 0.50"
    assert after.long > before.long + 100
    assert after.short == pytest.approx(before.short, abs=10)


def test_r66_a_quote_that_moves_lends_nothing_to_what_may_be_held() -> None:
    script = Script()
    script.start(config(inventory={"flow_caution": 4.0}))
    script.wait(700, fair=0.50)
    before = market_of(script).signals.reach
    script.carry(script.core.on_book(book_of(script), script.receipt()))
    script.wait(200, fair=0.55)
    assert before.long < 1_000, "a bound is in force"
    assert market_of(script).signals.reach == before


def book_of(script: Script) -> Book:
    """Return a book in which nobody but us has orders."""
    asks = [order for order in script.venue.open_orders() if order.outcome == "no"]
    bids = [order for order in script.venue.open_orders() if order.outcome == "yes"]
    return Book(
        venue="degen",
        symbol=MARKET,
        bids=[Level(float(order.price), float(order.size)) for order in bids],
        asks=[Level(1.0 - float(order.price), float(order.size)) for order in asks],
        ts_event_ns=script.now_ns,
        ts_received_ns=script.now_ns,
        epoch=1,
    )


def test_without_caution_the_configured_bounds_stand_alone() -> None:
    inventory = Inventory(flow_caution=0.0)
    assert Comers().reach(1.0, inventory, NOTHING, 10) == UNBOUNDED


@pytest.mark.parametrize(("held", "fair"), [(Held(120, 0), 0.005), (Held(0, 120), 0.995), (Held(120, 0), 0.02)])
def test_r66_what_is_left_is_offered_on_the_grid_even_when_it_is_all_but_dead(held: Held, fair: float) -> None:
    script = Script()
    script.start(config())
    quoted = market_of(script)
    now_ns = START_NS + 280 * S
    found = plan(Opinion(fair, 0.5, 0.0, CALM), held, now_ns, quoted.terms, quoted.config, MARKET_LIMITS)
    side = found.asks if held.yes_lots else found.bids
    assert sum(level.quantity_lots for level in side) == 120


@pytest.mark.parametrize(("net", "fair"), [(120, 0.985), (-120, 0.015)])
def test_r66_what_is_held_is_offered_on_the_grid_long_before_the_end_too(net: int, fair: float) -> None:
    script = Script()
    script.start(config())
    quoted = market_of(script)
    found = [
        plan(Opinion(fair, 0.5, 0.0, CALM), held, START_NS + 100 * S, quoted.terms, quoted.config, MARKET_LIMITS)
        for held in (Held(max(net, 0), max(-net, 0)), Held(0, 0))
    ]
    giving, flat = [each.asks if net > 0 else each.bids for each in found]
    assert [level.price_ticks for level in giving] == [99 if net > 0 else 1]
    assert flat == [], "nobody who holds nothing bids a cent for what is all but dead"


@pytest.mark.parametrize("net", [100, -100])
@pytest.mark.parametrize(("reach", "cents"), [(40.0, 3), (50.0, 1)])
def test_r66_where_nobody_may_come_in_time_a_net_is_offered_below_its_worth_and_added_to_by_a_lot(
    net: int, reach: float, cents: int
) -> None:
    found = half_way(net, Reach(reach, reach))
    giving, adding = (found.asks, found.bids) if net > 0 else (found.bids, found.asks)
    assert giving[0].price_ticks == (50 - cents if net > 0 else 50 + cents), "at most `reduce_cost` beyond fair value"
    assert [level.quantity_lots for level in adding] == [1]
    assert abs(adding[0].price_ticks - giving[0].price_ticks) >= 4


@pytest.mark.parametrize("net", [100, -100])
def test_r66_beside_others_a_net_that_is_not_sure_to_be_taken_is_offered_a_tick_better_than_theirs(net: int) -> None:
    others = Reach(100.0, 100.0, others_bid=0.49, others_ask=0.51)
    cheap = Reach(100.0, 100.0, others_bid=0.55, others_ask=0.45)
    found = [half_way(net, reach) for reach in (Reach(100.0, 100.0), others, cheap)]
    alone, beside, undercut = ((each.asks if net > 0 else each.bids)[0].price_ticks for each in found)
    assert (alone > 50) == (net > 0), "who has only us pays the spread"
    assert alone not in (50, beside)
    assert beside == 50
    assert undercut == (47 if net > 0 else 53), "never more than `reduce_cost` beyond fair value"


def half_way(net: int, reach: Reach) -> Plan:
    """Return what is quoted in the middle of a life with a net and what takers will surely bring."""
    script = Script()
    script.start(config())
    quoted = market_of(script)
    held, signals = Held(max(net, 0), max(-net, 0)), CALM._replace(reach=reach)
    return plan(Opinion(0.50, 0.5, 0.0, signals), held, START_NS + 150 * S, quoted.terms, quoted.config, MARKET_LIMITS)
