"""What the venue has of the account that our books lack: asked for a person before anything of it is booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from common.clock import NS_PER_S
from common.core import Effects, Receipt

from quoter.trading.cancel_all import AnswerTicket
from quoter.venues.base import Session, Since, Telling

WAIT_MAX_NS = 15 * NS_PER_S
"""How long a person waits for the venue's lists."""
PLACE_MAX = 2**63 - 1


class Lookback:
    """Questions that wait for the venue's lists of one account."""

    def __init__(self, account: str, session: Session, answer: AnswerTicket) -> None:
        self._account, self._session, self._answer = account, session, answer
        self._tickets: dict[int, int] = {}
        """By ticket: when it was asked."""

    def why_not(self, after: int) -> str:
        """Return why what happened after a place cannot be asked now, or an empty text."""
        session = self._session
        if isinstance(session, Telling) and (after or session.counts_places):
            return ""
        return f"{session.name} does not tell what happened after {after} before its session begins"

    def ask(self, after: int, ticket: int, receipt: Receipt) -> Effects:
        """Ask for what the venue has after a place, and answer the ticket with it."""
        session = self._session
        assert isinstance(session, Telling), "who cannot tell is not asked"
        self._tickets[ticket] = receipt.now_ns
        for output in session.ask_since(after, receipt.now_ns):
            assert not isinstance(output, tuple), "asking begins with a request"
            yield output

    def on_since(self, since: Since) -> Effects:
        """Answer whoever waits for it."""
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets:
            yield from self._answer(ticket, self._account, _document(since, self._account))

    def on_timer(self, now_ns: int) -> Effects:
        """Say it when the venue does not."""
        for ticket, asked_ns in list(self._tickets.items()):
            if now_ns - asked_ns >= WAIT_MAX_NS:
                del self._tickets[ticket]
                row = {"account": self._account, "why": "the venue does not answer"}
                yield from self._answer(ticket, self._account, row)


def _document(since: Since, account: str) -> dict[str, Any]:
    lots: Counter[tuple[str, str, str]] = Counter()
    for fill in since.fills:
        lots[fill.symbol, fill.side.value, fill.outcome.value] += fill.quantity_lots
    places = [fill.account_sequence for fill in since.fills] + [each.account_sequence for each in since.conversions]
    return {
        "account": account,
        "after": since.after,
        "place": max(places, default=since.after),
        "fills": len(since.fills),
        "conversions": len(since.conversions),
        "unread": since.unread,
        "cash_total": str(since.cash_total) if since.cash_total is not None else None,
        "lots": [
            {"symbol": symbol, "side": side, "outcome": outcome, "lots": count}
            for (symbol, side, outcome), count in sorted(lots.items())
        ],
    }


def parse_since(document: Mapping[str, Any], accounts: Sequence[str]) -> dict[str, int]:
    """Return what {"after": {ACCOUNT: PLACE}} asks of some accounts; 0 for one that is not named.

    ValueError names the field and the rule.
    """
    unknown = sorted(set(document) - {"after"})
    if unknown:
        raise ValueError(f"{unknown[0]}: must be one of after")
    places = document.get("after", {})
    return {account: _place(places, account) for account in accounts}


def _place(places: object, account: str) -> int:
    place = places.get(account, 0) if isinstance(places, Mapping) else None
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= PLACE_MAX:
        raise ValueError(f"after: must name places of the account's stream, such as {{{account!r}: 97}}")
    return place
