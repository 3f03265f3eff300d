"""The session's prices, takers, clocks and money are what the benchmark says, whoever is measured with them."""

from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from _session_hedge import Hedge, Hedged, HedgeTerms
from _session_market import MARKOUTS_S, Row, Task, markout, run
from _session_ours import Ours, sections_with
from _session_plot import session_svg
from _session_report import compared, flat, mean, of_hedges, of_maker, per_share
from _session_rival import LOOK_NS, SIZE, Rival
from _session_rows import MARKETS, Earlier, case_of, earlier_of, paired
from _session_sketch import CONFIG, QuoteCalculator, Sketch, SketchInventory, calculate_fair_value, estimate_volatility
from _session_venue import DEPOSIT_MICROS, EXPIRY_NS, FREE, MAKER, OPEN_NS, Schedule, Trade, Venue
from _session_world import (
    ARRIVALS_PER_S,
    JUMP_DEVIATION,
    JUMPS_PER_HOUR,
    KINDS,
    LIFE_S,
    NS_PER_S,
    ORDER_NS,
    SIZE_MEDIAN,
    SIZE_SIGMA,
    STEPS,
    VOLATILITY,
    YEAR_S,
    Taker,
    World,
    make_world,
    truths,
)
from binary_session import main, parsed, tasks_of
from common.errors import ConfigError
from common.events import FairValue
from exchange.market.ledger import FeeSchedule
from exchange.market.trading import Ticket
from scipy.stats import kstest, norm

TASK = Task(seed=1, market=3, informed=0.2, world="jumps", rivals="none", maker="ours")


def a_world(takers: list[Taker], spots: list[float] | None = None) -> World:
    prices = np.full(STEPS + 1, 60_000.0) if spots is None else np.array(spots)
    return World(np.full(1_800, 60_000.0), prices, truths(prices, KINDS["base"]), takers)


def a_venue(world: World, informed: float = 0.0, fees: FeeSchedule = FREE) -> tuple[Venue, Schedule]:
    schedule = Schedule(OPEN_NS)
    venue = Venue(world, informed, schedule, EXPIRY_NS - 45 * NS_PER_S, fees)
    venue.start()
    return venue, schedule


def a_ticket(venue: Venue, number: int, outcome: str, ticks: int, size: int = 100) -> Ticket:
    return Ticket(number, venue.market.id, "bid", outcome, ticks, size)  # type: ignore[arg-type]


# --- the same whatever it is run with ---------------------------------------------------------------------------------


@pytest.mark.parametrize("maker", ["ours", "sketch"])
def test_a_market_run_twice_is_the_same_to_the_last_figure(maker: str) -> None:
    task = replace(TASK, maker=maker)  # type: ignore[arg-type]
    assert run(task) == run(task)


def test_rows_do_not_depend_on_how_many_processes_work() -> None:
    tasks = [replace(TASK, maker="sketch", market=market) for market in range(6)]
    assert MARKETS.run_all(tasks, 1) == MARKETS.run_all(tasks, 2)


def test_both_makers_and_all_shares_of_informed_takers_meet_the_same_prices_and_customers() -> None:
    plain, jumping = make_world(5, 8), make_world(5, 8, KINDS["jumps"])
    assert plain.takers == jumping.takers
    assert plain.takers != make_world(5, 9).takers
    assert plain.takers != make_world(6, 8).takers


# --- prices and customers ---------------------------------------------------------------------------------------------


def test_the_underlying_moves_by_half_a_year_s_price_and_by_more_with_jumps() -> None:
    jumping = math.sqrt(0.25 + JUMPS_PER_HOUR * 24 * 365 * JUMP_DEVIATION**2)
    for kind, annual in (("base", 0.50), ("jumps", jumping), ("regime", 1.0)):
        moves = [math.log(world.spots[-1] / world.spots[0]) for world in some_worlds(2_000, kind)]
        assert np.std(moves) * math.sqrt(YEAR_S / LIFE_S) == pytest.approx(annual, rel=0.06)
        assert np.mean(moves) == pytest.approx(0.0, abs=4 * float(np.std(moves)) / math.sqrt(len(moves)))


