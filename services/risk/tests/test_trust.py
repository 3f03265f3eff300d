"""When the ledger cannot be trusted: what stops, and what goes on."""

from __future__ import annotations

import pytest
from common.core import Receipt, Store
from common.events import (
    Alert,
    Halt,
    Position,
    PostingKind,
    RiskState,
)
from risk.ledger.intake import LedgerGap
from risk.ledger.snapshot import documents, restore
from risk.service import Risk
from risk.testing.events import NOW_NS, PLATFORM_LIMITS, a_fill, a_lift, a_posting
from risk.testing.harness import Harness, kinds, of


def test_an_entry_that_cannot_be_booked_halts_its_account_and_the_ledger_goes_on() -> None:
    harness = Harness()
    effects = harness.book(a_fill(1, quantity_lots=0))
    assert [(halt.scope, halt.reason) for halt in of(Halt, effects)] == [("account-mm1", "disputed-1")]
    assert "quantity_lots" in of(Alert, effects)[0].text
    assert of(Position, harness.book(a_fill(2)))[0].lines[0].lots == 100


def test_undecodable_bytes_halt_their_account() -> None:
    harness = Harness()
    effects = harness.do(harness.risk.on_undecodable("fill.trade.mm7.1", "no msgpack", b"\xc1", harness.receipt(1)))
    assert [halt.scope for halt in of(Halt, effects)] == ["account-mm7"]
    assert [effect.sequence for effect in effects if isinstance(effect, Store)] == [1]
    again = harness.do(harness.risk.on_undecodable("fill.trade.mm7.1", "no msgpack", b"\xc1", harness.receipt(1)))
    assert [type(effect) for effect in again] == [Position]
    assert harness.risk.ledger.disputes == 1


def test_a_disputed_entry_halts_at_the_next_start_unless_a_person_has_lifted_it() -> None:
    before = Harness()
    halt = of(Halt, before.book(a_fill(1, quantity_lots=0)))[0]
    ledger = restore(documents(before.risk.ledger))
    forgotten, remembered = Risk(PLATFORM_LIMITS), Risk(PLATFORM_LIMITS)
    forgotten.recover(ledger)
    remembered.recover(ledger)
    list(remembered.on_halt(a_lift(halt), Receipt(NOW_NS)))
    assert [each.reason for each in of(Halt, forgotten.start(Receipt(NOW_NS)))] == ["disputed-1"]
    assert of(Halt, remembered.start(Receipt(NOW_NS))) == []


def test_an_entry_that_overtakes_another_waits_for_it() -> None:
    harness = Harness()
    assert harness.deliver(a_fill(3), 3) == []
    assert harness.deliver(a_fill(2), 2) == []
    assert harness.risk.unready(harness.now_ns) == ["waits for FILL sequence 1"]
    effects = harness.deliver(a_fill(1), 1)
    assert [store.sequence for store in effects if isinstance(store, Store)] == [1, 2, 3]
    assert of(Position, effects)[-1].lines[0].lots == 300
    assert harness.risk.unready(harness.now_ns) == []


def test_a_gap_that_stays_ends_the_process_so_that_the_next_start_reads_the_stream() -> None:
    harness = Harness()
    harness.deliver(a_fill(2), 2)
    with pytest.raises(LedgerGap, match="sequence 1"):
        harness.wait(4)


def test_a_ledger_that_cannot_be_trusted_deals_out_no_limits_and_folds_nothing() -> None:
    harness = Harness(faults={"ledger_ahead": "FILL ends before it"})
    assert [(halt.scope, halt.reason) for halt in of(Halt, harness.said)] == [("global", "ledger_ahead")]
    assert harness.book(a_fill(1)) == []
    assert harness.risk.ledger.sequence == 0
    state = harness.risk_state()
    assert (state.bot_limits, state.halts) == ({}, ["global:ledger_ahead"])
    assert of(Position, harness.wait(6)) == []
    assert harness.risk.unready(harness.now_ns) == ["ledger_ahead: FILL ends before it"]
    assert harness.risk.state(harness.now_ns)["bots"][0]["limits"] == "withheld: the ledger is frozen"


def test_a_store_that_is_found_ahead_freezes_a_running_ledger() -> None:
    harness = Harness()
    harness.health.ahead = "the positions store is at FILL sequence 9"
    assert [halt.reason for halt in of(Halt, harness.wait(1))] == ["ledger_ahead"]
    assert harness.risk_state().bot_limits == {}


def test_a_store_that_is_away_is_told_and_the_ledger_goes_on() -> None:
    harness = Harness()
    harness.health.away = True
    assert ("critical", "store_away") in kinds(harness.wait(1))
    assert of(Position, harness.book(a_fill(1)))[0].fill_sequence == 1


def test_a_refused_posting_halts_its_account() -> None:
    harness = Harness()
    posting = a_posting("p", PostingKind.SETTLEMENT)
    effects = harness.do(harness.risk.on_refused(posting, "maximum bytes exceeded", harness.receipt()))
    assert [(halt.scope, halt.reason) for halt in of(Halt, effects)] == [("account-mm1", "posting_refused")]


def test_r13_r72_a_halt_of_risks_own_cancels_and_is_on_disk_before_it_is_told() -> None:
    harness = Harness()
    said = harness.book(a_fill(1, quantity_lots=0))
    names = [type(each).__name__ for each in said]
    assert names.index("Keep") < names.index("Halt")
    [halt] = of(Halt, said)
    assert halt.empties
    assert len(harness.kept) == 1


def test_r72_a_halt_in_force_when_risk_died_is_in_its_first_state_whatever_the_bus_knows() -> None:
    before = Harness()
    before.tell(a_person_halt())
    successor = Risk(PLATFORM_LIMITS)
    successor.restore(before.kept)
    successor.recover(before.risk.ledger)
    said = list(successor.start(Receipt(NOW_NS)))
    assert [halt.halt_id for halt in of(Halt, said)] == ["p1"], "the bus does not know it: it is told again"
    assert of(RiskState, said)[-1].halts == ["bot-1:manual"]
    list(successor.on_published(a_person_halt(), 9, Receipt(NOW_NS)))
    assert of(RiskState, successor.on_halt(a_lift(a_person_halt()), Receipt(NOW_NS, 0, 10)))[-1].halts == []


def test_r72_a_halt_on_risks_disk_that_cannot_be_read_halts_everything() -> None:
    risk = Risk(PLATFORM_LIMITS)
    risk.restore({"broken": b"?"})
    risk.recover(Harness().risk.ledger)
    said = list(risk.start(Receipt(NOW_NS)))
    assert of(RiskState, said)[-1].halts == ["global:kept_unreadable"]


def a_person_halt() -> Halt:
    return Halt(scope="bot-1", reason="manual", actor="tess", halt_id="p1", cancels=True, ts_ns=NOW_NS)
