"""Corrections of the books: two people's word becomes one posting, and nothing else does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.core import Effect
from common.events import Adjustment, AdjustmentState, Alert, Fill, Halt, Posting, PostingKind
from common.instruments import InstrumentKind, Outcome
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from risk.corrections.adjustments import posting_of
from risk.testing.events import NOW_NS, SYMBOL, S, a_fill, a_market, a_snapshot
from risk.testing.harness import Harness, fold_of, kinds, of

HOUR_NS = 3_600 * S


def approved(**changed: Any) -> Adjustment:
    """Return 12.50 USD taken from the account's own books, proposed by anna and approved by bert a minute later."""
    adjustment = Adjustment(
        account="mm1",
        adjustment_id="a1",
        algo_id="unassigned",
        venue="degen",
        currency="USD",
        cash=Decimal("-12.50"),
        reason="a fee the venue took",
        state=AdjustmentState.APPROVED,
        proposed_by="anna",
        proposed_ns=NOW_NS,
        decided_by="bert",
        decided_ns=NOW_NS + 60 * S,
    )
    return replace(adjustment, **changed)


def deposited() -> Harness:
    """Return a harness whose account holds 1,000 USD, as the venue's snapshot said."""
    harness = Harness()
    harness.tell(a_snapshot(0, "1000"))
    harness.wait(4)
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": Decimal(1000)}
    return harness


def postings(effects: list[Effect]) -> list[Posting]:
    return [posting for posting in of(Posting, effects) if posting.kind is PostingKind.ADJUSTMENT]


def test_r81_an_approved_adjustment_is_booked_once_and_told() -> None:
    harness = deposited()
    harness.tell(approved())
    said = harness.wait(2)
    (posting,) = postings(said)
    assert (posting.message_id(), posting.cash, posting.algo_id) == (
        "posting:mm1:adjustment%3Aa1",
        {"USD": Decimal("-12.50")},
        "unassigned",
    )
    assert posting.reason == "a fee the venue took (proposed by anna, approved by bert)"
    assert of(Fill, said) == []
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": Decimal("987.50")}
    (alert,) = [each for each in of(Alert, said) if each.kind == "adjustment_booked"]
    assert "mm1: -12.50 USD, the account's books (a fee the venue took)" in alert.text
    assert "proposed by anna, approved by bert" in alert.text
    harness.tell(approved())
    assert postings(harness.wait(30)) == [], "the same word again, as after a restart, books nothing"


def test_r81_after_the_adjustment_venue_and_ledger_agree_again() -> None:
    harness = deposited()
    for sequence in (1, 2, 3):
        harness.tell(a_snapshot(sequence, "987.50"))
        harness.wait(4)
    (halt,) = of(Halt, harness.said)
    assert (halt.scope, halt.reason) == ("account-mm1", "reconcile")
    harness.tell(approved())
    harness.wait(5)
    for sequence in (4, 5, 6):
        harness.tell(a_snapshot(sequence, "987.50"))
        harness.wait(4)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []
    assert len(of(Halt, harness.said)) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"decided_by": "anna"}, "another person must"),
        ({"decided_by": ""}, "another person must"),
        ({"decided_ns": NOW_NS + 25 * HOUR_NS}, "it is 25 h old, and void after 24 h"),
        ({"decided_ns": NOW_NS - 1}, "approved before it was proposed"),
        ({"cash": Decimal(0)}, "cash: must not be 0 where no shares change"),
        ({"cash": Decimal("1e10")}, "cash: must be at most"),
        ({"cash": Decimal("0.0000001")}, "cash: must be at most"),
        ({"cash": Decimal("NaN")}, "cash: must be at most"),
        ({"cash": Decimal("0.000000001"), "currency": "BTC"}, "with at most 8 decimals"),
        ({"symbol": "BTC-5M-1", "yes_lots": 1, "lots": 1}, "lots: must be 0 beside yes_lots and no_lots"),
        ({"lots": 5}, "symbol: must be named where shares change"),
        ({"symbol": "NOWHERE", "lots": 5}, "neither held nor a market of degen"),
        ({"symbol": "BTCUSD", "lots": 10**9 + 1}, "lots: must be at most"),
        ({"symbol": "BTC-5M-1"}, "symbol: must be named where shares change"),
        ({"symbol": "NOWHERE", "yes_lots": 5}, "neither held nor a market of degen"),
        ({"reason": ""}, "reason: must have 1 to 300"),
    ],
)
def test_r81_what_two_people_do_not_stand_for_is_not_booked_and_told_once(changed: dict[str, Any], why: str) -> None:
    harness = deposited()
    harness.tell(approved(**changed))
    said = harness.wait(20)
    assert postings(said) == []
    (alert,) = [each for each in of(Alert, said) if each.kind == "adjustment_refused"]
    assert why in alert.text
    assert of(Halt, harness.said) == []


