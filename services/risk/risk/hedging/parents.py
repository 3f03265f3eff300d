"""Hedge parents as risk has them: what was said of each, what its holder says, and what the ledger shows of it.

A parent counts with the most that may still be executed of it and that the ledger does not show yet. Executions are
counted by the fills of the ledger alone, so that position and open hedges are always of one ledger sequence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeAlias

from common.clock import NS_PER_S
from common.core import Keep
from common.errors import ContractError
from common.events import Fill, HedgeState, HedgeUpdate, OrderCommand, decode, encode

from risk.hedging.amounts import ZERO

BOOKED_WITHIN_NS = 60 * NS_PER_S
"""What an ended parent has executed and the ledger does not show by then is no longer waited for: reconciliation has
compared the books with the venue meanwhile."""
PREFIX = "hedge-"
"""Of the documents on disk."""

Key: TypeAlias = tuple[str, str]
"""Scope and account: a scope has one open parent with each holder."""


@dataclass(slots=True)
class Parent:
    """The newest parent of a scope with one holder."""

    command: OrderCommand
    """The newest word on it."""
    confirmed: OrderCommand | None = None
    """The newest revision that the broker has confirmed."""
    update: HedgeUpdate | None = None
    booked: Decimal = ZERO
    """Executed by the ledger, in units of the base currency."""
    booked_to: int = 0
    """Last FILL sequence looked at for it."""
    ended_at_ns: int = 0
    waited_for: bool = True
    """Whether what has been executed and is not in the ledger is still expected there."""
    said: dict[int, Decimal] = field(default_factory=dict)
    """Quantities by revision, since the one that the holder has confirmed."""

    @property
    def key(self) -> Key:
        return self.command.scope, self.command.account

    @property
    def sign(self) -> int:
        return self.command.side.sign

    @property
    def unconfirmed(self) -> bool:
        """Whether its newest revision is on its way to the broker."""
        return self.confirmed is not self.command

    @property
    def ended(self) -> bool:
        return self.update is not None and self.update.state.ended

    @property
    def over(self) -> bool:
        """Whether nothing of it is open, in flight or on its way into the ledger."""
        return self.ended and not self.open

    @property
    def open(self) -> Decimal:
        """Return the most that is still to come into the ledger: not executed, or executed and not booked."""
        update = self.update
        if update is not None and update.state.ended:
            return max(ZERO, update.done - self.booked) if self.waited_for else ZERO
        most = max(self.said.values())
        if update is not None:
            # Children that were sent for an earlier, larger quantity may still be executed.
            most = max(most, update.done + update.open)
        return max(ZERO, most - self.booked)

    @property
    def wanted(self) -> Decimal:
        """Return what is left of it by the newest word."""
        if self.command.cancelled or self.ended:
            return ZERO
        return max(ZERO, self.command.quantity - self.booked)

    @property
    def unfinished(self) -> bool:
        """Whether it ended before its quantity was done and nobody said that the rest is not wanted."""
        return self.ended and not self.command.cancelled and self.update is not None and self._short(self.update)

    @staticmethod
    def _short(update: HedgeUpdate) -> bool:
        return update.state in (HedgeState.EXPIRED, HedgeState.REFUSED)

    def row(self) -> dict[str, Any]:
        """Return a JSON-able row, with what its holder said last."""
        command, update = self.command, self.update
        return {
            "parent": command.parent_id,
            "account": command.account,
            "side": command.side.value,
            "quantity": f"{command.quantity:f}",
            "booked": f"{self.booked:f}",
            "open": f"{self.open:f}",
            "revision": command.revision,
            "state": update.state.value if update is not None else "",
            "done": f"{update.done:f}" if update is not None else None,
            "reason": update.reason if update is not None else "",
            "cancelled": command.cancelled,
        }

    def say(self, command: OrderCommand) -> None:
        """Take in another revision."""
        self.command = command
        self.said[command.revision] = command.quantity

    def take(self, update: HedgeUpdate, now_ns: int) -> bool:
        """Take in what its holder says; return False for what is older than what it said before."""
        known = self.update
        place = (update.epoch, update.update_sequence)
        if known is not None and place <= (known.epoch, known.update_sequence):
            return False
        self.update = update
        if update.revision in self.said:
            self.said = {revision: each for revision, each in self.said.items() if revision >= update.revision}
        elif update.revision < self.command.revision:
            self.said[update.revision] = update.quantity
        if update.state.ended and not self.ended_at_ns:
            self.ended_at_ns = now_ns
        return True

    def book(self, fill: Fill, sequence: int) -> None:
        """Count an execution of the ledger, once."""
        if sequence > self.booked_to:
            self.booked_to = sequence
            self.booked += fill.quantity_lots * fill.instrument.lot_size


class Parents:
    """The newest parent of every scope with each holder, on disk for as long as something of it may be open."""

    def __init__(self) -> None:
        self._parents: dict[Key, Parent] = {}
        self._by_id: dict[str, Parent] = {}
        self._by_scope: dict[str, dict[Key, Parent]] = {}
        self._early: dict[str, HedgeUpdate] = {}
        """What holders said of parents that are not known yet, by scope and account."""
        self._kept: dict[str, bytes] = {}
        self._sequences: dict[Key, int] = {}
        """Of the last message of each subject in ORDER."""

    def __iter__(self) -> Iterator[Parent]:
        return iter(self._parents.values())

    def get(self, scope: str, account: str) -> Parent | None:
        return self._parents.get((scope, account))

    def of(self, scope: str) -> list[Parent]:
        """Return the newest parents of a scope, one a holder."""
        return list(self._by_scope.get(scope, {}).values())

    def open(self) -> list[Parent]:
        """Return the parents of which something may still come."""
        return [parent for parent in self._parents.values() if not parent.over]

    # --- what is said -------------------------------------------------------------------------------------------

    def say(self, command: OrderCommand) -> Parent:
        """Take in a parent, or another revision of one, that is about to be published."""
        known = self._by_id.get(command.parent_id)
        if known is not None:
            known.say(command)
            return known
        return self._enter(Parent(command, said={command.revision: command.quantity}))

    def _enter(self, parent: Parent) -> Parent:
        command = parent.command
        earlier = self._parents.get(parent.key)
        if earlier is not None:
            del self._by_id[earlier.command.parent_id]
        parent.booked_to = max(parent.booked_to, command.ledger_sequence)
        self._parents[parent.key] = self._by_id[command.parent_id] = parent
        self._by_scope.setdefault(command.scope, {})[parent.key] = parent
        update = self._early.pop(_place(command), None)
        if update is not None and update.parent_id == command.parent_id:
            parent.take(update, update.ts_ns)
        return parent

    def last_sequence(self, key: Key) -> int:
        """Return where the newest command of a scope to an account stands in ORDER; 0 where there is none."""
        return self._sequences.get(key, 0)

    def on_command(self, command: OrderCommand, sequence: int) -> None:
        """Take in what ORDER holds: said by ourselves, in this life or in the one before."""
        key = (command.scope, command.account)
        self._sequences[key] = max(sequence, self._sequences.get(key, 0))
        known = self._parents.get(key)
        if known is None or known.command.parent_id != command.parent_id:
            if known is not None and command.ts_ns <= known.command.ts_ns:
                return
            known = self._enter(Parent(command, said={command.revision: command.quantity}))
        if command.revision > known.command.revision:
            known.say(command)
        if command.revision == known.command.revision:
            known.command = known.confirmed = command

    def refused(self, command: OrderCommand) -> None:
        """Forget a revision that the broker did not take: what was confirmed before it stands."""
        parent = self._by_id.get(command.parent_id)
        if parent is None or parent.command.revision != command.revision:
            return
        parent.said.pop(command.revision, None)
        if parent.confirmed is None:
            del self._parents[parent.key], self._by_id[command.parent_id], self._by_scope[command.scope][parent.key]
        else:
            parent.command = parent.confirmed
            parent.said.setdefault(parent.command.revision, parent.command.quantity)

    # --- what becomes of it -------------------------------------------------------------------------------------

    def on_update(self, update: HedgeUpdate, now_ns: int) -> None:
        """Take in what a holder says of a parent."""
        parent = self._by_id.get(update.parent_id)
        if parent is None:
            self._early[_place(update)] = update
        else:
            parent.take(update, now_ns)

    def on_fill(self, fill: Fill, sequence: int) -> None:
        """Count an execution that the ledger has folded."""
        parent = self._by_id.get(fill.parent_id) if fill.parent_id else None
        if parent is not None:
            parent.book(fill, sequence)

    def unread_from(self) -> int | None:
        """Return the FILL sequence after which executions of open parents may not be counted here; None: nowhere."""
        return min((parent.booked_to for parent in self._parents.values() if not parent.over), default=None)

    def settle_unkept(self) -> None:
        """Wait for nothing of an ended parent that was not on disk at the start: all of it was in the ledger before."""
        for parent in self._parents.values():
            if parent.ended and document_name(parent.key) not in self._kept:
                parent.waited_for = False

    def late(self, now_ns: int) -> list[Parent]:
        """Return the ended parents whose executions should be in the ledger by now and are not."""
        return [
            parent
            for parent in self._parents.values()
            if parent.ended and parent.open and now_ns - parent.ended_at_ns > BOOKED_WITHIN_NS
        ]

    # --- on disk ------------------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> list[str]:
        """Take in the parents on disk, those of other names apart; return what cannot be read, by name and reason."""
        faults = []
        for name, data in documents.items():
            if not name.startswith(PREFIX):
                continue
            try:
                command = decode(OrderCommand, data, name)
            except ContractError as error:
                faults.append(str(error))
                continue
            self._enter(Parent(command, said={command.revision: command.quantity}))
            self._kept[name] = data
        return faults

    def changes(self) -> list[Keep]:
        """Return what has to be written so that the disk names every parent of which something may be open."""
        wanted = {}
        for parent in self.open():
            wanted[document_name(parent.key)] = encode(parent.command)
        written = [Keep(name, data) for name, data in wanted.items() if self._kept.get(name) != data]
        removed = [Keep(name, b"") for name in self._kept if name not in wanted]
        self._kept = wanted
        return written + removed


def _place(said: OrderCommand | HedgeUpdate) -> str:
    return f"{said.scope}:{said.account}"


def document_name(key: Key) -> str:
    """Return the name under which a scope's parent with an account is on disk."""
    return PREFIX + hashlib.sha256(":".join(key).encode()).hexdigest()[:32]
