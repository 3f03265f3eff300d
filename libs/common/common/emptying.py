"""What came of cancelling everything in a scope: how many orders, how many are left, and whether the venue says so.

One sentence serves the answers of the doors, the alert that tells everybody, and whoever reads the alert back.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from common.clock import NS_PER_S

EMPTIED = "emptied"
"""Kind of the alert that tells an outcome."""
IDS_BELOW = "ids-below:"
"""Begins what the watchdog reports of a dead quoter's orders; the first order id that is not its follows."""
NOT_CONFIRMED = "NOT CONFIRMED"
CONFIRM_MAX_S = 5.0
"""A door answers by then, confirmed or not."""
ANSWER_MAX_S = CONFIRM_MAX_S + 2.0
"""Whoever asks a door waits so long for its answer."""
_HEAD = re.compile(r"(?P<what>[^ ,]+), account (?P<account>[A-Za-z0-9_-]+): (?P<outcome>.+)", re.DOTALL)


class Emptied(NamedTuple):
    """The outcome at one account."""

    what: str
    """Of which order: 'scope:reason' of a halt, 'cancel-all:scope', or 'ids-below:N' of a dead quoter's orders."""
    account: str
    cancelled: int
    left: int
    """Orders that still rest, or may."""
    of: int
    """Orders that rested, or may have, when it was begun or since."""
    confirmed_at_ns: int
    """When the venue said that none of them rests; 0 while it has not."""
    why: str = ""
    """Why it is not confirmed, or what more there is to say."""

    @property
    def confirmed(self) -> bool:
        return self.confirmed_at_ns > 0

    def outcome(self) -> str:
        """Return '24 cancelled, 0 of 24 left, confirmed by the venue at 14:02:03 UTC' or 'NOT CONFIRMED, why'."""
        counted = f"{self.cancelled} cancelled, {self.left} of {self.of} left"
        if not self.confirmed:
            return f"{NOT_CONFIRMED}, {self.why} ({counted})"
        at = datetime.fromtimestamp(self.confirmed_at_ns / NS_PER_S, UTC)
        more = f"; {self.why}" if self.why else ""
        return f"{counted}, confirmed by the venue at {at:%H:%M:%S} UTC{more}"

    def said(self) -> str:
        """Return the sentence for people: 'bot-1:manual, account mm1: 24 cancelled, …'."""
        return f"{self.what}, account {self.account}: {self.outcome()}"

    def document(self) -> dict[str, Any]:
        """Return a JSON-able row, as the doors answer it."""
        return {**self._asdict(), "confirmed": self.confirmed, "said": self.said()}


class Told(NamedTuple):
    """An outcome as an alert tells it."""

    what: str
    account: str
    outcome: str

    @property
    def confirmed(self) -> bool:
        return not self.outcome.startswith(NOT_CONFIRMED)


def read_told(text: str) -> Told | None:
    """Return what an alert of the kind `emptied` tells; None when it is no such sentence."""
    found = _HEAD.fullmatch(text)
    return Told(**found.groupdict()) if found else None


def rows_of(document: Any) -> list[dict[str, Any]]:
    """Return the outcomes in a door's answer; what is none is left out."""
    rows = document.get("accounts", []) if isinstance(document, dict) else []
    found = []
    for row in rows if isinstance(rows, list) else []:
        try:
            msgspec.convert(row, dict[str, Any])
            found.append({**row, "account": str(row["account"]), "said": str(row["said"])})
        except (msgspec.ValidationError, KeyError, TypeError):
            continue
    return found
