"""What books begin with: a first start takes what the venue shows, any other start only what a person answers for."""

from __future__ import annotations

from decimal import Decimal

from common.events import Alert, Halt, Posting, PostingKind, RiskState
from common.instruments import Outcome
from risk.corrections.opening import Opening
from risk.ledger.books import Ledger
from risk.testing.events import SYMBOL, a_fill, a_snapshot
from risk.testing.harness import Harness, of, stored

GONE = "BTC-5M-GONE"


def ledger_of(*entries: Posting | object) -> Ledger:
    ledger = Ledger()
    for sequence, entry in enumerate(entries, 1):
        ledger.fold(stored(entry), sequence)  # type: ignore[arg-type]
    return ledger


def agreed(harness: Harness, cash: str, holdings: dict[str, tuple[int, int]]) -> None:
    """Show snapshots of the account until two have been judged, and demand that nothing halted."""
    for number in range(3):
        harness.tell(a_snapshot(50 + number, cash, holdings))
        harness.wait(6)
    assert of(Halt, harness.said) == []
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []


def test_r71_a_first_start_opens_the_books_with_what_the_venue_shows() -> None:
    harness = Harness()
    harness.tell(a_snapshot(5, "1000"))
    [opening] = of(Posting, harness.wait(5))
    assert (opening.entry_id, opening.kind, opening.cash) == (
        "opening:USD",
        PostingKind.DEPOSIT,
        {"USD": Decimal(1_000)},
    )


def test_r71_a_fill_that_began_anew_is_opened_in_the_name_of_who_resumed_and_loudly() -> None:
    """Two fills were told by the venue again; one of their markets is long over, its settlement was lost with FILL."""
    held, over = a_fill(1, account_sequence=2), a_fill(2, symbol=GONE, account_sequence=3)
    harness = Harness(ledger=ledger_of(held, over))
    harness.risk.opening = Opening(2, "ann", "disk replaced")
    harness.tell(a_snapshot(50, "1037", {SYMBOL: (100, 0)}))
    harness.wait(6)
    postings = of(Posting, harness.said)
    assert [posting.entry_id for posting in postings] == [f"resumed:2:1:{GONE}", "resumed:2:USD"]
    adjusted, _ = postings
    assert (adjusted.kind, adjusted.lots_of(Outcome.YES)) == (PostingKind.ADJUSTMENT, -100)
    assert adjusted.cash == {"USD": Decimal(40)}
    assert all("resumed by ann: disk replaced" in posting.reason for posting in postings)
    assert harness.risk.ledger.accounts["mm1"].cash["USD"] == 1_037
    assert harness.risk.ledger.bots["1"].realized == -sum(each.fee for each in (held, over)), "no profit, no loss"
    told = [alert for alert in of(Alert, harness.said) if alert.kind == "books_opened"]
    assert len(told) == 2
    agreed(harness, "1037", {SYMBOL: (100, 0)})
    assert len(of(Posting, harness.said)) == 2, "once"


def test_r71_shares_that_no_fill_explains_are_never_booked_by_resuming() -> None:
    harness = Harness(ledger=ledger_of(a_fill(1, account_sequence=2)))
    harness.risk.opening = Opening(2, "ann", "disk replaced")
    for number in range(4):
        harness.tell(a_snapshot(50 + number, "1000", {SYMBOL: (100, 0), "BTC-5M-NEW": (7, 0)}))
        harness.wait(6)
    [halt] = of(Halt, harness.said)
    assert (halt.scope, halt.reason) == ("account-mm1", "reconcile")
    assert "BTC-5M-NEW YES: venue 7, ledger 0" in halt.detail


def test_r73_while_it_stands_still_risk_books_nothing_and_says_so() -> None:
    harness = Harness()
    harness.do(harness.risk.on_stand_still(["FILL is not there"], harness.receipt()))
    harness.tell(a_snapshot(5, "1000"))
    harness.wait(6)
    assert of(Posting, harness.said) == [], "no opening deposit for what a lost FILL held"
    assert of(RiskState, harness.said)[-1].halts == ["global:store-changed"]
    assert harness.risk.ledger.sequence == 0
    assert of(Halt, harness.said) == [], "the halt is each process's own: the stream may not be ours"
