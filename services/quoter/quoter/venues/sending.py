"""What a venue's right to send money looks like, apart from the session that trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from common.events import TransferCommand

from quoter.venues.conversation import Script


class Sent(NamedTuple):
    """The venue has it: it has left the account that pays."""

    transfer_id: str
    arrived: bool
    account_sequence: int
    due_ns: int


class NotSent(NamedTuple):
    """The venue has refused it: nothing has left the account, and nothing will."""

    why: str


class TransferSession(Protocol):
    """One account's right to send money, over HTTP alone, with a key of its own."""

    name: str

    def headers(self) -> Mapping[str, str]:
        """Return what proves every request."""
        ...

    def log_in(self) -> Script[None]:
        """Get ready to ask, trying until that is done; nothing where it has been done."""
        ...

    def send(self, command: TransferCommand, to_exchange: str) -> Script[Sent | NotSent]:
        """Ask for it under its number, trying until there is an answer; asked again it is sent once."""
        ...

    def look(self, transfer_id: str) -> Script[Sent | None]:
        """Return how far one is that was sent; None where the venue does not say."""
        ...
