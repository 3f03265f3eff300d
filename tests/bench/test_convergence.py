"""What counts as late, and what does not, when orders follow their targets."""

from __future__ import annotations

from typing import Any

import pytest
from _converging import Change, Level, Tolerance, VenueHistory, differing, fits, levels_changed, target_change
from common.bots import BinaryBot
from common.events import QuoteLevel, QuoteTarget
from convergence import ALLOWED_NS, Observed, figures
from hypothesis import given
from hypothesis import strategies as st

EXACT = Tolerance(0, 0.25)
BID, ASK = Level(True, 48, 100), Level(False, 52, 100)
MS = 1_000_000


def test_what_rests_fits_when_every_level_is_there_and_no_other() -> None:
    assert fits([BID, ASK], [ASK, BID], EXACT)
    assert fits([], [], EXACT)
    assert not fits([BID, ASK], [BID], EXACT)
    assert not fits([BID], [BID, ASK], EXACT)
    assert not fits([BID], [BID._replace(bid=False)], EXACT)


def test_tolerance_is_in_ticks_and_in_a_share_of_the_wanted_size() -> None:
    assert fits([BID], [BID._replace(lots=75)], EXACT)
    assert not fits([BID], [BID._replace(lots=74)], EXACT)
    assert not fits([BID], [BID._replace(ticks=47)], EXACT)
    assert fits([BID], [BID._replace(ticks=47)], Tolerance(1, 0.25))
    # One order cannot stand for two.
    assert not fits([BID, BID._replace(ticks=47)], [BID._replace(ticks=47)], Tolerance(1, 0.25))


@pytest.mark.parametrize(("lasted_ms", "late_ms"), [(200, 0), (201, 201), (5, 0)])
def test_a_difference_counts_whole_once_it_lasts_longer_than_allowed(lasted_ms: int, late_ms: int) -> None:
    targets = [Change(0, (BID,)), Change(1_000 * MS, (ASK,))]
    resting = [Change(0, (BID,)), Change((1_000 + lasted_ms) * MS, (ASK,))]
    found = differing(targets, resting, EXACT, ALLOWED_NS, 0, 10_000 * MS)
    assert found.late_ns == late_ms * MS
    assert found.any_ns == found.longest_ns == lasted_ms * MS
    assert found.judged_ns == 10_000 * MS


def test_orders_that_never_come_and_orders_that_never_go_are_late_to_the_end() -> None:
    never_come = differing([Change(0, (BID,))], [], EXACT, ALLOWED_NS, 0, 1_000 * MS)
    assert never_come.late_ns == 1_000 * MS
    never_go = differing([Change(0, ())], [Change(-5, (BID,))], EXACT, ALLOWED_NS, 0, 1_000 * MS)
    assert never_go.late_ns == 1_000 * MS


def test_a_target_that_keeps_moving_away_is_one_long_difference() -> None:
    targets = [Change(at * 100 * MS, (Level(True, 40 + at, 100),)) for at in range(10)]
    found = differing(targets, [Change(0, ())], EXACT, ALLOWED_NS, 0, 1_000 * MS)
    assert found.late_ns == 1_000 * MS


def test_time_without_a_target_is_not_judged() -> None:
    targets = [Change(100 * MS, (BID,)), Change(400 * MS, None)]
    found = differing(targets, [Change(0, (ASK,))], EXACT, ALLOWED_NS, 0, 1_000 * MS)
    assert found.judged_ns == 300 * MS
    assert found.late_ns == 300 * MS


CHANGES = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from([None, (), (BID,), (ASK,), (BID, ASK)])), max_size=12
).map(lambda rows: [Change(at, levels) for at, levels in sorted(rows, key=lambda row: row[0])])