def test_r65_before_a_regime_changes_prices_move_at_a_fifth_of_the_pace() -> None:
    moves = np.concatenate([np.diff(np.log(world.warm)) for world in some_worlds(40, "regime")])
    assert np.std(moves) * math.sqrt(YEAR_S) == pytest.approx(0.2, rel=0.02)


def some_worlds(count: int, kind: str = "base") -> list[World]:
    return [make_world(11, market, KINDS[kind]) for market in range(count)]


def test_the_true_probability_is_that_of_a_diffusion_one_deviation_above_the_strike() -> None:
    deviation = VOLATILITY * math.sqrt(200 / YEAR_S)
    spots = [60_000.0] + [60_000.0 * math.exp(deviation)] * STEPS
    assert truths(np.array(spots), KINDS["base"])[1_000] == pytest.approx(0.8413, abs=1e-4)
    assert truths(np.array(spots), KINDS["base"])[-1] == 1.0


def test_the_true_probability_with_jumps_is_what_a_simulation_of_the_rest_gives() -> None:
    random, left_s = np.random.default_rng(1), 240.0
    start = 0.0008
    numbers = random.poisson(JUMPS_PER_HOUR * left_s / 3_600, 400_000)
    spread = np.sqrt(VOLATILITY**2 * left_s / YEAR_S + numbers * JUMP_DEVIATION**2)
    ended = start + random.normal(0.0, 1.0, numbers.size) * spread
    spots = [60_000.0] + [60_000.0 * math.exp(start)] * STEPS
    assert truths(np.array(spots), KINDS["jumps"])[600] == pytest.approx(float(np.mean(ended > 0)), abs=0.003)


@pytest.mark.parametrize("kind", ["base", "jumps", "regime"])
def test_what_is_said_to_be_true_comes_true_as_often(kind: str) -> None:
    worlds = some_worlds(2_000, kind)
    for step in (1_000, 2_500):
        said = np.array([world.truths[step] for world in worlds])
        won = np.array([world.won for world in worlds])
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            inside = (said >= low) & (said < low + 0.2)
            error = math.sqrt(0.25 / inside.sum())
            assert won[inside].mean() == pytest.approx(said[inside].mean(), abs=3.5 * error)


