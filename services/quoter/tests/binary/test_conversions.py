"""Pairs of YES and NO become cash: when, how many, and how the ledger hears of each exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots import Unwind
from common.events import AccountState, Alert, Posting, PostingKind
from common.instruments import Outcome
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.binary.conversions import pairs_to_merge, pairs_to_split
from quoter.orders.collateral import Collateral
from quoter.testing.binary import converter_of, terms_of
from quoter.testing.script import MARKET, Script, config, market, position, run_core
from quoter.testing.venue import Venue
from quoter.venues.base import CashBalance

PAIR = terms_of(market()).pair
lots = st.integers(0, 3_000)


def holding(script: Script, yes: int, no: int, algo_id: str = "1") -> None:
    """Let venue and ledger say that a bot holds so much."""
    script.venue.held[MARKET] = [yes, no]
    script.carry(script.core.on_position(position(script.fill_sequence, yes, no, algo_id), script.receipt()))


def merges(script: Script) -> int:
    return script.venue.requests.count(("POST", "/positions/merge"))


def held(script: Script, algo_id: str = "1") -> tuple[int, int]:
    return script.core.trader.holdings.of(algo_id, MARKET)[:2]


@given(lots, lots, lots, lots, lots, lots, st.floats(0, 5_000), st.integers(0, 500), st.floats(0, 5_000))
def test_b11_never_more_pairs_are_merged_than_are_certainly_held_and_not_offered(
    yes: int,
    no: int,
    unconfirmed_yes: int,
    unconfirmed_no: int,
    selling_yes: int,
    selling_no: int,
    cash: float,
    many: int,
    low: float,
) -> None:
    unwind = Unwind(merge_pairs=many, merge_below_cash=low)
    pairs = pairs_to_merge(Held(yes, no, unconfirmed_yes, unconfirmed_no), selling_yes, selling_no, cash, unwind)
    certain = max(0, min(yes - unconfirmed_yes - selling_yes, no - unconfirmed_no - selling_no))
    assert pairs in (0, certain)
    due = certain > 0 and (0 < many <= certain or cash < low)
    assert (pairs > 0) == due


def test_b11_pairs_are_merged_through_the_venue_and_booked_once_by_its_own_entry() -> None:
    script = Script()
    script.quoting()
    holding(script, 250, 240)
    script.wait(200, fair=0.50)
    assert merges(script) == 1
    posting = script.of(Posting)[0]
    assert script.of(Posting) == [posting]
    assert (posting.kind, posting.algo_id, posting.symbol) == (PostingKind.MERGE, "1", MARKET)
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO), posting.cash) == (
        -240,
        -240,
        {"USD": Decimal(240)},
    )
    assert posting.entry_id == "merge:degen:1000"
    assert posting.account_sequence == script.venue.entries[0]["account_sequence"]
    assert held(script) == (10, 0)
    assert not [alert for alert in script.of(Alert) if alert.kind == "unasked_conversion"]
    run_core(script.core)


def test_fewer_pairs_than_configured_wait_while_there_is_cash() -> None:
    script = Script()
    script.quoting()
    holding(script, 199, 500)
    script.wait(500, fair=0.50)
    assert merges(script) == 0


def test_b11_when_cash_runs_low_every_pair_is_merged() -> None:
    script = Script()
    script.quoting()
    script.core.trader.collateral.on_money(CashBalance("USD", Decimal(900), 10_000))
    holding(script, 30, 20)
    script.wait(200, fair=0.50)
    assert [posting.cash for posting in script.of(Posting)] == [{"USD": 20}]


def test_b14_a_bot_full_of_pairs_on_both_sides_goes_on_quoting_both_sides_and_frees_their_cash() -> None:
    script = Script()
    script.quoting()
    holding(script, 1_000, 1_000)
    script.wait(300, fair=0.50)
    assert held(script) == (0, 0)
    assert script.venue.prices("yes")
    assert script.venue.prices("no")


@pytest.mark.parametrize("status", [0, 500, 503])
def test_b11_a_merge_without_an_answer_is_asked_for_and_never_repeated_on_a_guess(status: int) -> None:
    script = Script()
    script.quoting()
    script.venue.conversion_answers = [status]
    script.hold_frames = True
    asked_before = sum(path.startswith("/statement") for _, path in script.venue.requests)
    holding(script, 300, 300)
    script.wait(1_000, fair=0.50)
    assert merges(script) == 1
    assert sum(path.startswith("/statement") for _, path in script.venue.requests) == asked_before + 1
    script.hold_frames = False
    script.deliver()
    script.wait(3_000, fair=0.50)
    assert merges(script) == 1
    assert [posting.lots_of(Outcome.YES) for posting in script.of(Posting)] == [-300]
    assert held(script) == (0, 0)


def test_a_merge_that_never_arrived_is_asked_for_anew_only_after_a_while() -> None:
    script = Script()
    script.quoting()
    script.venue.conversions_lost = 1
    holding(script, 300, 300)
    script.wait(5_000, fair=0.50)
    assert (merges(script), script.of(Posting)) == (1, [])
    assert [alert.kind for alert in script.of(Alert)] == ["conversion_refused"]
    script.wait(9_000, fair=0.50)
    assert merges(script) == 2
    assert [posting.lots_of(Outcome.YES) for posting in script.of(Posting)] == [-300]


def test_a_merge_carried_out_long_after_it_was_given_up_still_belongs_to_who_asked() -> None:
    script = Script()
    script.start(config(), config(algo_id="2"))
    script.wait(500, fair=0.50)
    script.venue.conversions_lost = 1
    holding(script, 300, 300, "1")
    holding(script, 300, 300, "2")
    script.wait(4_000, fair=0.50)
    asked = converter_of(script).refused
    script.venue.held[MARKET] = [600, 600]
    script.venue.convert(MARKET, -300)
    script.deliver()
    assert asked == 1
    assert [posting.algo_id for posting in script.of(Posting)] == ["1"]
    assert not [alert for alert in script.of(Alert) if alert.kind == "unasked_conversion"]


def test_a_refused_merge_leaves_its_market_alone_for_a_while_and_tells_people() -> None:
    script = Script()
    script.quoting()
    holding(script, 300, 300)
    script.venue.held[MARKET] = [0, 0]
    script.wait(5_000, fair=0.50)
    assert (merges(script), script.of(Posting)) == (1, [])
    assert "insufficient_shares" in script.of(Alert)[0].text


def test_nothing_is_merged_for_a_halted_bot() -> None:
    script = Script()
    script.quoting()
    script.feed_inputs(halts=["bot-1:manual"])
    holding(script, 300, 300)
    for _ in range(10):
        script.wait(50, fair=0.50, feeding=False)
        script.feed_inputs(halts=["bot-1:manual"])
    assert merges(script) == 0
    script.wait(200, fair=0.50)
    assert merges(script) == 1


def test_nothing_is_merged_while_the_session_is_not_reconciled() -> None:
    script = Script()
    script.quoting()
    script.venue.status = 503
    script.cut()
    holding(script, 300, 300)
    script.wait(1_000, fair=0.50)
    assert merges(script) == 0


@pytest.mark.parametrize(
    ("holders", "booked_on"),
    [({"1": (300, 300)}, "1"), ({"1": (300, 300), "2": (300, 300)}, "unassigned"), ({}, "unassigned")],
)
def test_a_predecessors_merge_is_booked_on_the_only_bot_that_can_have_had_the_pairs(
    holders: dict[str, tuple[int, int]], booked_on: str
) -> None:
    venue = Venue()
    venue.held[MARKET] = [300, 300]
    venue.convert(MARKET, -300)
    script = Script(venue)
    core = script.core
    for algo_id in ("1", "2"):
        script.carry(core.on_config(config(algo_id=algo_id), script.receipt(1)))
    script.carry(core.start(script.receipt()))
    script.wait(200)
    assert script.of(Posting) == []
    assert script.of(AccountState) == [], "a snapshot would say that everything before it is in FILL"
    for algo_id in ("1", "2"):
        yes, no = holders.get(algo_id, (0, 0))
        script.carry(core.on_position(position(1, yes, no, algo_id), script.receipt()))
    script.wait(100)
    assert [(posting.algo_id, posting.cash) for posting in script.of(Posting)] == [(booked_on, {"USD": Decimal(300)})]
    assert [state.reason for state in script.of(AccountState)] == ["timer"], "the newer of the two that waited"
    assert [alert.kind for alert in script.of(Alert)] == ["unasked_conversion"]


def test_what_an_account_state_has_proven_is_not_told_again() -> None:
    script = Script()
    script.quoting()
    holding(script, 300, 300)
    script.wait(200, fair=0.50)
    script.wait(31_000, fair=0.50)
    script.cut()
    script.wait(2_000, fair=0.50)
    assert len(script.of(Posting)) == 1


def test_a_bid_that_free_cash_does_not_cover_is_not_sent() -> None:
    script = Script()
    script.start()
    script.core.trader.collateral.on_money(CashBalance("USD", Decimal(100), 10_000))
    script.wait(500, fair=0.50)
    assert script.core.trader.rejections["collateral"] > 0
    committed = sum(float(order.price) * order.size for order in script.venue.open_orders())
    assert 0 < committed <= 100


def test_b11_what_an_older_word_says_of_cash_changes_nothing() -> None:
    collateral = Collateral()
    assert collateral.free("USD") is None
    collateral.on_money(CashBalance("USD", Decimal(500), 7))
    collateral.on_money(CashBalance("USD", Decimal(900), 6))
    collateral.relock({"USD": 100.0})
    collateral.lock("USD", 20.0)
    assert collateral.free("USD") == 380.0


def test_people_see_cash_and_conversions() -> None:
    script = Script()
    script.quoting()
    holding(script, 300, 300)
    script.wait(200, fair=0.50)
    cash: dict[str, Any] = script.core.state(script.now_ns)["cash"]
    assert (cash["total"], cash["pairs_merged"], cash["converting"]) == ("100000.000000", 300, None)
    assert cash["locked_by_bids"] == pytest.approx(sum(float(o.price) * o.size for o in script.venue.open_orders()))


SELLER: dict[str, Any] = {"sell_held": True, "seed_pairs": 100}


def splits(script: Script) -> int:
    return script.venue.requests.count(("POST", "/positions/split"))


@given(lots, lots, lots, lots, st.floats(0, 5_000), st.integers(0, 500), st.floats(0, 5_000), st.integers(0, 2_000))
def test_b11_what_is_split_never_exceeds_the_seed_the_limit_or_the_cash_that_is_spare(
    yes: int, no: int, unconfirmed_yes: int, unconfirmed_no: int, cash: float, seed: int, low: float, most: int
) -> None:
    unwind = Unwind(sell_held=True, seed_pairs=seed, merge_below_cash=low, merge_pairs=1)
    held = Held(yes, no, min(yes, unconfirmed_yes), min(no, unconfirmed_no))
    pairs = pairs_to_split(held, cash, most, PAIR, unwind)
    assert pairs >= 0
    if pairs:
        assert min(yes, no) + pairs <= seed
        assert max(yes, no) + pairs <= most
        assert cash - pairs >= low
        # What was just split is not merged again, or both would follow each other for ever.
        assert pairs_to_merge(Held(yes + pairs, no + pairs), 0, 0, cash - pairs, unwind) == 0
    assert pairs_to_split(held, cash, most, PAIR, Unwind(seed_pairs=seed, merge_below_cash=low)) == 0


def test_b11_a_bot_that_sells_what_it_holds_begins_with_pairs_split_from_cash_and_booked_once() -> None:
    script = Script()
    script.start(config(unwind=SELLER))
    script.wait(1_000, fair=0.50)
    assert splits(script) == 1
    posting = script.of(Posting)[0]
    assert (posting.kind, posting.algo_id) == (PostingKind.SPLIT, "1")
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO), posting.cash) == (
        100,
        100,
        {"USD": Decimal(-100)},
    )
    assert held(script) == (100, 100)
    assert {order.side for order in script.venue.open_orders()} == {"ask", "bid"}
    script.wait(3_000, fair=0.50)
    assert (splits(script), merges(script)) == (1, 0)
    cash: dict[str, Any] = script.core.state(script.now_ns)["cash"]
    assert (cash["pairs_split"], cash["pairs_merged"]) == (100, 0)


def test_nothing_is_split_for_a_market_that_is_not_quoted() -> None:
    script = Script()
    script.start(config(unwind=SELLER, inventory={"reduce_only_s": 300.0}))
    script.wait(1_000, fair=0.50)
    assert splits(script) == 0


def test_b11_the_seed_is_kept_from_merging_until_cash_runs_low() -> None:
    unwind = Unwind(**SELLER, merge_pairs=50)
    assert pairs_to_merge(Held(149, 160), 0, 0, 50_000.0, unwind) == 0
    assert pairs_to_merge(Held(150, 160), 0, 0, 50_000.0, unwind) == 50
    assert pairs_to_merge(Held(150, 160), 0, 0, 900.0, unwind) == 150
