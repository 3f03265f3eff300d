"""Transfers: money that somebody wants sent from one of our accounts to another, and what has become of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from common.events.base import Event, joined_id, register

REBALANCER = "rebalancer"
"""Whose transfers risk decides; no user has this name with the colon that follows it."""


@register
class TransferCommand(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be sent, once: whoever holds `account` asks the venue for it under `number`.

    It is published as the first of its subject, so that the same number sends nothing more.
    """

    subject: ClassVar[str] = "transfer.command.{account}.{number}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    """That pays."""
    number: int
    """The client's: the venue takes one number of an account once."""
    venue: str
    """Where `account` is."""
    to_account: str
    to_venue: str
    currency: str
    amount: Decimal
    """Positive, in units of the currency."""
    actor: str
    """The user, or 'rebalancer:' and the id of the document."""
    reason: str
    expires_at_ns: int
    """What the venue has not been asked for by then never is."""
    ts_ns: int

    @property
    def automatic(self) -> bool:
        """Say whether risk has decided it, not a person."""
        return self.actor.startswith(f"{REBALANCER}:")

    def message_id(self) -> str:
        return joined_id("transfer", self.account, self.number)


class TransferState(StrEnum):
    """Where a transfer stands with the holder of the account that pays; before its first word it is asked for."""

    SENDING = "sending"
    """The venue is asked for it, or may have been."""
    UNDER_WAY = "under_way"
    """It has left the account."""
    DONE = "done"
    """It has arrived."""
    REFUSED = "refused"
    """Nothing was sent, and nothing will be."""

    @property
    def ended(self) -> bool:
        return self in (TransferState.DONE, TransferState.REFUSED)


@register
class TransferUpdate(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer as the holder of the account that pays has it; the first is stored before the venue is asked."""

    subject: ClassVar[str] = "transfer.update.{account}.{number}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    number: int
    update_sequence: int
    """Counts these of one account within an epoch, from 1."""
    state: TransferState
    transfer_id: str = ""
    """The venue's name of it, which both postings bear; '' before it is known."""
    account_sequence: int = 0
    """Where it stands in the private stream of the account that pays."""
    due_ns: int = 0
    """When the venue says that it arrives."""
    reason: str = ""
    """Why it was refused, for people."""
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("transfer", self.account, self.epoch, self.update_sequence)
