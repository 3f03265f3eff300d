"""The ledger beside what the venue shows."""

from __future__ import annotations

from decimal import Decimal

from common.events import (
    AccountState,
    Halt,
    Posting,
    PostingKind,
)
from common.instruments import Outcome
from risk.ledger.books import Ledger
from risk.ledger.snapshot import documents, restore
from risk.monitoring.reconcile import Reconciliation, Verdict
from risk.testing.events import NOW_NS, SYMBOL, S, a_fill, a_posting, a_resolved_market, a_snapshot
from risk.testing.harness import Harness, of, stored


def test_a_snapshot_that_agrees_changes_nothing_and_opens_the_cash_once() -> None:
    harness = Harness()
    harness.tell(a_snapshot(5, "100000.000000"))
    opened = of(Posting, harness.wait(3))
    assert [(posting.kind, posting.cash, posting.algo_id) for posting in opened] == [
        (PostingKind.DEPOSIT, {"USD": Decimal(100_000)}, "unassigned")
    ]
    harness.book(a_fill(1))
    harness.wait(3)
    harness.tell(a_snapshot(10, "99960.000000", {SYMBOL: (100, 0)}))
    quiet = harness.wait(5)
    assert (of(Posting, quiet), of(Halt, quiet)) == ([], [])
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []


def opened_desk() -> Harness:
    harness = Harness()
    harness.tell(a_snapshot(5, "100000"))
    harness.wait(5)
    return harness


def test_a_fill_the_ledger_never_saw_halts_the_account_naming_both_numbers() -> None:
    harness = opened_desk()
    for _ in range(2):
        harness.tell(a_snapshot(20, "99960", {SYMBOL: (100, 0)}))
        harness.wait(5)
    halt = of(Halt, harness.said)[0]
    assert (halt.scope, halt.reason) == ("account-mm1", "reconcile")
    assert halt.detail == f"cash in USD: venue 99960, ledger 100000; {SYMBOL} YES: venue 100, ledger 0"
    assert harness.risk.ledger.lines == {}


def test_a_difference_in_one_snapshot_only_is_not_yet_a_mismatch() -> None:
    harness = opened_desk()
    for cash in ("99960", "100000", "99960", "100000"):
        harness.tell(a_snapshot(20, cash))
        harness.wait(5)
    assert of(Halt, harness.said) == []


def test_fills_after_the_snapshot_are_taken_off_before_comparing() -> None:
    harness = opened_desk()
    harness.book(a_fill(1, outcome=Outcome.NO, fee=Decimal("0.25")))
    harness.book(a_fill(2, fee=Decimal("-0.25")))
    harness.wait(5)
    harness.tell(a_snapshot(15, "99959.75", {SYMBOL: (0, 100)}))
    harness.wait(3)
    account = harness.risk.reconciliation.state(harness.now_ns)["mm1"]
    assert account["differences"] == []
    assert account["agreed_age_ms"] == 1_000


def test_entries_are_remembered_for_two_minutes_however_many_there_were() -> None:
    ledger, seen = Ledger(), Reconciliation()
    ledger.fold(stored(a_posting("deposit", PostingKind.DEPOSIT, cash=Decimal(100_000))), 1)
    for number in range(1, 601):
        fill = a_fill(number, quantity_lots=10)
        ledger.fold(stored(fill), number + 1)
        seen.note(fill, NOW_NS + number * S)

    def judged(fills_since: int, now_ns: int) -> list[Verdict]:
        count = 600 - fills_since
        seen.on_snapshot(a_snapshot(10 * count, str(100_000 - 4 * count), {SYMBOL: (10 * count, 0)}), now_ns)
        return list(seen.judge(ledger, now_ns + 3 * S, frozenset()))

    assert judged(300, NOW_NS + 601 * S) == [], "what was booked since is not known any more"
    (verdict,) = judged(100, NOW_NS + 605 * S)
    assert verdict.differences == ()


