"""Transfers between our accounts: what was asked for, by whom, and how far each is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from common.core import Effects, Input, Ordered, Receipt, Start
from common.events import TransferCommand, TransferUpdate

TRANSFERS_MAX = 1_000
"""Remembered; the oldest that have ended go first."""
ASKED = "asked"
"""State of one that its holder has said nothing of."""

Key: TypeAlias = tuple[str, int]
"""The account that pays, and the client's number."""


@dataclass(slots=True)
class Transfer:
    """A transfer, and the newest word on it."""

    command: TransferCommand
    update: TransferUpdate | None = None

    @property
    def ended(self) -> bool:
        return self.update is not None and self.update.state.ended

    def row(self) -> dict[str, Any]:
        """Return it as people see it, money exact."""
        command, update = self.command, self.update
        return {
            "account": command.account,
            "client_transfer_id": str(command.number),
            "state": update.state.value if update is not None else ASKED,
            "venue": command.venue,
            "to_account": command.to_account,
            "to_venue": command.to_venue,
            "currency": command.currency,
            "amount": f"{command.amount:f}",
            "actor": command.actor,
            "reason": command.reason,
            "asked_ns": command.ts_ns,
            "transfer_id": update.transfer_id if update is not None else "",
            "due_ns": update.due_ns if update is not None else 0,
            "refused": update.reason if update is not None else "",
            "changed_ns": update.ts_ns if update is not None else command.ts_ns,
        }


class Transfers:
    """Every transfer by its account and number, newest last."""

    def __init__(self) -> None:
        self._known: dict[Key, Transfer] = {}
        self._early: dict[Key, TransferUpdate] = {}
        """What holders said of transfers whose commands have not come yet."""

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(TransferCommand, self.on_command, Start.LAST_PER_SUBJECT),
            Ordered(TransferUpdate, self.on_update, Start.LAST_PER_SUBJECT),
        ]

    def on_command(self, command: TransferCommand, receipt: Receipt) -> Effects:
        """Take in what is to be sent; the first word under a number is the only one."""
        key = (command.account, command.number)
        if key in self._known:
            return ()
        self._known[key] = Transfer(command, self._early.pop(key, None))
        if len(self._known) > TRANSFERS_MAX:
            ended = (each for each, transfer in self._known.items() if transfer.ended)
            del self._known[next(ended, next(iter(self._known)))]
        return ()

    def on_update(self, update: TransferUpdate, receipt: Receipt) -> Effects:
        """Take in what a holder says; a word older than the one that is known changes nothing."""
        key = (update.account, update.number)
        transfer = self._known.get(key)
        if transfer is None:
            self._early[key] = update
            if len(self._early) > TRANSFERS_MAX:
                del self._early[next(iter(self._early))]
            return ()
        known = transfer.update
        if known is None or (update.epoch, update.update_sequence) > (known.epoch, known.update_sequence):
            transfer.update = update
        return ()

    def get(self, account: str, number: int) -> Transfer | None:
        return self._known.get((account, number))

    def newest_first(self) -> Iterator[Transfer]:
        return iter(sorted(self._known.values(), key=lambda each: each.command.ts_ns, reverse=True))
