"""Money that a venue owes for decided shares: it is the account's, it has a name, and nobody is halted for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import AccountState, Halt, Posting, PostingKind, Redeemable
from risk.ledger.snapshot import documents, restore
from risk.testing.events import DAY_NS, SYMBOL, S, a_fill, a_market, a_resolved_market, a_snapshot, held_of
from risk.testing.harness import Harness, kinds, of

HOUR_S = 3_600


def holding() -> Harness:
    """Return a harness whose account holds 100 YES bought at 0.40, out of 100,000 dollars."""
    harness = Harness()
    harness.tell(a_snapshot(5, "100000"))
    harness.wait(5)
    harness.book(a_fill(1))
    harness.wait(5)
    harness.tell(a_snapshot(12, "99960", {SYMBOL: (100, 0)}))
    harness.wait(5)
    assert harness.risk.reconciliation.state(harness.now_ns)["mm1"]["differences"] == []
    return harness


def redeemable(cash: str = "100", yes: int = 100, since_ns: int = 0, symbol: str = SYMBOL) -> dict[str, Any]:
    won = Redeemable(symbol, held_of(symbol, yes, 0), "USD", Decimal(cash), since_ns)
    return {"redeemable_cash": Decimal(cash), "redeemable": [won]}


def show(harness: Harness, *snapshots: AccountState, seconds: int = 30) -> None:
    """Hand in snapshots as a quoter takes them."""
    for snapshot in snapshots:
        harness.tell(snapshot)
        harness.wait(seconds)


def state(harness: Harness) -> dict[str, object]:
    return harness.risk.reconciliation.state(harness.now_ns)["mm1"]


def skip(harness: Harness, hours: float) -> None:
    """Let a quiet time pass without the timers in between."""
    harness.now_ns += int(hours * HOUR_S) * S


def test_r6_winning_shares_wait_for_days_as_pending_cash_and_are_booked_once() -> None:
    harness = holding()
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    for day in range(4):
        # The first one after midnight falls together with the day's cutoff and says nothing.
        show(harness, *(a_snapshot(13 + day, "99960", **redeemable()) for _ in range(2)))
        assert state(harness)["differences"] == []
        assert state(harness)["pending_cash"] == "100"
        skip(harness, 24)
    # Redeemed: the venue's cash is the ledger's.
    show(harness, a_snapshot(20, "100060"), a_snapshot(21, "100060"))
    assert state(harness)["differences"] == []
    assert state(harness)["pending_cash"] == "0"
    assert of(Halt, harness.said) == []
    settlements = [each for each in of(Posting, harness.said) if each.kind is PostingKind.SETTLEMENT]
    assert len(settlements) == 1
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": Decimal(100_060)}


def test_r6_shares_that_the_venue_goes_on_showing_as_held_are_pending_cash_too() -> None:
    harness = holding()
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    for number in range(3):
        show(harness, a_snapshot(13 + number, "99960", {SYMBOL: (100, 0)}))
    assert of(Halt, harness.said) == []
    assert state(harness)["pending_cash"] == "100"


def test_r6_shares_that_lost_owe_nothing_whether_they_are_shown_or_not() -> None:
    harness = holding()
    harness.tell(a_resolved_market("no"))
    harness.wait(15)
    show(harness, a_snapshot(13, "99960", {SYMBOL: (100, 0)}), a_snapshot(14, "99960"), a_snapshot(15, "99960"))
    assert of(Halt, harness.said) == []
    assert state(harness)["pending_cash"] == "0"


@pytest.mark.parametrize("shown", [True, False], ids=["redeemable", "not shown"])
def test_r6_a_venue_may_decide_before_we_hear_of_it(shown: bool) -> None:
    harness = holding()
    harness.tell(a_market(a_market().status.CLOSED))
    told = redeemable() if shown else {}
    show(harness, *(a_snapshot(13 + number, "99960", **told) for number in range(3)))
    assert of(Halt, harness.said) == []
    assert state(harness)["pending_cash"] == "0", "the ledger holds the shares themselves"


def test_r6_after_a_restart_long_after_the_market_the_venues_word_is_enough() -> None:
    before = holding()
    before.tell(a_resolved_market("yes"))
    before.wait(15)
    harness = Harness(ledger=restore(documents(before.risk.ledger)))
    show(harness, *(a_snapshot(20 + number, "99960", **redeemable()) for number in range(3)))
    assert of(Halt, harness.said) == []
    assert state(harness)["pending_cash"] == "100"


def test_r6_money_that_is_not_redeemed_for_a_day_is_told() -> None:
    harness = holding()
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    show(harness, a_snapshot(13, "99960", **redeemable()))
    assert ("warning", "redemption_pending") not in kinds(harness.said)
    skip(harness, 24)
    show(harness, a_snapshot(14, "99960", **redeemable()))
    assert ("warning", "redemption_pending") in kinds(harness.said)


def test_r6_the_venues_own_date_counts_over_a_restart() -> None:
    harness = holding()
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    show(harness, a_snapshot(13, "99960", **redeemable(since_ns=harness.now_ns - 2 * DAY_NS)))
    assert ("warning", "redemption_pending") in kinds(harness.said)


def test_r6_what_the_venue_owes_less_than_the_ledger_paid_still_halts() -> None:
    harness = holding()
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    show(harness, *(a_snapshot(13 + number, "99960", **redeemable("60")) for number in range(3)))
    (halt,) = of(Halt, harness.said)
    assert halt.detail == "cash in USD: venue 99960 and 60 not redeemed, ledger 100060"


def test_r6_what_an_account_had_to_redeem_before_its_first_entry_is_part_of_what_it_begins_with() -> None:
    harness = Harness()
    harness.tell(a_snapshot(5, "100000", **redeemable(symbol="old")))
    (opening,) = of(Posting, harness.wait(5))
    assert opening.cash == {"USD": 100_100}
    show(harness, a_snapshot(6, "100100"), a_snapshot(7, "100100"))
    assert of(Halt, harness.said) == []


# --- parts of lots and cents ------------------------------------------------------------------------------------


def test_r4_r6_parts_of_a_lot_are_booked_and_not_disputed() -> None:
    harness = holding()
    # 100.004 shares at 0.40 cost 40.0016; the fill says 100 of them.
    show(
        harness,
        *(a_snapshot(13 + n, "99959.9984", {SYMBOL: (100, 0)}, rounding_cash=Decimal("0.01")) for n in range(3)),
    )
    (rounding,) = [each for each in of(Posting, harness.said) if each.kind is PostingKind.ADJUSTMENT]
    assert (rounding.cash, rounding.algo_id) == ({"USD": Decimal("-0.0016")}, "unassigned")
    harness.tell(a_resolved_market("yes"))
    harness.wait(15)
    won = redeemable("100.004")
    show(harness, *(a_snapshot(20 + n, "99959.9984", rounding_cash=Decimal("0.03"), **won) for n in range(3)))
    show(harness, *(a_snapshot(30 + n, "100060.0024", rounding_cash=Decimal("0.03")) for n in range(3)))
    assert of(Halt, harness.said) == []
    assert harness.risk.ledger.accounts["mm1"].cash == {"USD": Decimal("100060.0024")}
    assert state(harness)["differences"] == []


def test_what_is_allowed_for_roundings_is_used_up() -> None:
    harness = holding()
    allowed = {"rounding_cash": Decimal("0.01")}
    show(harness, a_snapshot(13, "99959.995", {SYMBOL: (100, 0)}, **allowed))
    show(harness, *(a_snapshot(14 + n, "99959.990", {SYMBOL: (100, 0)}, **allowed) for n in range(2)))
    assert [halt.reason for halt in of(Halt, harness.said)] == ["reconcile"]


def test_a_difference_beyond_what_roundings_explain_halts() -> None:
    harness = holding()
    allowed = {"rounding_cash": Decimal("0.01")}
    show(harness, *(a_snapshot(13 + n, "99959.98", {SYMBOL: (100, 0)}, **allowed) for n in range(2)))
    assert [halt.reason for halt in of(Halt, harness.said)] == ["reconcile"]
    assert not [each for each in of(Posting, harness.said) if each.kind is PostingKind.ADJUSTMENT]