def test_a_snapshot_during_a_settlement_is_not_judged() -> None:
    harness = opened_desk()
    harness.book(a_fill(1))
    harness.wait(5)
    harness.tell(a_snapshot(12, "99960", {SYMBOL: (100, 0)}))
    harness.wait(1)
    harness.tell(a_resolved_market("yes"))
    harness.wait(4)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []
    harness.tell(a_snapshot(14, "100060"))
    harness.wait(4)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []
    assert of(Halt, harness.said) == []


def test_after_a_restart_a_snapshot_from_before_the_newest_fill_says_nothing() -> None:
    before = opened_desk()
    before.book(a_fill(7))
    harness = Harness(ledger=restore(documents(before.risk.ledger)))
    for _ in range(3):
        harness.tell(a_snapshot(69, "100000"))
        harness.wait(5)
    assert of(Halt, harness.said) == []
    harness.tell(a_snapshot(70, "99960", {SYMBOL: (100, 0)}))
    harness.wait(5)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["agreed_age_ms"] is not None


def test_a_snapshot_read_back_at_a_start_says_nothing_of_an_account_with_a_history() -> None:
    before = Harness()
    before.book(a_fill(1))
    before.tell(a_resolved_market("yes"))
    harness = Harness(ledger=restore(documents(before.risk.ledger)))
    harness.tell(a_snapshot(10, "99960", {SYMBOL: (100, 0)}), age_ns=20 * S)
    assert of(Posting, harness.wait(5)) == []
    harness.tell(a_snapshot(12, "100060"))
    assert [posting.cash for posting in of(Posting, harness.wait(5))] == [{"USD": 100_000}]


def fresh(harness: Harness, account_sequence: int, cash: str, **holdings: tuple[int, int]) -> AccountState:
    """Return a snapshot that the venue gives now."""
    return a_snapshot(account_sequence, cash, dict(holdings), ts_received_ns=harness.now_ns)


def test_r70_a_booked_sequence_the_venue_has_not_reached_is_a_dispute_and_not_later() -> None:
    harness = opened_desk()
    harness.book(a_fill(1, account_sequence=999_999, quantity_lots=1_000))
    harness.wait(62)
    harness.tell(fresh(harness, 20, "100000"))
    harness.wait(3)
    halt = of(Halt, harness.said)[0]
    assert (halt.scope, halt.reason) == ("account-mm1", "reconcile")
    assert halt.detail == "account sequence 999999 is booked, the venue is at 20"


def test_r70_a_restart_does_not_take_the_ledgers_own_sequence_for_the_venues() -> None:
    before = opened_desk()
    before.book(a_fill(1, account_sequence=999_999))
    harness = Harness(ledger=restore(documents(before.risk.ledger)))
    harness.tell(fresh(harness, 20, "100000"))
    harness.wait(62)
    assert of(Halt, harness.said) == [], "the first may be from before our start"
    harness.tell(fresh(harness, 21, "100000"))
    harness.wait(3)
    assert of(Halt, harness.said)[0].detail == "account sequence 999999 is booked, the venue is at 21"


def test_r70_a_fill_just_booked_and_a_snapshot_long_on_its_way_dispute_nothing() -> None:
    harness = opened_desk()
    harness.book(a_fill(1, account_sequence=30))
    harness.tell(fresh(harness, 20, "100000"))
    harness.wait(12)
    old = fresh(harness, 21, "100000")
    harness.wait(11)
    harness.tell(old)
    harness.wait(3)
    assert of(Halt, harness.said) == []


def test_r70_a_session_that_fills_a_gap_stays_behind_its_own_fills_and_disputes_nothing() -> None:
    harness = opened_desk()
    harness.book(a_fill(1, account_sequence=30))
    harness.wait(50)
    harness.tell(fresh(harness, 20, "100000"))
    harness.wait(3)
    assert of(Halt, harness.said) == []
