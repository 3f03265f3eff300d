"""All hedge parents of a process: one open for each scope, worked whenever a book, a report or the time has moved.

It is told commands, books (as places) and what becomes of orders, and answers what to place and what to cancel. It
knows nothing of sessions, limits and halts: the pre-trade check stands between it and the venue.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from decimal import Decimal
from typing import Any

from common.events import HedgeUpdate, OrderCommand, OrderUpdate
from common.orders import OrderState, child_of, epoch_of, hedge_child_id

from quoter.hedging.children import CancelChild, Child, PlaceChild, inherited
from quoter.hedging.places import Places, Way
from quoter.hedging.working import Working

SCOPES_MAX = 1_000
"""Scopes that are hedged through one process."""
SALTS = 4
"""By which ids of children are looked for; hardly ever is one used but the first."""
INHERITED_MAX = 10_000
"""A predecessor's children that are remembered until their parent is known."""


class Parents:
    """The newest parent of each scope that is told to accounts of this process."""

    def __init__(self, used: Mapping[str, Container[int]]) -> None:
        """`used` are the order ids of each account: no child gets one of them."""
        self._used = used
        self.at = ""
        """The scope that is being worked, '' where it is none."""
        self._epochs: dict[str, int] = {}
        """Of the leases held, by account."""
        self._working: dict[str, Working] = {}
        self._next: dict[str, OrderCommand] = {}
        """What follows a parent that has not ended yet, by scope."""
        self._replaced: list[Working] = []
        """Ended parents that made way in this turn, whose end is still to be told."""
        self._by_order: dict[tuple[str, int], tuple[Working, Child]] = {}
        """By account and order id."""
        self._told: dict[str, int] = {}
        """Count of what was told in this epoch, by account."""
        self._left: dict[str, HedgeUpdate] = {}
        """A predecessor's last word on each parent."""
        self._early: dict[tuple[str, str], OrderCommand] = {}
        """The last command of each scope to an account that has not begun."""
        self._left_children: dict[int, OrderUpdate] = {}

    def begin(self, account: str, epoch: int) -> None:
        """Begin with an account in a lease epoch; what a predecessor left has been remembered before."""
        self._epochs[account] = epoch
        self._told[account] = 0
        for key in [key for key in self._early if key[1] == account]:
            self.on_command(self._early.pop(key))

    def lose(self, account: str) -> None:
        """Send nothing through an account any more, until it begins again.

        Others may work its parents meanwhile: what became of them and their children is read again before that.
        """
        self._epochs.pop(account, None)
        for scope, working in list(self._working.items()):
            if working.command.account == account:
                newest = self._next.pop(scope, working.command)
                self._early[newest.scope, newest.account] = newest
                self._forget(self._working.pop(scope))

    def _forget(self, working: Working) -> None:
        for child in working.children.values():
            del self._by_order[child.key]

    # --- what a predecessor left --------------------------------------------------------------------------------

    def remember(self, update: HedgeUpdate) -> None:
        """Take in what a predecessor said of a parent; the newest counts."""
        known = self._left.get(update.parent_id)
        place = (update.epoch, update.update_sequence)
        if known is None or place > (known.epoch, known.update_sequence):
            self._left[update.parent_id] = update

    def remember_child(self, update: OrderUpdate) -> None:
        """Take in what a predecessor said of an order, where it was a hedge's child."""
        if not update.parent_id:
            return
        known = self._left_children.pop(update.order_id, None)
        newer = known is None or update.order_sequence >= known.order_sequence
        self._left_children[update.order_id] = update if newer or known is None else known
        if len(self._left_children) > INHERITED_MAX:
            del self._left_children[next(iter(self._left_children))]

    # --- what is told -------------------------------------------------------------------------------------------

    def on_command(self, command: OrderCommand) -> None:
        """Take in a parent, or another revision of one; the newest alone is worked."""
        if command.account not in self._epochs:
            self._early[command.scope, command.account] = command
            return
        known = self._working.get(command.scope)
        if known is None:
            if len(self._working) < SCOPES_MAX:
                self._accept(command)
        elif known.command.parent_id == command.parent_id:
            if command.revision > known.command.revision:
                known.renew(command)
            # Said again, it is answered again: who says it may not have heard.
            known.told = None
        elif command.ts_ns < known.command.ts_ns:
            # Of an account that has begun later.
            return
        elif known.state.ended:
            self._accept(command)
        else:
            known.superseded = True
            self._next[command.scope] = command

    def _accept(self, command: OrderCommand) -> None:
        before = self._working.pop(command.scope, None)
        if before is not None:
            self._replaced.append(before)
            self._forget(before)
        working = self._working[command.scope] = Working(command)
        parent_id = command.parent_id
        children = [inherited(each) for each in self._left_children.values() if each.parent_id == parent_id]
        working.take_over(self._left.pop(parent_id, None), children)
        for child in children:
            del self._left_children[child.order_id]
        for child in working.children.values():
            self._by_order[child.key] = working, child

    def on_child(
        self, account: str, order_id: int, state: OrderState, executed_lots: int, now_ns: int, reason: str = ""
    ) -> None:
        """Take in what has become of an order: its state, and what it has executed in all; others' are nothing here.

        An order that the pre-trade check kept in is a rejected one.
        """
        found = self._by_order.get((account, order_id))
        if found is not None:
            working, child = found
            for forgotten in working.on_child(child, state, executed_lots, reason, now_ns):
                del self._by_order[forgotten.key]

    # --- what is done -------------------------------------------------------------------------------------------

    def work(
        self, places_of: Callable[[OrderCommand], Places], now_ns: int, waiting: Container[str] = ()
    ) -> Iterator[PlaceChild | CancelChild]:
        """Yield what is to be sent now: after books, reports and commands have been taken in, and by a timer.

        `places_of` says where a parent may be traded, as it is now; scopes that are `waiting` are left alone.
        """
        for scope in list(self._working):
            if scope in waiting:
                continue
            self.at, working = scope, self._working[scope]
            if working.state.ended and working.measured and scope not in self._next:
                continue
            places = {
                venue: place for venue, place in places_of(working.command).items() if venue.account in self._epochs
            }
            for step in working.work(places, now_ns):
                if isinstance(step, CancelChild):
                    yield step
                else:
                    order_id = self._order_id(working, step.venue.account)
                    order = working.send(step, order_id, places[step.venue], now_ns)
                    child = working.children[order_id]
                    self._by_order[child.key] = working, child
                    yield order
            if working.state.ended and scope in self._next:
                self._accept(self._next.pop(scope))
        self.at = ""

    def explain(self, scope: str, reason: str) -> None:
        """Say why nothing is done for a scope."""
        if scope in self._working:
            self._working[scope].reason, self._working[scope].way = reason, None

    def ways(self) -> list[Way]:
        """Return where quotes of ours are to give way to hedges."""
        return [working.way for working in self._working.values() if working.way is not None]

    def _order_id(self, working: Working, account: str) -> int:
        salt, used = 0, self._used.get(account, ())
        while True:
            order_id = hedge_child_id(self._epochs[account], working.command.parent_id, working.number + 1, salt)
            if order_id not in used and (account, order_id) not in self._by_order:
                return order_id
            salt += 1

    def updates(self, now_ns: int) -> Iterator[HedgeUpdate]:
        """Yield what has changed of each parent since it was last told; asked once at the end of a turn."""
        replaced, self._replaced = self._replaced, []
        for working in (*replaced, *self._working.values()):
            shown = working.shown()
            account = working.command.account
            if shown != working.told and working.measured and account in self._epochs:
                working.told = shown
                self._told[account] += 1
                yield working.update(shown, self._told[account], self._epochs[account], now_ns)

    def open(self) -> list[OrderCommand]:
        """Return the parents that have not ended."""
        return [working.command for working in self._working.values() if not working.state.ended]

    @property
    def idle(self) -> bool:
        """Whether nothing is to be done or told before the next command."""
        return not self._next and all(
            working.state.ended and working.shown() == working.told for working in self._working.values()
        )

    def children(self, parent_id: str = "") -> list[tuple[str, int]]:
        """Return account and order id of every child whose end is not known, of one parent where it is named."""
        return [
            key
            for key, (working, child) in self._by_order.items()
            if child.living and parent_id in ("", working.command.parent_id)
        ]

    def left(self, parent_id: str, order_id: int) -> Decimal:
        """Return what of a parent no child but this one has executed or may still execute."""
        for working in self._working.values():
            if working.command.parent_id == parent_id:
                own = working.children[order_id].leaves
                return working.command.quantity - working.done - working.open + own
        return Decimal(0)

    def command_of(self, parent_id: str) -> OrderCommand | None:
        """Return the newest word on a parent, None of one that is not its scope's newest."""
        for command in (*(each.command for each in self._working.values()), *self._early.values()):
            if command.parent_id == parent_id:
                return command
        return None

    def parent_of(self, order_id: int) -> OrderCommand | None:
        """Return the parent of which an order is a child by its id, None of any other order."""
        number, epoch = child_of(order_id), epoch_of(order_id)
        if not number:
            return None
        commands = [*(each.command for each in self._working.values()), *self._next.values(), *self._early.values()]
        for command in commands:
            if order_id in [hedge_child_id(epoch, command.parent_id, number, salt) for salt in range(SALTS)]:
                return command
        return None

    def adopt(self, update: OrderUpdate) -> None:
        """Take in a child that nobody has told of: its parent counts what it has executed."""
        for working in self._working.values():
            if working.command.parent_id == update.parent_id:
                child = inherited(update)
                if working.adopt(child):
                    self._by_order[child.key] = working, child
                return
        self.remember_child(update)

    def tell_again(self, parent_id: str) -> None:
        """Say again where a parent stands: what was said has not been heard."""
        for working in self._working.values():
            if working.command.parent_id == parent_id:
                working.told = None

    def status(self) -> list[dict[str, Any]]:
        """Return a JSON-able row of each scope's parent."""
        return [
            {
                "scope": scope,
                "parent": working.command.parent_id,
                "state": working.state.value,
                "side": working.command.side.value,
                "quantity": f"{working.command.quantity:f}",
                "done": f"{working.done:f}",
                "open": f"{working.open:f}",
                "reason": working.reason,
            }
            for scope, working in self._working.items()
        ]
