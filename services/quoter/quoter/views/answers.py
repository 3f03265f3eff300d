"""A person's order at the admin port that several accounts carry out is answered once, when each has said its part."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from common.core import Answered, Effects


def at_once(ticket: int, account: str, row: Mapping[str, Any]) -> Effects:
    """Answer a ticket that waits for one account alone."""
    return [Answered(ticket, {"accounts": [row]})]


class Answers:
    """Tickets of the orders that wait, and what has been said of each so far."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, tuple[set[str], list[Any]]] = {}
        """By ticket: the accounts that have not answered, and the rows of those that have."""

    def open(self, accounts: list[str]) -> int:
        """Return a new ticket, to be answered by each of some accounts."""
        ticket = next(self._numbers)
        self._waiting[ticket] = (set(accounts), [])
        return ticket

    def give(self, ticket: int, account: str, row: Mapping[str, Any]) -> Effects:
        """Take in what one account says; the last one's word answers the ticket with the rows of all."""
        waiting = self._waiting.get(ticket)
        if waiting is None:
            return ()
        accounts, rows = waiting
        if account in accounts:
            accounts.discard(account)
            rows.append(row)
        if accounts:
            return ()
        del self._waiting[ticket]
        return [Answered(ticket, {"accounts": rows})]

    def end(self, ticket: int, document: Mapping[str, Any]) -> Effects:
        """Answer a ticket that no account has to say anything to."""
        self._waiting.pop(ticket, None)
        return [Answered(ticket, document)]

    def give_for(self, account: str, why: str) -> Effects:
        """Answer for an account that will say nothing more."""
        for ticket in [ticket for ticket, (accounts, _) in self._waiting.items() if account in accounts]:
            yield from self.give(ticket, account, {"account": account, "said": why, "why": why, "confirmed": False})
