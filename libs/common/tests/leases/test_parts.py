"""A lease that lets one part of a core begin: what is due at each point of its life."""

from __future__ import annotations

from common.core import Publish
from common.events import Lease
from common.leases.lease import LeaseKeeper, LeaseState
from common.leases.parts import Next, Part

TTL_MS = 2_000


def part() -> Part:
    return Part(lambda: LeaseKeeper("quoter", "mm2", "quoter-1", TTL_MS))


def won(each: Part, epoch: int = 1, sequence: int = 5) -> Part:
    """Let a part's keeper have published its first beat."""
    held = Lease(role="quoter", key="mm2", holder="", beat=9, ttl_ms=TTL_MS, epoch=epoch - 1)
    each.keeper.observe(held, sequence, 0)
    due = each.keeper.beat(0)
    assert isinstance(due, Publish)
    assert isinstance(due.event, Lease)
    each.keeper.won(due.event, sequence + 1)
    return each


def test_nothing_is_due_while_the_lease_is_waited_for() -> None:
    waiting = part()
    assert waiting.next(renounced=False) is Next.NOTHING
    assert waiting.contends(renounced=False)


def test_it_begins_once_when_the_lease_is_held() -> None:
    held = won(part())
    assert held.next(renounced=False) is Next.BEGIN
    held.begun = True
    assert held.next(renounced=False) is Next.NOTHING


def test_one_that_is_renounced_is_given_back_when_it_has_begun_and_not_waited_for() -> None:
    held = won(part())
    held.begun = True
    assert held.next(renounced=True) is Next.GIVE_BACK
    assert held.contends(renounced=True), "until then it is renewed"
    held.keeper.release()
    held.renew()
    assert (held.lives, held.begun, held.keeper.state) == (1, False, LeaseState.WAITING)
    assert not held.contends(renounced=True)
    assert held.contends(renounced=False)


def test_one_whose_next_beat_is_refused_is_left_and_waited_for_again() -> None:
    held = won(part())
    held.begun = True
    held.keeper.refused()
    assert held.next(renounced=False) is Next.LEAVE
    assert held.next(renounced=True) is Next.LEAVE
    held.renew()
    assert held.next(renounced=False) is Next.NOTHING
    assert won(held, epoch=3).next(renounced=False) is Next.BEGIN
    assert held.keeper.epoch == 3
