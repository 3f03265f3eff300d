"""Every transfer that was asked for, by a person or a rebalancer, and what has become of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from common.core import Keep
from common.errors import ContractError
from common.events import TransferCommand, TransferState, TransferUpdate, decode, encode

PREFIX = "transfer-"
"""Of the documents on disk."""
ENDED_KEPT_NS = 48 * 3600 * 1_000_000_000
"""The daily limit looks back half as long."""
KEPT_NS = 31 * 24 * 3600 * 1_000_000_000
"""Of one that has not ended: longer than the stream keeps it."""

Key: TypeAlias = tuple[str, int]
"""The account that pays, and the number."""


@dataclass(slots=True)
class Transfer:
    """A transfer, and the newest word on it."""

    command: TransferCommand
    update: TransferUpdate | None = None
    stored: bool = False
    """Whether the broker has it; until then it is on our disk."""

    @property
    def ended(self) -> bool:
        return self.update is not None and self.update.state.ended

    def forgotten(self, now_ns: int) -> bool:
        """Say whether nothing that is decided depends on it any more."""
        return now_ns - self.command.ts_ns > (ENDED_KEPT_NS if self.ended else KEPT_NS)

    @property
    def refused(self) -> bool:
        return self.update is not None and self.update.state is TransferState.REFUSED


class TransfersUnderWay:
    """All transfers of the last weeks; ours are on disk until the broker has them."""

    def __init__(self) -> None:
        self._known: dict[Key, Transfer] = {}
        self._early: dict[Key, TransferUpdate] = {}
        self._kept: dict[str, bytes] = {}

    def __iter__(self) -> Iterator[Transfer]:
        return iter(self._known.values())

    def __contains__(self, key: Key) -> bool:
        return key in self._known

    def restore(self, documents: Mapping[str, bytes]) -> list[str]:
        """Take in what was kept and may not have been said; return what cannot be read."""
        faults = []
        for name, data in documents.items():
            if not name.startswith(PREFIX):
                continue
            self._kept[name] = data
            try:
                self.say(decode(TransferCommand, data, name))
            except ContractError as error:
                faults.append(str(error))
        return faults

    def unsaid(self) -> list[TransferCommand]:
        """Return what the broker is not known to have."""
        return [each.command for each in self if not each.stored]

    def say(self, command: TransferCommand) -> None:
        """Take in a transfer that is about to be asked for."""
        key = (command.account, command.number)
        self._known.setdefault(key, Transfer(command, self._early.pop(key, None)))

    def on_command(self, command: TransferCommand, now_ns: int) -> None:
        """Take in what the stream holds."""
        self.say(command)
        self._known[command.account, command.number].stored = True
        while (oldest := next(iter(self._known.values()), None)) is not None and oldest.forgotten(now_ns):
            del self._known[oldest.command.account, oldest.command.number]

    def on_update(self, update: TransferUpdate) -> None:
        """Take in what a holder says; a word older than the one that is known changes nothing."""
        known = self._known.get((update.account, update.number))
        if known is None:
            self._early[update.account, update.number] = update
        elif known.update is None or _place(update) > _place(known.update):
            known.update = update

    def refused(self, command: TransferCommand) -> None:
        """Forget what the broker did not take, unless it turned out to have it."""
        key = (command.account, command.number)
        known = self._known.get(key)
        if known is not None and not known.stored:
            del self._known[key]

    def changes(self) -> list[Keep]:
        """Return what has to be written so that the disk names every transfer that the broker may not have."""
        wanted = {
            f"{PREFIX}{each.command.account}-{each.command.number}": encode(each.command)
            for each in self
            if not each.stored
        }
        written = [Keep(name, data) for name, data in wanted.items() if self._kept.get(name) != data]
        removed = [Keep(name, b"") for name in self._kept if name not in wanted]
        self._kept = wanted
        return written + removed


def _place(update: TransferUpdate) -> tuple[int, int]:
    return update.epoch, update.update_sequence
