"""Halts: one grammar for every door, and which halts are in force whatever order their news come in."""

from __future__ import annotations

import pytest
from common.emptying import Emptied, read_told, rows_of
from common.events import Halt
from common.halts import (
    HALTS_MAX,
    REASON_RULE,
    SCOPE_RULE,
    Halts,
    TooManyHaltsError,
    UnknownScopeError,
    check_exists,
    check_reason,
    check_scope,
)
from hypothesis import given
from hypothesis import strategies as st

KEY = ("bot-1", "manual")


def a_halt(halt_id: str = "h", scope: str = "bot-1", reason: str = "manual", *, lifted: bool = False) -> Halt:
    return Halt(scope=scope, reason=reason, lifted=lifted, actor="a", halt_id=halt_id, cancels=not lifted, ts_ns=0)


# --- grammar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["global", "venue-degen", "account-mm_1", "bot-12", "currency-USDT"])
def test_every_kind_of_scope_is_taken(scope: str) -> None:
    assert check_scope(scope) == scope


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "all",
        "bot-",
        "bot-x",
        "bot-0",
        "bot-01",
        "venue-",
        "venue-a.b",
        "global ",
        "currency-usd",
        "x" * 200,
        1,
        None,
    ],
)
def test_r9_a_scope_of_another_form_is_refused_with_the_rule(scope: object) -> None:
    with pytest.raises(ValueError, match="must be global, venue-X, account-X") as refused:
        check_scope(scope)
    assert str(refused.value) == SCOPE_RULE


@pytest.mark.parametrize("reason", ["", "Manual", "a b", "a.b", "x" * 65, None])
def test_r9_a_reason_of_another_form_is_refused_with_the_rule(reason: object) -> None:
    with pytest.raises(ValueError, match="must be 1 to 64") as refused:
        check_reason(reason)
    assert str(refused.value) == REASON_RULE


def test_r12_a_scope_that_does_not_exist_is_refused_with_those_that_do() -> None:
    check_exists("bot-1", {"global", "bot-1"})
    with pytest.raises(UnknownScopeError, match="there is no bot-99; there are bot-1, global"):
        check_exists("bot-99", {"global", "bot-1"})
    with pytest.raises(UnknownScopeError, match="and 60 more"):
        check_exists("bot-999", {f"bot-{number}" for number in range(1, 101)})


# --- what is in force -----------------------------------------------------------------------------------------------


def test_a_lift_older_than_our_own_halt_was_not_meant_for_it_and_a_later_one_ends_it() -> None:
    halts = Halts()
    halts.enforce(a_halt())
    halts.update(a_halt("l", lifted=True), 5)
    assert halts.find(*KEY) is not None
    halts.stored(a_halt(), 7)
    assert halts.find(*KEY) is not None
    halts.update(a_halt("l2", lifted=True), 9)
    assert halts.active() == []


def test_a_lift_heard_before_the_broker_confirmed_our_halt_is_not_forgotten() -> None:
    halts = Halts()
    halts.enforce(a_halt())
    halts.update(a_halt("l", lifted=True), 9)
    halts.stored(a_halt(), 7)
    assert halts.active() == []


def test_a_halt_of_ours_that_comes_back_from_the_stream_is_the_streams() -> None:
    halts = Halts()
    halts.enforce(a_halt())
    halts.update(a_halt(), 7)
    assert halts.unheard() == []
    halts.update(a_halt("l", lifted=True), 8)
    assert halts.active() == []


def test_an_older_word_changes_nothing() -> None:
    halts = Halts()
    halts.update(a_halt("l", lifted=True), 8)
    halts.update(a_halt(), 7)
    assert halts.active() == []


def test_lifting_one_reason_leaves_the_others() -> None:
    halts = Halts()
    halts.update(a_halt(reason="one"), 1)
    halts.update(a_halt(reason="two"), 2)
    halts.update(a_halt("l", reason="one", lifted=True), 3)
    assert halts.listed() == ["bot-1:two"]


def test_lifted_halts_are_forgotten_before_halts_in_force() -> None:
    halts = Halts()
    halts.update(a_halt(reason="keep"), 1)
    for number in range(HALTS_MAX):
        halts.update(a_halt(reason=f"r{number}", lifted=True), 2 + number)
    assert halts.listed() == ["bot-1:keep"]
    assert halts.spoken("bot-1", "r0") is None


def test_r13_a_halt_of_everything_is_not_pushed_out_by_a_thousand_others_in_force() -> None:
    halts = Halts()
    halts.update(a_halt(scope="global", reason="keep"), 1)
    halts.changes()
    for number in range(HALTS_MAX + 1):
        halts.update(a_halt(reason=f"r{number}"), 2 + number)
    assert halts.find("global", "keep") is not None
    assert [keep for keep in halts.changes() if not keep.data] == [], "nor is it taken from the disk"
    with pytest.raises(TooManyHaltsError, match="bot-1 is halted, and 1002 halts are in force"):
        halts.check_room("bot-1")
    halts.check_room("bot-2")


