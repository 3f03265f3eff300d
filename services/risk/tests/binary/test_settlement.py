"""What is decided is paid: once, whenever the result comes and whatever it is."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.core import Receipt
from common.events import (
    MarketStatus,
    Position,
    Posting,
    PostingKind,
    TieRule,
)
from common.instruments import Outcome
from hypothesis import given
from hypothesis import strategies as st
from risk.binary.settlement import own_result
from risk.ledger.snapshot import documents, restore
from risk.service import Risk
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, S, a_fill, a_market, a_resolved_market
from risk.testing.harness import Harness, kinds, of


def test_s1_7_a_resolved_market_is_settled_and_the_position_goes_to_zero() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.book(a_fill(2, outcome=Outcome.NO, price_ticks=55))
    effects = harness.tell(a_resolved_market("no"))
    posting = of(Posting, effects)[0]
    assert posting.result == "no"
    assert [posting.payout_of(outcome) for outcome in (Outcome.YES, Outcome.NO)] == [0, 1]
    position = of(Position, effects)[-1]
    assert (position.lines, position.realized, position.fill_sequence) == ([], Decimal(5), 3)


def test_b17_a_settlement_asked_twice_is_the_same_posting_and_waits_for_its_return() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    first = list(harness.risk.on_market(a_resolved_market(), harness.receipt()))
    assert list(harness.risk.on_market(a_resolved_market(), harness.receipt())) == []
    harness.now_ns += 11 * S
    again = list(harness.risk.on_look_due(harness.receipt()))
    assert [posting.entry_id for posting in of(Posting, again)] == [of(Posting, first)[0].entry_id]


def test_a_fill_after_the_settlement_is_settled_by_a_posting_of_its_own() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_resolved_market("yes"))
    effects = harness.book(a_fill(2))
    ids = {posting.entry_id for posting in of(Posting, harness.said)}
    assert len(ids) == 2
    assert of(Position, effects)[-1].lines == []
    assert harness.risk.ledger.bots["1"].realized == 120


def test_a_fill_between_the_posting_and_its_return_is_paid_once() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    first = of(Posting, harness.risk.on_market(a_resolved_market("yes"), harness.receipt()))[0]
    late = list(harness.risk.on_entry(a_fill(2), b"", harness.receipt(2)))
    second = of(Posting, late)[0]
    for sequence, posting in ((3, first), (4, second)):
        list(harness.risk.on_entry(posting, b"", harness.receipt(sequence)))
    assert harness.risk.ledger.bots["1"].realized == 120
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": 120}


def test_b17_a_settlement_due_is_published_after_a_restart() -> None:
    before = Harness()
    before.book(a_fill(1))
    risk = Risk(PLATFORM_LIMITS)
    risk.recover(restore(documents(before.risk.ledger)))
    list(risk.on_market(a_resolved_market(), Receipt(NOW_NS)))
    assert [posting.kind for posting in of(Posting, risk.start(Receipt(NOW_NS)))] == [PostingKind.SETTLEMENT]


def test_b17_a_void_market_pays_half_and_an_undecided_one_is_told() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_market(MarketStatus.RESOLVED, result="perhaps"))
    assert ("critical", "undecided_market") in kinds(harness.wait(1))
    effects = harness.tell(a_market(MarketStatus.VOIDED, result="void"))
    assert of(Position, effects)[-1].realized == 10


def test_a_result_against_strike_and_price_is_paid_as_the_venue_says_and_told() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_resolved_market("yes", settlement_price=Decimal(60_000)))
    assert ("critical", "odd_result") in kinds(harness.wait(1))
    assert harness.risk.ledger.bots["1"].realized == 60


def test_a_finished_market_stays_finished() -> None:
    harness = Harness()
    harness.tell(a_resolved_market("yes"))
    harness.tell(a_market())
    assert of(Position, harness.book(a_fill(1)))[-1].lines == []


@given(
    yes=st.integers(0, 5_000),
    no=st.integers(0, 5_000),
    yes_ticks=st.integers(1, 99),
    no_ticks=st.integers(1, 99),
    result=st.sampled_from(["yes", "no"]),
)
def test_s1_7_the_profit_is_the_winning_shares_less_what_all_shares_cost(
    yes: int, no: int, yes_ticks: int, no_ticks: int, result: str
) -> None:
    harness = Harness()
    if yes:
        harness.book(a_fill(1, quantity_lots=yes, price_ticks=yes_ticks))
    if no:
        harness.book(a_fill(2, quantity_lots=no, price_ticks=no_ticks, outcome=Outcome.NO))
    before = harness.risk_state().daily_pnl["1"]
    harness.tell(a_resolved_market(result))
    winning = yes if result == "yes" else no
    profit = winning - Decimal(yes * yes_ticks + no * no_ticks) / 100
    book = harness.risk.ledger.bots.get("1")
    assert (book.realized if book else 0) == profit
    assert before == 0
    assert harness.risk_state().daily_pnl["1"] == profit
    assert harness.risk.ledger.lines == {}


def test_b17_a_result_long_after_the_end_and_a_fill_after_that_are_paid_each_once() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_market(MarketStatus.CLOSED))
    assert of(Posting, harness.wait(900)) == []
    assert ("critical", "undecided_market") not in kinds(harness.said)
    harness.tell(a_resolved_market("yes"))
    harness.now_ns += 3_600 * S
    harness.book(a_fill(2))
    harness.tell(a_resolved_market("yes"))
    harness.wait(30)
    assert len({posting.entry_id for posting in of(Posting, harness.said)}) == 2
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": 120}
    assert harness.risk.ledger.lines == {}


def test_b17_a_market_nobody_held_is_settled_without_a_word() -> None:
    harness = Harness()
    for _ in range(2):
        assert of(Posting, harness.tell(a_resolved_market())) == []
    assert harness.risk.unready(harness.now_ns) == []


@pytest.mark.parametrize(
    ("rule", "winner"),
    [(TieRule.STRICTLY_ABOVE, "no"), (TieRule.AT_OR_ABOVE, "yes"), (TieRule.SPLIT, "void")],
    ids=["above", "at or above", "half each"],
)
def test_b17_who_wins_a_tie_is_the_markets_own_rule(rule: TieRule, winner: str) -> None:
    at_strike = a_resolved_market("yes", tie_rule=rule, settlement_price=Decimal(60_000))
    assert own_result(at_strike) == winner


def test_s1_7_a_void_market_pays_every_share_half_and_keeps_its_fees() -> None:
    harness = Harness()
    harness.book(a_fill(1, price_ticks=40, fee=Decimal("0.25")))
    harness.book(a_fill(2, price_ticks=55, outcome=Outcome.NO))
    harness.tell(a_market(MarketStatus.VOIDED, result="void"))
    assert harness.risk.ledger.bots["1"].realized == Decimal(100) - 40 - 55 - Decimal("0.25")
