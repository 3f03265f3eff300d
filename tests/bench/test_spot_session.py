"""The spot session's prices, customers, venues and parts are what the benchmark says, whoever is measured with them."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from _session_venue import Schedule
from _spot_flow import RECORDED, Arrival, Flow, arrivals, fitted
from _spot_hour import FIXED, STYLES, Hour, Row, Task, run
from _spot_maker import BEYOND_COINS
from _spot_makers import SpotMaker, make, sections_with
from _spot_market import BEGIN_NS, HEDGE_TERMS, RIVAL, TARGET_TERMS, HedgeVenue, Target
from _spot_parts import NAMES, Parts
from _spot_plot import spot_svg
from _spot_report import case_of, report
from _spot_rival import HALF_SPREAD_BPS, LOOK_NS, Rival
from _spot_world import (
    HOUR_S,
    JUMP_BPS,
    JUMPS_PER_HOUR,
    NS_PER_S,
    ORDER_NS,
    SIZE_MAX,
    SIZE_MIN,
    STEP_NS,
    STEPS,
    TARGET_RATE,
    TARGET_REACH,
    VOLATILITY,
    YEAR_S,
    Taker,
    World,
    make_world,
    step_of,
    target_flow,
)
from common.errors import ConfigError
from exchange.spot.orders import SpotTicket
from hypothesis import given, settings
from hypothesis import strategies as st
from spot_session import main, parsed, tasks_of
from toolkit.platform.sources import recording_folders

SPOT, YEN = 60_000.0, 150.0
PRICE = 9_000_000
"""Yen of a coin, and ticks at the target."""


def a_world(takers: list[Taker], spots: dict[int, float] | None = None) -> World:
    """Return an hour in which nothing moves but the spot from some steps on."""
    path, nobody = np.full(STEPS + 1, SPOT), [np.zeros(STEPS) for _ in range(4)]
    for step, spot in (spots or {}).items():
        path[step:] = spot
    return World(path, np.full(STEPS + 1, YEN), takers, *nobody)


def a_target(world: World, informed: float = 0.0) -> tuple[Target, Schedule, Parts]:
    schedule, parts = Schedule(BEGIN_NS), Parts(SPOT, YEN, 1.0)
    venue = Target(world, schedule, parts, informed)
    venue.start()
    return venue, schedule, parts


def a_hedge(world: World) -> tuple[HedgeVenue, Schedule, Parts]:
    schedule, parts = Schedule(BEGIN_NS), Parts(SPOT, YEN, 1.0)
    venue = HedgeVenue(world, schedule, parts, (1, 0))
    venue.start()
    return venue, schedule, parts


def resting(venue: Target | HedgeVenue, side: str, ticks: int, lots: int, number: int = 1) -> SpotTicket:
    return SpotTicket(number, venue.terms.symbol, side, ticks, lots, post_only=True)  # type: ignore[arg-type]


def taker(*, buys: bool, reach_bps: float, size: float = 0.1, chance: float = 1.0, at_s: float = 1.0) -> Taker:
    return Taker(int(at_s * NS_PER_S), size, chance, buys, reach_bps * 1e-4)


# --- the flow ---------------------------------------------------------------------------------------------------------


def test_the_fit_finds_the_law_that_orders_were_drawn_from() -> None:
    random = np.random.default_rng(1)
    true, seconds = Flow(2.0, 0.8, 0.03, 1.5), 5_000.0
    distances = random.exponential(true.reach_bps, int(true.per_s * seconds))
    sizes = true.size_median * np.exp(random.normal(0.0, true.size_sigma, len(distances)))
    found = fitted([Arrival(*each) for each in zip(distances, sizes, strict=True)], seconds)
    assert found == pytest.approx(true, rel=0.05)
    assert found.rate(0.8) == pytest.approx(2.0 / math.e, rel=0.05)


def test_too_few_orders_are_not_fitted() -> None:
    with pytest.raises(ValueError, match="49 orders beyond"):
        fitted([Arrival(1.0, 1.0)] * 49 + [Arrival(0.01, 1.0)] * 100, 10.0)


def test_trades_of_one_aggressor_are_one_order_as_far_as_its_last_trade(tmp_path: Path) -> None:
    path = tmp_path / "binance.jsonl.gz"

    def line(stream: str, **data: Any) -> str:
        return f"1 {json.dumps({'stream': 'btcusdt@' + stream, 'data': data})}\n"

    with gzip.open(path, "wt") as file:
        file.write(f"1 {json.dumps({'lastUpdateId': 1, 'bids': [], 'asks': []})}\n")
        file.write(line("trade", p="1", q="1", T=0, m=True))
        file.write(line("bookTicker", b="99.99", a="100.01"))
        file.write(line("trade", p="100.01", q="0.5", T=1_000, m=False))
        file.write(line("bookTicker", b="99.99", a="100.02"))
        file.write(line("trade", p="100.03", q="0.25", T=1_000, m=False))
        file.write(line("bookTicker", b="99.98", a="100.02"))
        file.write(line("trade", p="99.95", q="2", T=3_000, m=True))
    found, seconds = arrivals(path)
    assert seconds == 2.0
    assert [each.size for each in found] == [0.75, 2.0]
    assert found[0].distance_bps == pytest.approx(3.0)
    assert found[1].distance_bps == pytest.approx(5.0)


@pytest.mark.parametrize(
    "path", [path for folder in recording_folders() for path in folder.glob("binance-spot-btcusdt_20240808.jsonl.gz")]
)
def test_the_stored_law_is_what_the_recording_says(path: Path) -> None:
    assert fitted(*arrivals(path)) == pytest.approx(RECORDED, rel=1e-3)


# --- the world --------------------------------------------------------------------------------------------------------


def test_an_hour_is_a_function_of_seed_and_number() -> None:
    one, same, other = (make_world(*which, RECORDED) for which in ((1, 2), (1, 2), (1, 3)))
    assert np.array_equal(one.spots, same.spots)
    assert one.takers == same.takers
    assert not np.array_equal(one.spots, other.spots)


def test_prices_move_as_much_as_it_says() -> None:
    hours = [make_world(1, hour, RECORDED) for hour in range(40)]
    moves = np.concatenate([np.diff(np.log(hour.spots)) for hour in hours])
    per_hour = np.sum(moves**2) / len(hours)
    said = VOLATILITY**2 * HOUR_S / YEAR_S + JUMPS_PER_HOUR * (JUMP_BPS * 1e-4) ** 2
    assert per_hour == pytest.approx(said, rel=0.06)


def test_as_many_come_as_it_says_and_go_as_far() -> None:
    hours = [make_world(1, hour, RECORDED) for hour in range(20)]
    flow, takers = target_flow(RECORDED), [each for hour in hours for each in hour.takers]
    assert (flow.per_s, flow.reach_bps) == (TARGET_RATE * RECORDED.per_s, TARGET_REACH * RECORDED.reach_bps)
    assert len(takers) / 20 / HOUR_S == pytest.approx(flow.per_s, rel=0.03)
    beyond = sum(each.reach > 5e-4 for each in takers) / 20 / HOUR_S
    assert beyond == pytest.approx(flow.rate(5.0), rel=0.06)
    assert all(SIZE_MIN <= each.size <= SIZE_MAX for each in takers)


@pytest.mark.parametrize(
    ("at_ns", "step"), [(-1, 0), (0, 0), (STEP_NS - 1, 0), (STEP_NS, 1), (HOUR_S * NS_PER_S + 1, STEPS)]
)
def test_a_time_belongs_to_the_step_before_it(at_ns: int, step: int) -> None:
    assert step_of(at_ns) == step


# --- the target -------------------------------------------------------------------------------------------------------


def test_a_quote_is_taken_by_who_goes_far_enough_and_told_one_way_later() -> None:
    near, far = taker(buys=True, reach_bps=4.9), taker(buys=True, reach_bps=5.1, at_s=2.0)
    venue, schedule, parts = a_target(a_world([near, far]))
    told: list[int] = []
    venue.on_facts = lambda facts, refused: told.append(schedule.now_ns)
    venue.send([], [resting(venue, "ask", round(PRICE * 1.0005), 300)])
    schedule.run()
    assert parts.quoter_fills == 1
    assert parts.coins == pytest.approx(-0.03), "all that was offered"
    assert parts.spread == pytest.approx(0.03 * 4_500)
    assert told == [BEGIN_NS + 2 * ORDER_NS, BEGIN_NS + 2 * NS_PER_S + ORDER_NS]


def test_who_knows_the_price_takes_what_will_pay_after_the_fee_and_nothing_else() -> None:
    knows = taker(buys=False, reach_bps=0.0, chance=0.0)
    for rises_bps, fills in ((3.0, 0), (8.0, 1)):
        moves = {5: SPOT * (1 + rises_bps * 1e-4)}
        venue, schedule, parts = a_target(a_world([knows], moves), informed=0.1)
        venue.send([], [resting(venue, "ask", round(PRICE * 1.0005), 300)])
        schedule.run()
        assert parts.quoter_fills == fills


def test_a_case_without_informed_customers_has_none() -> None:
    venue, schedule, parts = a_target(a_world([taker(buys=False, reach_bps=-100.0, chance=0.0)], {5: 2 * SPOT}))
    venue.send([], [resting(venue, "ask", round(PRICE * 1.0005), 300)])
    schedule.run()
    assert parts.quoter_fills == 0


def test_what_the_venue_refuses_comes_back_with_its_reason() -> None:
    venue, schedule, _ = a_target(a_world([]))
    told: list[Any] = []
    venue.on_facts = lambda facts, refused: told.extend(refused)
    venue.send([7], [replace(resting(venue, "ask", PRICE, 300), lots=0)])
    schedule.run()
    assert [(each.op, each.client_order_id) for each in told] == [("cancel", 7), ("place", 1)]
    assert venue.refused == 1


def test_the_rival_quotes_around_what_was_true_a_while_ago() -> None:
    venue, schedule, _ = a_target(a_world([], {40: SPOT * 1.01}))
    rival = Rival(venue, schedule, 1, 0)
    rival.start()
    shown: list[tuple[int | None, int | None]] = []
    for at_s in (5.0, 9.9, 10.2, 12.0):
        schedule.at(
            BEGIN_NS + int(at_s * NS_PER_S),
            lambda: shown.append((venue.book.best_bid_ticks(), venue.book.best_ask_ticks())),
        )
    schedule.run()
    before, after = (
        (round(mid * (1 - HALF_SPREAD_BPS * 1e-4)), round(mid * (1 + HALF_SPREAD_BPS * 1e-4)))
        for mid in (PRICE, PRICE * 1.01)
    )
    assert shown == [before, before, before, after]
    assert LOOK_NS > 0
    assert len(venue.exchange.ledger.account(RIVAL).open_orders) == 2


# --- the hedge venue --------------------------------------------------------------------------------------------------


def test_its_book_stands_around_the_price_and_what_was_taken_comes_back_slowly() -> None:
    venue, schedule, parts = a_hedge(a_world([]))
    venue.on_step(0)
    best, lots = venue.book.selling.levels(1)[0]
    assert best == math.ceil(600_000 * (1 + 0.3e-4))
    venue.send([], [SpotTicket(1, "BTCUSD", "bid", best, lots - 10, "ioc")])
    schedule.run()
    assert parts.coins == pytest.approx((lots - 10) * 1e-4)
    assert parts.slippage < 0.0
    left = []
    for step in (1, 20):
        venue.on_step(step)
        left.append(venue.book.selling.levels(1)[0][1])
    assert 10 <= left[0] < 0.2 * lots
    assert left[0] < left[1]


def test_its_customers_reach_an_order_that_rests_there() -> None:
    world = a_world([])
    world.bought[3], world.bought_reach[3] = 0.5, 1e-4
    venue, schedule, parts = a_hedge(world)
    venue.on_step(0)
    ticks = round(600_000 * (1 + 0.2e-4))
    venue.send([], [resting(venue, "ask", ticks, 1_000)])
    schedule.run()
    for step in (1, 2):
        venue.on_step(step)
    assert parts.hedge_fills == 0
    venue.on_step(3)
    assert parts.coins == pytest.approx(-0.1), "the best price is ours, and nobody stands before it"
    assert parts.fees < 0.0


def test_accounts_gain_what_the_parts_say_in_every_currency() -> None:
    world = a_world([taker(buys=True, reach_bps=6.0, size=0.3)])
    target, schedule, parts = a_target(world)
    hedge = HedgeVenue(world, schedule, parts, (1, 0))
    hedge.start()
    target.send([], [resting(target, "ask", round(PRICE * 1.0005), 3_000)])
    schedule.at(BEGIN_NS + 2 * NS_PER_S, lambda: hedge.on_step(8))
    ticket = SpotTicket(1, "BTCUSD", "bid", 601_000, 3_000, "ioc")
    schedule.at(BEGIN_NS + 3 * NS_PER_S, lambda: hedge.send([], [ticket]))
    schedule.run()
    yen, dollars = target.account.total("JPY") / 1e8, hedge.account.total("USD") / 1e6
    assert yen - 1e9 == pytest.approx(parts.yen, abs=1e-3)
    assert dollars - 1e7 == pytest.approx(parts.dollars, abs=1e-5)
    assert parts.coins == pytest.approx(0.0)
    assert (TARGET_TERMS.maker_fee_ppm, HEDGE_TERMS.taker_fee_ppm) == (0, 200)


# --- the parts --------------------------------------------------------------------------------------------------------


def test_an_hour_worked_by_hand() -> None:
    parts = Parts(60_000.0, 150.0, 0.4)
    parts.on_fill(0.5, 8_995_000.0, 0.0, hedge=False)
    assert (parts.spread, parts.coins) == (2_500.0, 0.5)
    parts.on_move(60_100.0, 150.0)
    assert parts.inventory == pytest.approx(0.5 * 100 * 150)
    parts.on_fill(-0.5, 60_090.0, 6.0, hedge=True)
    assert parts.slippage == pytest.approx(-0.5 * 10 * 150)
    assert parts.fees == pytest.approx(-900.0)
    parts.on_move(60_100.0, 151.0)
    assert parts.fx == pytest.approx((0.5 * 60_090 - 6) * 1)
    assert parts.total == pytest.approx(parts.wealth)
    assert (parts.steps, parts.steps_beyond) == (2, 1)


moves = st.tuples(st.just("move"), st.floats(50_000, 70_000), st.floats(120, 180))
fills = st.tuples(st.sampled_from(["quote", "hedge", "dollars"]), st.floats(-2, 2), st.floats(-20, 20))


@settings(max_examples=100)
@given(st.lists(moves | fills, max_size=30))
def test_the_parts_add_up_to_the_whole(happenings: list[tuple[str, float, float]]) -> None:
    parts = Parts(60_000.0, 150.0, 1.0)
    for what, first, second in happenings:
        if what == "move":
            parts.on_move(first, second)
        elif what == "dollars":
            parts.on_dollars(10_000 * first, parts.yen_rate * (1 + second * 1e-4), abs(first))
        else:
            true = parts.spot * (parts.yen_rate if what == "quote" else 1.0)
            parts.on_fill(first, true * (1 + second * 1e-4), abs(first) * 3.0, hedge=what == "hedge")
    assert parts.total == pytest.approx(parts.wealth, abs=1e-3)


# --- the makers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
def test_some_minutes_of_the_spot_bot_with_its_hedges_on_real_cores(style: str) -> None:
    task = Task(1, 0, 0.1, style, RECORDED, minutes=8)
    hour = Hour(task)
    maker = make(style, (), hour.target, hour.hedge, hour.schedule)
    maker.start()
    hour.run()
    parts = hour.parts
    assert parts.quoter_fills > 20
    assert parts.hedge_fills > 0
    assert parts.total == pytest.approx(parts.wealth, abs=0.01)
    accounts = (hour.target.account, hour.hedge.account)
    yen, dollars, coins = (sum(each.total(currency) for each in accounts) for currency in ("JPY", "USD", "BTC"))
    assert yen / 1e8 - 2e9 == pytest.approx(parts.yen, abs=0.01)
    assert dollars / 1e6 - 2e7 == pytest.approx(parts.dollars, abs=0.01)
    assert coins / 1e8 - 200 == pytest.approx(parts.coins, abs=1e-6)
    assert isinstance(maker, SpotMaker)
    (standing,) = (row for row in maker.risk.risk.hedges.state() if row["scope"] == "bot-1")
    assert abs(float(standing["figure"]) - parts.coins) < 0.3, "what is on its way is not booked yet"


def test_an_hour_is_a_function_of_its_task_and_the_fixed_bot_never_hedges() -> None:
    task = Task(1, 1, 0.3, FIXED, RECORDED, minutes=3)
    row = run(task)
    assert row == run(task)
    assert row.quoter_fills > 5
    assert (row.hedge_fills, row.hedge_coins, row.hedge_dollars) == (0, 0.0, 0.0)
    assert 0.0 <= min(row.nets) <= max(row.nets) <= BEYOND_COINS
    assert sum(row.parts.values()) == pytest.approx(row.pnl, abs=0.05)


def test_the_report_compares_the_same_hours_and_judges_ours_alone() -> None:
    def row(hour: int, pnl: float) -> Row:
        parts = dict.fromkeys(NAMES, 0.0) | {"spread": pnl}
        return Row(hour, pnl, parts, 400, 5, 10.0, 1.0, 0.0, 100, 90, 0, 7 * HOUR_S, 0.9, 0.001, (0.1,) * 59)

    first = {case_of(task): task for task in (Task(1, 0, 0.1, "LEAN", RECORDED), Task(1, 0, 0.1, FIXED, RECORDED))}
    by_case = {
        "LEAN, 10 % informed": [row(0, 30.0), row(1, 34.0)],
        "fixed, 10 % informed": [row(0, 10.0), row(1, 12.0)],
    }
    figures = {figure.name: figure for figure in report(by_case, first)}
    ahead = figures["LEAN, 10 % informed: P&L ahead of fixed, paired"]
    assert ahead.value == 21.0
    assert figures["LEAN, 10 % informed: ahead less two errors"].met
    assert figures["LEAN, 10 % informed: virtual time"].met is False
    assert figures["LEAN, 10 % informed: |net| beyond the maximum"].met
    judged = [name for name, figure in figures.items() if figure.met is not None and name.startswith("fixed")]
    assert judged == ["fixed, 10 % informed: whole less parts"]
    drawn = ElementTree.fromstring(spot_svg(by_case))  # noqa: S314  drawn by us
    assert sum("informed" in (text.text or "") for text in drawn.iter("{http://www.w3.org/2000/svg}text")) == 2


def test_settings_of_the_spot_bot_are_checked_before_anything_runs() -> None:
    assert sections_with("LEAN", ["pricer.buy_margins=4"])["pricer"]["buy_margins"] == "4"
    with pytest.raises(ConfigError, match="buy_margins"):
        sections_with("LEAN", ["pricer.buy_margins=none"])
    tasks = tasks_of(parsed(["--hours", "2", "--cases", "0,0.1"]), RECORDED)
    assert len(tasks) == 2 * 2 * 4
    with pytest.raises(SystemExit):
        parsed(["--resume"])


def test_the_command_runs_its_cases_keeps_their_rows_and_draws_them(tmp_path: Path) -> None:
    plot, rows = tmp_path / "spot.svg", tmp_path / "rows.jsonl"
    asked = ["--hours", "2", "--minutes", "2", "--cases", "0", "--maker", "LEAN", "--maker", "fixed", "--workers", "1"]
    figures = {each.name: each for each in main([*asked, "--plot", str(plot), "--rows", str(rows)])}
    assert figures["hours"].value == 4
    assert figures["LEAN, 0 % informed: whole less parts"].met
    assert "LEAN, 0 % informed: ahead less two errors" in figures
    assert len(rows.read_text().splitlines()) == 4
    again = {each.name: each for each in main([*asked, "--plot", str(plot), "--rows", str(rows), "--resume"])}
    assert again["LEAN, 0 % informed: P&L"] == figures["LEAN, 0 % informed: P&L"]
    assert plot.read_text().startswith("<svg")
