"""Pairs merged at the venue, in the books and against its snapshots."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from common.events import Posting, PostingKind
from common.instruments import Outcome
from risk.ledger.books import FoldStatus, Ledger
from risk.ledger.positions import LineKey, MarketKey
from risk.monitoring.reconcile import Reconciliation
from risk.testing.events import NOW_NS, SYMBOL, S, a_fill, a_posting, a_settlement, a_snapshot
from risk.testing.harness import stored

MARKET = MarketKey("1", "mm1", "degen", SYMBOL)
NOTHING: frozenset[str] = frozenset()


def a_merge(pairs: int, account_sequence: int = 30, **changed: object) -> Posting:
    merge = a_posting("merge:degen:7", PostingKind.MERGE, symbol=SYMBOL, yes_lots=-pairs, no_lots=-pairs)
    return msgspec.structs.replace(merge, cash={"USD": Decimal(pairs)}, account_sequence=account_sequence, **changed)


def bought() -> Ledger:
    """100 YES for 40, 150 NO for 75: 1,000 was paid in before."""
    ledger = Ledger()
    ledger.fold(stored(a_posting("deposit", PostingKind.DEPOSIT, cash=Decimal(1_000))), 1)
    ledger.fold(stored(a_fill(1)), 2)
    ledger.fold(stored(a_fill(2, outcome=Outcome.NO, price_ticks=50, quantity_lots=150)), 3)
    return ledger


def test_b11_a_merged_pair_makes_one_less_what_it_cost_and_leaves_the_rest_at_its_cost() -> None:
    ledger = bought()
    ledger.fold(stored(a_merge(100)), 4)
    yes, no = (ledger.lines[LineKey(*MARKET, outcome)] for outcome in (Outcome.YES, Outcome.NO))
    assert (yes.lots, no.lots) == (0, 50)
    assert (yes.cost, no.cost) == (Decimal(0), Decimal(25))
    assert ledger.bots["1"].realized == 100 - 40 - 50
    assert ledger.accounts["mm1"].cash["USD"] == 1_000 - 40 - 75 + 100
    assert ledger.accounts["mm1"].account_sequence == 30


def test_b11_a_merge_told_again_by_another_quoter_or_for_another_bot_counts_once() -> None:
    ledger = bought()
    ledger.fold(stored(a_merge(100)), 4)
    again = a_merge(100, epoch=9, ts_received_ns=NOW_NS + 5, algo_id="unassigned")
    assert ledger.fold(stored(again), 5).status is FoldStatus.REPEAT
    assert ledger.accounts["mm1"].cash["USD"] == 985


def test_a_merge_that_the_ledger_hears_of_after_the_settlement_leaves_the_same_cash() -> None:
    late, early = bought(), bought()
    late.fold(stored(a_settlement(result="yes")), 4)
    late.fold(stored(a_merge(100)), 5)
    late.fold(stored(a_settlement(result="yes", entry_id="later")), 6)
    early.fold(stored(a_merge(100)), 4)
    early.fold(stored(a_settlement(result="yes")), 5)
    assert late.accounts["mm1"].cash == early.accounts["mm1"].cash
    assert late.lines == early.lines == {}


def test_a_snapshot_from_before_a_merge_and_one_from_after_it_both_agree() -> None:
    ledger, seen = bought(), Reconciliation()
    for entry in (a_fill(1), a_fill(2, outcome=Outcome.NO, price_ticks=50, quantity_lots=150), a_merge(100)):
        seen.note(entry, NOW_NS)
    ledger.fold(stored(a_merge(100)), 4)
    for number, snapshot in enumerate(
        (a_snapshot(29, "885", {SYMBOL: (100, 150)}), a_snapshot(30, "985", {SYMBOL: (0, 50)})), 1
    ):
        now_ns = NOW_NS + number * 10 * S
        seen.on_snapshot(snapshot, now_ns)
        verdicts = list(seen.judge(ledger, now_ns + 3 * S, NOTHING))
        assert [verdict.differences for verdict in verdicts] == [()]


def test_a_merge_the_ledger_never_heard_of_is_a_difference_in_cash_and_shares() -> None:
    ledger, seen = bought(), Reconciliation()
    seen.on_snapshot(a_snapshot(30, "985", {SYMBOL: (0, 50)}), NOW_NS)
    (verdict,) = seen.judge(ledger, NOW_NS + 3 * S, NOTHING)
    assert len(verdict.differences) == 3