@given(CHANGES, CHANGES, st.integers(0, 20))
def test_the_stretches_add_up_to_what_looking_at_every_instant_gives(
    targets: list[Change], resting: list[Change], allowed: int
) -> None:
    found = differing(targets, resting, EXACT, allowed, 0, 60)
    runs, judged, run = [], 0, 0
    for instant in range(60):
        wanted = next((each.levels for each in reversed(targets) if each.at_ns <= instant), None)
        there = next((each.levels for each in reversed(resting) if each.at_ns <= instant), None) or ()
        judged += wanted is not None
        if wanted is not None and sorted(wanted) != sorted(there):
            run += 1
        else:
            runs.append(run)
            run = 0
    runs.append(run)
    assert found.judged_ns == judged
    assert found.any_ns == sum(runs)
    assert found.late_ns == sum(each for each in runs if each > allowed)
    assert found.longest_ns == max(runs)


def test_only_levels_that_are_new_count_as_changed() -> None:
    moved = BID._replace(ticks=47)
    targets = [
        Change(0, (BID, ASK)),
        Change(1, (BID._replace(lots=90), ASK)),
        Change(2, None),
        Change(3, (moved, ASK)),
        Change(4, ()),
    ]
    assert levels_changed(targets, EXACT) == 3


def frame(market: str, number: str, at_ns: int, **change: Any) -> dict[str, Any]:
    order = {
        "order_id": number,
        "market": market,
        "side": "bid",
        "outcome": "yes",
        "price": "0.48",
        "leaves": 100,
        "status": "open",
        "reason": None,
        "order_sequence": 1,
        "ts_ns": at_ns,
    }
    return {"type": "order", "account": "mm1", "order": order | change}


def test_the_journal_tells_what_rests_in_yes_terms_and_how_many_messages_it_took() -> None:
    history = VenueHistory("mm1")
    history.on_frame(frame("m", "1", 10))
    history.on_frame(frame("m", "2", 10, outcome="no", price="0.40"))
    history.on_frame(frame("m", "1", 20, leaves=30, order_sequence=2))
    history.on_frame(frame("m", "1", 30, leaves=0, status="cancelled", reason="requested", order_sequence=3))
    history.on_frame(frame("m", "2", 40, leaves=0, status="cancelled", reason="market_closed", order_sequence=2))
    history.on_frame({**frame("m", "3", 50), "account": "another"})
    history.on_frame({"type": "fill"})
    ask = Level(False, 60, 100)
    assert history.changes["m"] == [
        Change(10, (BID, ask)),
        Change(20, (BID._replace(lots=30), ask)),
        Change(30, (ask,)),
        Change(40, ()),
    ]
    assert history.messages == [10, 10, 30]


def a_target(symbol: str, valid_until_ns: int, bids: list[QuoteLevel], state: str = "quoting") -> QuoteTarget:
    return QuoteTarget(
        algo_id="1",
        account="mm1",
        venue="degen",
        symbol=symbol,
        bids=bids,
        asks=[],
        fair=0.5,
        state=state,
        valid_until_ns=valid_until_ns,
    )


def test_a_target_holds_from_the_moment_it_was_made_and_one_that_waits_says_nothing() -> None:
    target = a_target("m", 1_500, [QuoteLevel(48, 100)])
    assert target_change(target, 1_000) == Change(500, (BID,))
    assert target_change(a_target("m", 1_500, [], "pulled"), 1_000) == Change(500, ())
    assert target_change(a_target("m", 1_500, [], "waiting"), 1_000) == Change(500, None)


def test_the_report_judges_lateness_and_refusals_for_the_rate() -> None:
    sections = {
        "instrument": {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}},
        "quoting": {"target_life_ms": 1_000},
    }
    life = 1_000 * MS
    observed = Observed(
        begin_ns=0,
        end_ns=life,
        targets={"m": [a_target("m", life, [QuoteLevel(48, 100)])]},
        cpu_s={"quoter": 0.25},
        refusals={"message_rate": 2, "rate_limited": 1, "self_cross": 5},
    )
    history = VenueHistory("mm1")
    history.on_frame(frame("m", "1", 500 * MS))
    found = {figure.name: figure for figure in figures(observed, history, BinaryBot.parse(sections))}
    late = found["time in which orders differ from the target for over 200 ms"]
    assert (late.value, late.met) == (0.5, False)
    assert (found["refusals for the rate"].value, found["refusals for the rate"].met) == (3, False)
    assert found["messages per changed level"].value == 1.0
    assert found["processor: quoter"].value == 25.0