def test_takers_come_at_random_once_in_two_seconds_with_lognormal_sizes() -> None:
    worlds = some_worlds(400)
    counts = np.array([len(world.takers) for world in worlds])
    assert counts.mean() == pytest.approx(ARRIVALS_PER_S * LIFE_S, rel=0.02)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.25)
    takers = [taker for world in worlds for taker in world.takers]
    gaps = np.concatenate([np.diff([taker.at_ns / NS_PER_S for taker in world.takers]) for world in worlds])
    assert kstest(gaps[:4_000], "expon", args=(0, 1 / ARRIVALS_PER_S)).pvalue > 0.001
    logs = np.log([taker.size for taker in takers if taker.size > 3])
    above = norm.sf((math.log(3.5) - math.log(SIZE_MEDIAN)) / SIZE_SIGMA)
    assert len(logs) / len(takers) == pytest.approx(above, abs=0.01)
    assert np.median([taker.size for taker in takers]) == pytest.approx(SIZE_MEDIAN, abs=1)
    assert np.percentile([taker.size for taker in takers], 97.5) == pytest.approx(
        SIZE_MEDIAN * math.exp(1.96 * SIZE_SIGMA), rel=0.06
    )
    assert np.mean([taker.buys_yes for taker in takers]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([taker.chance < 0.2 for taker in takers]) == pytest.approx(0.2, abs=0.01)


# --- the venue --------------------------------------------------------------------------------------------------------


def test_an_order_is_at_the_venue_50_ms_later_and_its_news_back_after_50_more() -> None:
    venue, schedule = a_venue(a_world([]))
    heard: list[int] = []
    venue.on_facts = lambda facts, refused: heard.append(schedule.now_ns)
    seen: list[int | None] = []
    schedule.at(OPEN_NS, lambda: venue.send([], [a_ticket(venue, 1, "yes", 40)]))
    for late_ns in (ORDER_NS - 1, ORDER_NS + 1):
        schedule.at(OPEN_NS + late_ns, lambda: seen.append(venue.market.book.best_bid_ticks()))
    schedule.run()
    assert seen == [None, 40]
    assert heard[0] == OPEN_NS + 2 * ORDER_NS


def test_one_who_knows_nothing_takes_through_the_levels_up_to_his_size() -> None:
    takers = [Taker(10 * NS_PER_S, 150, 0.9, True), Taker(20 * NS_PER_S, 500, 0.9, False)]
    venue, schedule = a_venue(a_world(takers))
    tickets = [a_ticket(venue, 1, "no", 45), a_ticket(venue, 2, "no", 44), a_ticket(venue, 3, "yes", 5)]
    schedule.at(OPEN_NS, lambda: venue.send([], tickets))
    schedule.run()
    assert venue.seen.trades == [
        Trade(OPEN_NS + 10 * NS_PER_S, -1, 55, 100),
        Trade(OPEN_NS + 10 * NS_PER_S, -1, 56, 50),
        Trade(OPEN_NS + 20 * NS_PER_S, 1, 5, 100),
    ]
    assert venue.seen.net == -50
    assert venue.seen.max_net == 150


@pytest.mark.parametrize(("ask_ticks", "taken"), [(50, 100), (51, 0)])
def test_an_informed_taker_takes_only_what_is_wrong_by_more_than_a_cent(ask_ticks: int, taken: int) -> None:
    spots = [60_000.0] + [60_000.0 * math.exp(0.545e-4)] * STEPS
    world = a_world([Taker(100 * NS_PER_S, 100, 0.0, False)], spots)
    assert 0.515 < world.truth(100 * NS_PER_S + 450_000_000) < 0.52
    venue, schedule = a_venue(world, informed=0.1)
    schedule.at(OPEN_NS, lambda: venue.send([], [a_ticket(venue, 1, "no", 100 - ask_ticks)]))
    schedule.run()
    assert sum(trade.size for trade in venue.seen.trades) == taken


def test_an_informed_taker_knows_the_price_half_a_second_before_our_feed() -> None:
    # The price leaps at 100 s; our feed shows it at 100.05 s, so that informed takers know from 99.55 s on.
    spots = [60_000.0] * 1_000 + [60_000.0 * 1.01] * (STEPS - 999)
    for at_ms, taken in ((99_540, 0), (99_560, 100)):
        venue, schedule = a_venue(a_world([Taker(at_ms * 1_000_000, 100, 0.0, False)], spots), informed=0.1)
        tickets = [a_ticket(venue, 1, "no", 45), a_ticket(venue, 2, "yes", 45)]
        schedule.at(OPEN_NS, lambda venue=venue, tickets=tickets: venue.send([], tickets))  # type: ignore[misc]
        schedule.run()
        assert sum(trade.size for trade in venue.seen.trades) == taken
        assert all(trade.sign == -1 for trade in venue.seen.trades)


def test_only_the_life_with_a_bid_and_an_ask_before_the_window_counts_as_two_sided() -> None:
    venue, schedule = a_venue(a_world([]))
    schedule.at(OPEN_NS, lambda: venue.send([], [a_ticket(venue, 1, "yes", 45), a_ticket(venue, 2, "no", 45)]))
    schedule.at(OPEN_NS + 100 * NS_PER_S, lambda: venue.send([2], []))
    schedule.at(OPEN_NS + 250 * NS_PER_S, lambda: venue.send([], [a_ticket(venue, 3, "no", 45)]))
    schedule.run()
    assert venue.seen.two_sided_ns == (100 + 5) * NS_PER_S - ORDER_NS
    assert venue.seen.spread_tick_ns == 10 * venue.seen.two_sided_ns


# --- worlds and rivals ------------------------------------------------------------------------------------------------


def test_r66_thin_and_one_sided_worlds_are_the_base_but_for_who_comes() -> None:
    base, thin, one_sided = (make_world(3, 5, KINDS[kind]) for kind in ("base", "thin", "one-sided"))
    assert base.spots.tolist() == thin.spots.tolist() == one_sided.spots.tolist()
    assert [taker.at_ns for taker in one_sided.takers] == [taker.at_ns for taker in base.takers]
    takers = [taker for market in range(300) for taker in make_world(3, market, KINDS["one-sided"]).takers]
    assert np.mean([taker.buys_yes for taker in takers]) == pytest.approx(0.8, abs=0.01)
    assert np.mean([len(make_world(3, market, KINDS["thin"]).takers) for market in range(300)]) == pytest.approx(
        30, rel=0.05
    )


def test_a_rival_quotes_around_the_truth_rounded_outwards_and_only_what_is_on_the_grid() -> None:
    venue, schedule = a_venue(a_world([]))
    rival = Rival(venue, schedule, 1.0, 1, 1)
    assert rival.quotes(0.503) == ([49, 48], [52, 53])
    assert rival.quotes(0.50) == ([49, 48], [51, 52])
    assert rival.quotes(0.015) == ([], [3, 4])
    assert rival.quotes(1.0) == ([99, 98], [])


def test_a_rival_follows_late_and_a_case_with_him_is_the_same_each_time() -> None:
    spots = [60_000.0] * 1_000 + [60_000.0 * math.exp(0.5e-4)] * (STEPS - 999)
    venue, schedule = a_venue(a_world([], spots))
    Rival(venue, schedule, 1.0, 1, 1).start()
    seen: list[tuple[int, int | None, int]] = []

    def look() -> None:
        book = venue.market.book
        seen.append((schedule.now_ns - OPEN_NS, book.best_bid_ticks(), sum(order.leaves for order in book.orders())))

    for at_ns in (LOOK_NS, 99 * NS_PER_S, 100 * NS_PER_S + 90_000_000, 100 * NS_PER_S + 700_000_000):
        schedule.at(OPEN_NS + at_ns + 1, look)
    schedule.run()
    before, after = (
        math.floor(100 * venue.world.truth(99 * NS_PER_S) - 1),
        math.floor(100 * venue.world.truth(100 * NS_PER_S + 600_000_000) - 1),
    )
    assert [bid for _, bid, _ in seen] == [before, before, before, after]
    assert after > before
    assert all(size == 4 * SIZE for _, _, size in seen)
    task = replace(TASK, world="base", rivals="1c")
    assert run(task) == run(task)


def test_only_the_makers_own_quotes_make_him_two_sided() -> None:
    venue, schedule = a_venue(a_world([]))
    Rival(venue, schedule, 1.0, 1, 1).start()
    schedule.at(OPEN_NS, lambda: venue.send([], [a_ticket(venue, 1, "yes", 45)]))
    schedule.run()
    assert venue.seen.two_sided_ns == 0


@pytest.mark.parametrize("rivals", ["1c", "2c"])
def test_r60_r61_beside_a_rival_no_order_of_ours_goes_astray_and_we_end_flat(rivals: str) -> None:
    rows = [run(replace(TASK, market=market, informed=0.1, world="base", rivals=rivals)) for market in range(3)]
    assert all(row.fills for row in rows)
    assert [row.alerts.get("stray_order", 0) for row in rows] == [0, 0, 0]
    assert max(abs(row.net) for row in rows) <= 20


# --- an earlier run ---------------------------------------------------------------------------------------------------


def test_a_run_is_compared_market_by_market_with_an_earlier_one(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tasks = [replace(TASK, world="regime", market=market) for market in range(3)]
    file = tmp_path / "rows.jsonl"
    with file.open("w") as lines:
        for task, row in zip(tasks, rows_of([1.0, 2.0, 3.0], [100, 100, 200], [0, 0, 0]), strict=True):
            MARKETS.write(lines, task, row)
    earlier = earlier_of(file)
    assert earlier[case_of(tasks[2]), 1, 2] == Earlier(3.0, 200)
    found = paired(case_of(TASK), TASK, rows_of([1.0], [1], [0]), earlier)
    assert found == [], "another case"
    now = rows_of([31.0, 33.0, 32.0], [100, 90, 200], [0, 0, 0])
    figures = {figure.name.partition(": ")[2]: figure for figure in paired(case_of(tasks[0]), tasks[0], now, earlier)}
    assert figures["P&L gained, paired"].value == 30.0
    assert figures["P&L gained, paired, error"].value == pytest.approx(math.sqrt(1 / 3), abs=1e-3)
    assert figures["P&L gained less two errors"].met is True
    assert (figures["volume of the earlier"].value, figures["volume of the earlier"].met) == (0.975, True)
    file.write_text("{}\n")
    with pytest.raises(ValueError, match="line 1"):
        earlier_of(file)


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fees", [False, True])
@pytest.mark.parametrize("maker", ["ours", "sketch"])
def test_the_profit_is_what_the_fills_and_the_result_make_and_what_the_statement_says(maker: str, fees: bool) -> None:
    world = make_world(2, 7)
    venue, schedule = a_venue(world, 0.2, FeeSchedule() if fees else FREE)
    if maker == "sketch":
        Sketch(venue, schedule).start()
    else:
        Ours(sections_with(()), venue, schedule).start()
    schedule.run()
    assert len(venue.seen.trades) > 20
    entries = [entry for _, entry in venue.account.entries.rows]
    assert sum(_micros(entry["amount"]) for entry in entries) == venue.account.cash_micros
    rebates = sum(_micros(entry["amount"]) for entry in entries if entry["type"] == "rebate")
    assert (rebates > 0) == fees
    by_hand = sum(trade.sign * trade.size * (100 * world.won - trade.yes_ticks) for trade in venue.seen.trades)
    assert venue.won_micros == by_hand * 10_000 + rebates
    assert venue.account.cash_micros == DEPOSIT_MICROS + venue.won_micros
    assert not venue.account.positions
    exchange = venue.exchange
    deposits = sum(exchange.config.deposits.values())
    assert exchange.ledger.total_micros() == deposits
    assert venue.account is exchange.ledger.accounts[MAKER]


def _micros(text: str) -> int:
    return round(float(text) * 1_000_000)


def test_a_markout_is_positive_where_the_true_price_goes_our_way() -> None:
    spots = [60_000.0] * 1_000 + [60_000.0 * 1.01] * (STEPS - 999)
    world = a_world([], spots)
    bought = [Trade(OPEN_NS + 99 * NS_PER_S + 500_000_000, 1, 48, 10)]
    assert markout(world, bought, 0.0) == pytest.approx(10 * 0.02)
    assert markout(world, bought, 0.1) == pytest.approx(10 * 0.02)
    assert markout(world, bought, 1.0) == pytest.approx(10 * 0.52, abs=1e-3)
    assert markout(world, [bought[0]._replace(sign=-1)], 1.0) == pytest.approx(-10 * 0.52, abs=1e-3)


def test_a_markout_beyond_the_expiry_is_the_result() -> None:
    world = a_world([], [60_000.0] * STEPS + [60_001.0])
    late = [Trade(EXPIRY_NS - NS_PER_S, 1, 40, 5)]
    assert markout(world, late, 30.0) == pytest.approx(5 * 0.60)


# --- the sketch -------------------------------------------------------------------------------------------------------


def test_the_sketch_s_value_and_its_quotes_are_the_source_s_worked_examples() -> None:
    years = 300 / YEAR_S
    expected = norm.cdf(math.log(95_100 / 95_000) / (0.5 * math.sqrt(years)))
    assert calculate_fair_value(95_100, 95_000, 300, 0.5) == pytest.approx(expected, abs=1e-12)
    assert calculate_fair_value(99_000, 95_000, 300, 0.5) == 0.99
    assert calculate_fair_value(95_000, 95_000, 0, 0.5) == 0.0
    quotes = QuoteCalculator(CONFIG["quoting"]).calculate_quotes(0.5)
    assert [(level["price"], level["size"]) for level in quotes["asks"]] == [(0.52, 100), (0.53, 100), (0.54, 100)]
    assert [(level["price"], level["size"]) for level in quotes["bids"]] == [(0.48, 100), (0.47, 100), (0.46, 100)]
    inventory = SketchInventory(CONFIG["inventory"])
    assert inventory.calculate_skew(500, 100) == pytest.approx(0.008)
    skewed = inventory.apply_skew(quotes, 0.008)
    assert skewed["asks"][0]["price"] == pytest.approx(0.512)
    assert skewed["bids"][0]["price"] == pytest.approx(0.472)


def test_the_sketch_s_volatility_is_the_deviation_of_the_last_hundred_returns() -> None:
    prices = [60_000.0 * math.exp(0.0001 * (-1) ** step) for step in range(500)]
    returns = np.diff(np.log(prices))[-100:]
    assert estimate_volatility(prices) == pytest.approx(float(np.std(returns, ddof=1)) * math.sqrt(YEAR_S))


def test_the_sketch_sends_its_asks_as_bids_for_no_and_waits_for_every_answer() -> None:
    venue, schedule = a_venue(make_world(1, 0))
    sent: list[tuple[int, int, list[Ticket]]] = []
    original = venue.send

    def send(cancels, tickets, done=None):  # type: ignore[no-untyped-def]
        sent.append((schedule.now_ns, len(cancels), list(tickets)))
        original(cancels, tickets, done)

    venue.send = send  # type: ignore[method-assign]
    Sketch(venue, schedule).start()
    schedule.run()
    first = sent[0][2]
    assert [ticket.outcome for ticket in first] == ["yes"] * 3 + ["no"] * 3
    assert all(ticket.side == "bid" for _, _, tickets in sent for ticket in tickets)
    assert first[0].price_ticks + first[3].price_ticks == 96
    # Placing, its answer and the pause take 200 ms, cancelling 100 more.
    times = [at_ns for at_ns, _, _ in sent[:4]]
    assert np.diff(times).tolist() == [200_000_000, 100_000_000, 200_000_000]
    assert venue.seen.refused == 0
    # In the last 30 seconds it is gone.
    assert max(at_ns for at_ns, _, tickets in sent if tickets) < EXPIRY_NS - 29 * NS_PER_S


def test_the_sketch_stops_buying_an_outcome_of_which_it_holds_its_limit() -> None:
    inventory = SketchInventory(CONFIG["inventory"])
    inventory.yes_shares, inventory.no_shares = 1_000, 10
    assert not inventory.should_quote("bid", "yes")
    assert inventory.should_quote("ask", "yes")
    inventory.yes_shares, inventory.no_shares = 10, 1_000
    assert inventory.should_quote("bid", "yes")
    assert not inventory.should_quote("ask", "yes")


# --- ours, and the report ---------------------------------------------------------------------------------------------


def test_our_bot_runs_with_the_defaults_and_what_is_set_and_nothing_else() -> None:
    assert sections_with(["inventory.model=cara", "quoting.spread=0.03"]).quoting.spread == 0.03
    assert sections_with(["inventory.model=cara"]).inventory.model == "cara"
    with pytest.raises(ConfigError, match="sprat"):
        sections_with(["quoting.sprat=0.03"])
    narrow = run(replace(TASK, informed=0.0, settings=("quoting.spread=0.02",)))
    wide = run(replace(TASK, informed=0.0, settings=("quoting.spread=0.10",)))
    assert narrow.spread < wide.spread
    assert narrow.edge / narrow.shares < wide.edge / wide.shares


def test_our_maker_quotes_both_sides_and_merges_what_it_holds_in_pairs() -> None:
    row = run(replace(TASK, informed=0.0, world="base"))
    assert row.two_sided > 0.5
    assert row.shares > 2_000
    assert row.refused <= row.orders // 100


def rows_of(pnls: list[float], shares: list[int], nets: list[int]) -> list[Row]:
    zeros = (0.0,) * len(MARKOUTS_S)
    return [
        Row(market, pnl, 1, size, 2, 1, 0, pnl / 2, zeros, 0.9, 0.05, net, abs(net), (0, net))
        for market, (pnl, size, net) in enumerate(zip(pnls, shares, nets, strict=True))
    ]


def test_means_come_with_the_error_that_differing_markets_give_them() -> None:
    found = mean([1.0, 2.0, 3.0, 6.0])
    assert found.value == 3.0
    assert found.error == pytest.approx(np.std([1, 2, 3, 6], ddof=1) / 2)
    rows = rows_of([1.0, 2.0], [100, 300], [0, 0])
    ratio = per_share(rows, lambda row: row.pnl)
    assert ratio.value == pytest.approx(0.75)
    assert ratio.error == pytest.approx(100 * math.sqrt(0.25**2 + 0.25**2) / 400)


def test_aims_are_missed_where_they_are_missed() -> None:
    good, bad = rows_of([5.0, 6.0, 7.0], [100] * 3, [0, 20, -20]), rows_of([-5.0, 1.0, 4.5], [10] * 3, [21, 500, 0])
    assert flat(good) == 1.0
    assert flat(bad) == pytest.approx(1 / 3)
    ahead = {figure.name: figure.met for figure in compared("c", TASK, good, bad)}
    behind = {figure.name: figure.met for figure in compared("c", TASK, bad, good)}
    for what in ("ended with |net| at most 20", "P&L less two errors", "P&L ahead of the sketch", "mean final |net|"):
        assert ahead[f"c: {what}"] is True
        assert behind[f"c: {what}"] is False
    # Beyond a fifth of informed takers nobody asks for a profit.
    assert {figure.name: figure.met for figure in compared("c", replace(TASK, informed=0.4), bad, good)}[
        "c: P&L less two errors"
    ] is None


def test_the_command_says_everything_of_both_makers_and_draws_it(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    plot, rows = tmp_path / "session.svg", tmp_path / "rows.jsonl"
    options = ["--markets", "2", "--world", "base", "--makers", "both", "--workers", "1"]
    figures = main([*options, "--plot", str(plot), "--rows", str(rows)])
    names = {figure.name for figure in figures}
    case = "base, 10 % informed"
    for maker in ("ours", "sketch"):
        for what in ("P&L per market", "P&L per share, error", "edge per share", "markout 5 s", "fills", "two-sided"):
            assert f"{case}, {maker}: {what}" in names
    assert len(rows.read_text().splitlines()) == 4
    assert plot.read_text().count("<path") >= 8
    kept = rows.read_text()
    rows.write_text(kept[: kept.index("\n", kept.index("\n") + 1) + 40])
    again = main([*options, "--plot", str(plot), "--rows", str(rows), "--resume"])
    assert rows.read_text() == kept, "two markets were taken, a line broken off and one more run again"
    assert [each.value for each in again[:-1]] == [each.value for each in figures[:-1]]
    rows.write_text('{"task": {}, "row": {}}\n')
    with pytest.raises(ValueError, match="line 1: not a whole run"):
        main([*options, "--rows", str(rows), "--resume"])


def test_no_cases_or_settings_that_make_no_sense_are_taken(capsys) -> None:  # type: ignore[no-untyped-def]
    for options in (
        ["--cases", "1.5"],
        ["--set", "quoting.nonsense=1"],
        ["--markets", "0"],
        ["--against", "nowhere"],
        ["--resume"],
    ):
        with pytest.raises(SystemExit):
            parsed(options)
    assert len(tasks_of(parsed(["--markets", "3"]))) == 7 * 3
    both = ["--world", "base", "--world", "thin", "--rivals", "none", "--rivals", "2c", "--cases", "0,0.4"]
    assert len(tasks_of(parsed(["--markets", "3", "--makers", "both", *both]))) == 2 * 2 * 2 * 2 * 3


def test_the_picture_shows_each_case_and_both_makers() -> None:
    rows = rows_of([1.0, 2.0, -3.0], [10] * 3, [5, -5, 0])
    picture = session_svg({"one": {"ours": rows, "sketch": rows}, "two": {"ours": rows}})
    assert picture.count("P&amp;L per market") == 2
    assert len(ElementTree.fromstring(picture)) > 20  # noqa: S314  it is our own text
    assert "nan" not in picture
    assert ">sketch<" in picture
    assert ">sketch<" not in session_svg({"two": {"ours": rows}})


def test_the_figures_of_a_maker_hold_every_quantity_that_is_asked_for() -> None:
    figures = {figure.name: figure.value for figure in of_maker("m", rows_of([1.0, 3.0], [100, 100], [0, 40]))}
    assert figures["m: P&L per market"] == 2.0
    assert figures["m: P&L per share"] == 2.0
    assert figures["m: edge per share"] == 1.0
    assert figures["m: final |net| at most 20"] == 0.5
    assert figures["m: |net|, worst in life"] == 40
    assert figures["m: orders per fill"] == 2.0


# --- the hedge of the delta -------------------------------------------------------------------------------------------


def test_a_hedge_brings_the_exposure_to_its_norm_one_way_later_at_its_cost() -> None:
    schedule, world = Schedule(OPEN_NS), a_world([])
    hedge = Hedge(HedgeTerms(1.0, 0.4, 2.0, 60.0), world, schedule)
    hedge.on_held("M", 300, 100)

    def fair(delta: float, seconds_left: float = 200.0) -> FairValue:
        more = {"volatility": 0.5, "spot": 60_000.0, "seconds_left": seconds_left, "ready": True, "age_ns": 0}
        return FairValue(algo_id="1", venue="degen", symbol="M", fair=0.5, delta=delta, **more)  # type: ignore[arg-type]

    # 200 x 0.005 is 1, which is not beyond 1; at 0.006 it is 1.2, and 0.8 are sold: of what is on its way none again.
    for delta in (0.005, 0.006, 0.006):
        hedge.on_fair(fair(delta))
    schedule.run()
    found = hedge.result()
    assert found.trades == 2, "what was sold is given up at the end"
    assert found.coins == pytest.approx(1.6)
    assert found.cost == pytest.approx(1.6 * 60_000 * 2e-4)
    assert found.gain == pytest.approx(-found.cost)


def test_hedges_gain_what_shares_lose_when_the_price_falls() -> None:
    prices = [60_000.0] * STEPS + [59_900.0]
    schedule, world = Schedule(OPEN_NS), a_world([], prices)
    hedge = Hedge(HedgeTerms(0.5, 0.0, 0.0, 60.0), world, schedule)
    hedge.on_held("M", 200, 0)
    more = {"volatility": 0.5, "spot": 60_000.0, "seconds_left": 200.0, "ready": True, "age_ns": 0}
    hedge.on_fair(FairValue(algo_id="1", venue="degen", symbol="M", fair=0.5, delta=0.005, **more))  # type: ignore[arg-type]
    schedule.run()
    assert hedge.result().gain == pytest.approx(100.0), "1 coin was sold 100 dollars higher"


def test_the_same_market_is_compared_with_and_without_hedges() -> None:
    gains = (4.0, -8.0, 1.0)
    rows = [
        replace(row, hedged=Hedged(gain, 0.5, 2, 0.3))
        for row, gain in zip(rows_of([10, 30, 20], [1, 1, 1], [0, 0, 0]), gains, strict=True)
    ]
    figures = {figure.name.partition(": ")[2]: figure for figure in of_hedges("base", rows)}
    assert figures["deviation of P&L with hedges"].value == pytest.approx(np.std([14, 22, 21], ddof=1) / 10, abs=1e-4)
    assert figures["P&L given up for hedges"].value == pytest.approx(1 / 20)
    assert (figures["hedges"].value, figures["cost of hedges"].value) == (2, 0.5)
    assert of_hedges("base", rows_of([10, 30], [1, 1], [0, 0])) == []
    assert parsed(["--hedge", "1.2 0.7"]).hedge == (1.2, 0.7)
    with pytest.raises(SystemExit):
        parsed(["--hedge", "0.7 1.2"])
