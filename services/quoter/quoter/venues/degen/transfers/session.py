"""Sending money at the Degen Terminal: one request under a number of ours, which the venue carries out once."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec
from common.errors import ContractError
from common.events import TransferCommand

from quoter.venues.conversation import Pause, Reply, Script
from quoter.venues.degen.frames import VENUE, Place, Stamp, parse_document
from quoter.venues.degen.rest import BACKOFF_MOST_MS, ApiKey, DegenRest
from quoter.venues.sending import NotSent, Sent

TEXT_CHARS_MAX = 200
PAGE_ITEMS = 1_000


class _Row(msgspec.Struct):
    """A transfer, as far as it is read."""

    transfer_id: str
    client_transfer_id: str
    status: str
    account_sequence: Place
    due_ns: Stamp

    @property
    def sent(self) -> Sent:
        return Sent(self.transfer_id, self.status == "arrived", self.account_sequence, self.due_ns)


class _Page(msgspec.Struct):
    transfers: list[_Row]
    next_after: Place
    has_more: bool


class _Error(msgspec.Struct):
    message: str = ""
    code: str = ""


class _Document(msgspec.Struct):
    transfer: _Row | None = None
    error: _Error | None = None


class DegenTransferSession:
    """One account's right to send money to other venues of the exchange."""

    def __init__(self, key: ApiKey, seed: int = 0, venue: str = VENUE) -> None:
        """`venue` is the name under which the platform knows the place."""
        self.name = venue
        self._rest = DegenRest(key, Random(seed), venue)

    def headers(self) -> Mapping[str, str]:
        return self._rest.headers()

    def log_in(self) -> Script[None]:
        if not self._rest.token:
            yield from self._rest.login()

    def send(self, command: TransferCommand, to_exchange: str) -> Script[Sent | NotSent]:
        body: dict[str, Any] = {
            "client_transfer_id": str(command.number),
            "currency": command.currency,
            "amount": f"{command.amount:f}",
            # What the exchange calls its first venue is no exchange's name.
            "to_venue": VENUE if command.to_venue == VENUE else to_exchange,
            "to_account": command.to_account,
        }
        while True:
            reply: Reply = yield from self._rest.call("POST", "/transfers", msgspec.json.encode(body))
            try:
                answer = parse_document(_Document, reply.body)
            except ContractError as error:
                yield from self._rest.fault("bad_answer", str(error))
                answer = _Document()
            # One that was sent before is told again beside the refusal.
            if answer.transfer is not None:
                return answer.transfer.sent
            if answer.error is not None and 400 <= reply.status < 500:
                # An earlier request may have got there, and have been carried out before what is refused now.
                found = yield from self._find(command.number)
                return found or NotSent((answer.error.message or answer.error.code)[:TEXT_CHARS_MAX])
            yield Pause(BACKOFF_MOST_MS)

    def _find(self, number: int) -> Script[Sent | None]:
        """Look through what the account has sent for a number of ours; None says that it was not sent.

        What cannot be read may be ours: then all is asked for again.
        """
        after = 0
        while True:
            reply = yield from self._rest.call("GET", f"/transfers?after={after}&limit={PAGE_ITEMS}")
            try:
                page = parse_document(_Page, reply.body)
                if page.has_more and page.next_after <= after:
                    raise ContractError("GET /transfers", f"no end at {after}")
            except ContractError as error:
                yield from self._rest.fault("bad_answer", str(error))
                yield Pause(BACKOFF_MOST_MS)
                after = 0
                continue
            for row in page.transfers:
                if row.client_transfer_id == str(number):
                    return row.sent
            if not page.has_more:
                return None
            after = page.next_after

    def look(self, transfer_id: str) -> Script[Sent | None]:
        reply = yield from self._rest.call("GET", f"/transfers/{transfer_id}")
        try:
            answer = parse_document(_Document, reply.body)
        except ContractError:
            return None
        return answer.transfer.sent if answer.transfer is not None else None