@pytest.mark.parametrize("state", [AdjustmentState.PROPOSED, AdjustmentState.REJECTED])
def test_r81_a_proposal_alone_and_a_rejected_one_move_nothing(state: AdjustmentState) -> None:
    harness = deposited()
    harness.tell(approved(state=state))
    said = harness.wait(5)
    assert postings(said) == []
    assert not {"adjustment_refused", "adjustment_booked"} & {kind for _, kind in kinds(said)}


def test_r81_missing_shares_are_booked_at_the_cash_they_cost() -> None:
    harness = Harness()
    harness.tell(a_market())
    harness.book(a_fill(1))
    harness.tell(approved(algo_id="1", symbol=SYMBOL, yes_lots=10, cash=Decimal("-4")))
    harness.wait(2)
    (line,) = harness.risk.ledger.lines_of("1")
    assert (line.lots, line.cost) == (110, Decimal(44))


def test_a_correction_in_coins_is_booked_to_their_last_decimal() -> None:
    harness = deposited()
    harness.tell(approved(currency="BTC", cash=Decimal("-0.00000001"), reason="a withdrawal"))
    (posting,) = postings(harness.wait(2))
    assert posting.cash == {"BTC": Decimal("-0.00000001")}
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": Decimal(1000), "BTC": Decimal("-0.00000001")}


def test_missing_lots_of_a_coin_are_booked_at_the_cash_they_cost() -> None:
    harness = Harness()
    coin = {"symbol": "BTCUSD", "outcome": Outcome.NONE, "lot_size": Decimal("0.001"), "price_ticks": 6_000_000}
    harness.book(a_fill(1, **coin))
    harness.tell(approved(algo_id="1", symbol="BTCUSD", lots=10, cash=Decimal("-600")))
    (posting,) = postings(said := harness.wait(2))
    assert [(each.instrument.outcome, each.lots) for each in posting.moves] == [(Outcome.NONE, 10)]
    (line,) = harness.risk.ledger.lines_of("1")
    assert (line.lots, line.cost) == (110, Decimal(6_600))
    assert any("-600 USD, +10 lots of BTCUSD" in alert.text for alert in of(Alert, said))


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"kind": InstrumentKind.SPOT, "base": "BTC", "lot_size": Decimal("0.0001")}, Outcome.NONE),
        ({"lot_size": Decimal("0.01")}, Outcome.YES),
    ],
)
def test_lots_of_what_is_not_held_yet_are_booked_in_the_lots_of_its_market(
    changed: dict[str, Any], outcome: Outcome
) -> None:
    harness = Harness()
    harness.tell(a_market(symbol="NEW", **changed))
    lots = {"lots": 250} if outcome is Outcome.NONE else {"yes_lots": 250}
    harness.tell(approved(algo_id="1", symbol="NEW", cash=Decimal("-1.25"), **lots))
    (posting,) = postings(said := harness.wait(2))
    assert [move.lot_size for move in posting.moves] == [changed["lot_size"]]
    assert ("adjustment_booked" in {alert.kind for alert in of(Alert, said)}, of(Halt, harness.said)) == (True, [])
    (line,) = harness.risk.ledger.lines_of("1")
    assert (line.key.outcome, line.lots, line.lot_size, line.cost) == (
        outcome,
        250,
        changed["lot_size"],
        Decimal("1.25"),
    )
    bought = {"symbol": "NEW", "outcome": outcome, "lot_size": changed["lot_size"], "price_ticks": 50}
    harness.book(a_fill(1, **bought))
    (line,) = harness.risk.ledger.lines_of("1")
    assert line.lots == 350, "a fill after it is of the same lots"
    assert of(Halt, harness.said) == []


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"yes_lots": 5}, "lots: NEW has no outcomes, say lots"),
        ({"lots": 5, "currency": "EUR"}, "currency: NEW is traded in USD"),
    ],
)
def test_a_coin_not_held_yet_is_corrected_by_lots_in_its_currency(changed: dict[str, Any], why: str) -> None:
    harness = Harness()
    harness.tell(a_market(symbol="NEW", kind=InstrumentKind.SPOT, base="BTC"))
    harness.tell(approved(algo_id="1", symbol="NEW", **changed))
    (alert,) = [each for each in of(Alert, harness.wait(2)) if each.kind == "adjustment_refused"]
    assert why in alert.text