def disk_of(halts: Halts, disk: dict[str, bytes]) -> None:
    """Carry out what is to be written."""
    for keep in halts.changes():
        disk.pop(keep.name, None)
        if keep.data:
            disk[keep.name] = keep.data


def restored(disk: dict[str, bytes]) -> Halts:
    halts = Halts()
    assert halts.restore(disk) == []
    return halts


def test_r72_what_is_in_force_is_on_disk_and_nothing_is_written_twice() -> None:
    disk: dict[str, bytes] = {}
    halts = Halts()
    halts.update(a_halt(), 4)
    disk_of(halts, disk)
    assert len(disk) == 1
    assert halts.changes() == []
    again = restored(disk)
    again.update(a_halt(), 4)
    assert again.changes() == []
    assert again.listed() == ["bot-1:manual"]
    again.update(a_halt("l", lifted=True), 5)
    disk_of(again, disk)
    assert disk == {}


def test_r72_a_halt_on_disk_outlives_a_stream_that_forgot_it_and_is_told_again() -> None:
    disk: dict[str, bytes] = {}
    halts = Halts()
    halts.update(a_halt(), 400)
    disk_of(halts, disk)
    again = restored(disk)
    again.update(a_halt("l0", lifted=True), 3)
    assert [halt.halt_id for halt in again.unheard()] == ["h"], "an older lift of a stream rolled back"
    again.stored(a_halt(), 4)
    again.update(a_halt("l", lifted=True), 5)
    assert again.active() == []


def test_a_document_that_is_no_halt_is_named_and_left() -> None:
    halts = Halts()
    assert "odd" in halts.restore({"odd": b"\xc1"})[0]
    assert halts.changes() == []


WORDS = st.lists(st.tuples(st.sampled_from(["halt", "lift", "own", "stored", "restart"]), st.booleans()), max_size=12)


@given(WORDS)
def test_r72_disk_and_memory_agree_through_restarts_and_the_last_lift_wins(words: list[tuple[str, bool]]) -> None:
    """Whatever happens, in whatever order: after a last lift that follows everything, nothing is in force."""
    halts, disk, sequence, own = Halts(), dict[str, bytes](), 0, 0
    waiting: list[Halt] = []
    for number, (kind, _) in enumerate(words):
        if kind in ("halt", "lift"):
            sequence += 1
            halts.update(a_halt(f"{kind}{number}", lifted=kind == "lift"), sequence)
        elif kind == "own":
            own += 1
            waiting.append(a_halt(f"own{own}"))
            halts.enforce(waiting[-1])
        elif kind == "stored" and waiting:
            sequence += 1
            halts.stored(waiting.pop(0), sequence)
        disk_of(halts, disk)
        if kind == "restart":
            before = halts.listed()
            halts = restored(disk)
            assert halts.listed() == before
            waiting = halts.unheard()
    for halt in [*waiting, *halts.unheard()]:
        sequence += 1
        halts.stored(halt, sequence)
    halts.update(a_halt("last", lifted=True), sequence + 1)
    disk_of(halts, disk)
    assert halts.active() == []
    assert disk == {}


# --- outcomes -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 99), st.integers(0, 9), st.integers(0, 2 * 10**18), st.text("ab :,;()", max_size=20))
def test_r13_an_outcome_reads_back_from_its_sentence(cancelled: int, left: int, at_ns: int, why: str) -> None:
    emptied = Emptied("bot-1:manual", "mm1", cancelled, left, 24, at_ns, why)
    told = read_told(emptied.said())
    assert told == ("bot-1:manual", "mm1", emptied.outcome())
    assert ("NOT CONFIRMED" in told.outcome) is (at_ns == 0)


def test_r13_the_sentences() -> None:
    at_ns = 1_795_701_723 * 10**9
    done = Emptied("bot-1:manual", "mm1", 24, 0, 24, at_ns)
    assert done.said() == (
        "bot-1:manual, account mm1: 24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC"
    )
    not_done = Emptied("cancel-all:global", "mm1", 20, 4, 24, 0, "the venue did not answer within 5 s")
    assert not_done.outcome() == ("NOT CONFIRMED, the venue did not answer within 5 s (20 cancelled, 4 of 24 left)")
    assert read_told("something else") is None
    assert rows_of({"accounts": [done.document(), 7, {"account": "x"}]}) == [done.document()]
    assert rows_of({"accounts": 1}) == rows_of(None) == []
