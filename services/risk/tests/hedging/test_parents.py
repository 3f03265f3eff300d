"""What counts as open of a parent: by what was said, by what its holder says, and by the ledger alone as executed."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from common.core import Keep
from common.events import Fill, HedgeState, OrderCommand
from common.instruments import Outcome
from risk.hedging.hedging import Hedging
from risk.hedging.parents import Parent, Parents
from risk.monitoring.alerts import Conditions
from risk.testing.events import NOW_NS, a_fill
from risk.testing.hedging import a_hedger, answer, said, situation

D = Decimal


def a_command(quantity: str = "3") -> OrderCommand:
    found = Hedging(Conditions())
    list(found.configure([a_hedger()], NOW_NS))
    (command,) = said(list(found.decide(situation({"bot-3": quantity}))))
    return command


def another(command: OrderCommand, revision: int, quantity: str) -> OrderCommand:
    return msgspec.structs.replace(command, revision=revision, quantity=D(quantity))


def executed(command: OrderCommand, lots: int, trade: int = 1) -> Fill:
    return a_fill(
        trade,
        outcome=Outcome.NONE,
        lot_size=D("0.001"),
        quantity_lots=lots,
        parent_id=command.parent_id,
        side=command.side,
    )


def begun(command: OrderCommand) -> tuple[Parents, Parent]:
    parents = Parents()
    return parents, parents.say(command)


def test_all_of_a_parent_is_open_until_the_ledger_shows_some_of_it() -> None:
    command = a_command()
    parents, parent = begun(command)
    assert (parent.open, parent.wanted) == (D(3), D(3))
    parents.on_fill(executed(command, 1_000), 101)
    assert (parent.open, parent.wanted) == (D(2), D(2))
    # What its holder says is done counts when the ledger has it.
    parents.on_update(answer(command, done=D(2)), NOW_NS)
    assert parent.open == 2


def test_a_fill_counts_once_whatever_is_read_again() -> None:
    command = a_command()
    parents, parent = begun(command)
    parents.on_fill(executed(command, 1_000), 101)
    parents.on_fill(executed(command, 1_000), 101)
    parents.on_fill(executed(command, 500, 2), 104)
    assert parent.booked == D("1.5")


def test_what_was_executed_before_the_parent_was_decided_is_not_its_own() -> None:
    command = a_command()
    parents, parent = begun(command)
    parents.on_fill(executed(command, 1_000), 100)
    assert parent.booked == 0


def test_until_a_smaller_quantity_is_confirmed_the_larger_one_is_open() -> None:
    command = a_command()
    parents, parent = begun(command)
    less = another(command, 2, "1")
    parents.say(less)
    assert (parent.open, parent.wanted) == (D(3), D(1))
    parents.on_update(answer(command, 1), NOW_NS)
    assert parent.open == 3
    # A child of the larger one is still at the venue.
    parents.on_update(answer(less, 2, open=D("2.5")), NOW_NS)
    assert parent.open == D("2.5")
    parents.on_update(answer(less, 3, open=D(1)), NOW_NS)
    assert parent.open == 1


def test_an_ended_parent_is_over_when_the_ledger_has_what_was_done() -> None:
    command = a_command()
    parents, parent = begun(command)
    parents.on_update(answer(command, state=HedgeState.EXPIRED, done=D(2)), NOW_NS)
    assert (parent.open, parent.over) == (D(2), False)
    parents.on_fill(executed(command, 2_000), 101)
    assert (parent.open, parent.over) == (D(0), True)


def test_older_news_of_a_holder_changes_nothing() -> None:
    command = a_command()
    parents, parent = begun(command)
    parents.on_update(answer(command, 5, done=D(2)), NOW_NS)
    parents.on_update(answer(command, 4, done=D(1), state=HedgeState.CANCELLED), NOW_NS)
    assert not parent.ended
    parents.on_update(answer(command, 1, epoch=2, done=D(3), state=HedgeState.DONE), NOW_NS)
    assert parent.ended


def test_what_a_holder_says_may_be_read_before_the_command() -> None:
    command = a_command()
    parents = Parents()
    parents.on_update(answer(command, state=HedgeState.DONE, done=D(3)), NOW_NS)
    parents.on_command(command, 7)
    parent = parents.get("bot-3", "mm1")
    assert parent is not None
    assert parent.ended
    assert parents.last_sequence(("bot-3", "mm1")) == 7


def test_after_a_restart_the_quantity_that_its_holder_works_counts() -> None:
    command = a_command()
    parents = Parents()
    parents.on_command(another(command, 2, "1"), 8)
    parents.on_update(answer(command, 1), NOW_NS)
    parent = parents.get("bot-3", "mm1")
    assert parent is not None
    assert (parent.open, parent.wanted) == (D(3), D(1))


def test_open_parents_are_on_disk_and_over_ones_are_not() -> None:
    command = a_command()
    parents, _ = begun(command)
    (kept,) = parents.changes()
    assert parents.changes() == []
    reborn = Parents()
    assert reborn.restore({kept.name: kept.data}) == []
    assert [parent.command for parent in reborn.open()] == [command]
    assert reborn.unread_from() == command.ledger_sequence
    parents.on_update(answer(command, state=HedgeState.CANCELLED), NOW_NS)
    assert parents.changes() == [Keep(kept.name, b"")]
    assert parents.unread_from() is None


def test_a_document_that_cannot_be_read_is_named_and_others_are_left_alone() -> None:
    parents = Parents()
    (fault,) = parents.restore({"hedge-1": b"junk", "0123": b"a halt"})
    assert fault.startswith("hedge-1: ")
    assert parents.open() == []