def with_terms(posting: Posting, **terms: Decimal) -> Posting:
    return replace(posting, moves=[replace(move, **terms) for move in posting.moves])


@given(st.decimals("0.00000001", "100", places=8), st.integers(1, 10**9))
def test_a_posting_that_says_its_lots_holds_the_quantity_and_other_lots_are_disputed(size: Decimal, lots: int) -> None:
    posting = with_terms(posting_of(approved(algo_id="1", symbol="NEW", lots=lots)), lot_size=size)
    ledger = fold_of(posting)
    (line,) = ledger.lines_of("1")
    assert (line.quantity, ledger.disputes) == (lots * size, 0)
    other = with_terms(replace(posting, entry_id="adjustment:a2"), lot_size=size * 2)
    assert fold_of(posting, other).disputes == 1


@pytest.mark.parametrize("name", ["lot_size", "multiplier"])
@pytest.mark.parametrize("size", ["0", "-1", "1e-99"])
def test_a_posting_of_impossible_lots_is_disputed(name: str, size: str) -> None:
    posting = posting_of(approved(algo_id="1", symbol="NEW", lots=1))
    ledger = fold_of(with_terms(posting, **{name: Decimal(size)}))
    assert (ledger.disputes, ledger.lines) == (1, {})


def test_lots_of_what_has_outcomes_are_refused_by_name() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(a_market(symbol="OTHER"))
    harness.tell(approved(algo_id="1", symbol=SYMBOL, lots=1))
    harness.tell(approved(adjustment_id="a2", algo_id="1", symbol="OTHER", lots=1))
    texts = [alert.text for alert in of(Alert, harness.wait(2)) if alert.kind == "adjustment_refused"]
    assert [text.partition("; ")[0].partition(": ")[2] for text in texts] == [
        f"lots: {name} has outcomes, say yes_lots or no_lots" for name in (SYMBOL, "OTHER")
    ]
    assert of(Halt, harness.said) == []


def test_r81_shares_in_another_currency_are_refused_before_the_ledger_disputes_them() -> None:
    harness = Harness()
    harness.book(a_fill(1))
    harness.tell(approved(algo_id="1", symbol=SYMBOL, yes_lots=1, currency="EUR"))
    (alert,) = [each for each in of(Alert, harness.wait(2)) if each.kind == "adjustment_refused"]
    assert f"currency: {SYMBOL} is held in USD" in alert.text
    assert of(Halt, harness.said) == []


def test_r81_an_adjustment_approved_while_risk_was_away_is_booked_after_its_start() -> None:
    harness = Harness(ledger=fold_of(a_fill(1)))
    harness.now_ns += 72 * HOUR_NS
    harness.tell(approved(), age_ns=71 * HOUR_NS)
    assert len(postings(harness.wait(2))) == 1
