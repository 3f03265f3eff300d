"""What the venue has of the account that our books lack: asked for a person before anything of it is booked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from common.clock import NS_PER_S
from common.core import Answered, AnswerLater, Effects, Receipt

from quoter.venues.base import Session, Since, Telling

WAIT_MAX_NS = 15 * NS_PER_S
"""How long a person waits for the venue's lists."""
PLACE_MAX = 2**63 - 1


class Lookback:
    """Questions that wait for the venue's lists."""

    def __init__(self, account: str, session: Session, tickets: Iterator[int]) -> None:
        self._account, self._session, self._numbers = account, session, tickets
        self._tickets: dict[int, int] = {}
        """By ticket: when it was asked."""

    def on_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Answer {"after": {ACCOUNT: PLACE}} with what the venue has after that place; 0 for an account not named.

        ValueError names the field and the rule, or says that this venue's session cannot be asked.
        """
        after = _place(document, self._account)
        session = self._session
        if (not isinstance(session, Telling)) or not (after or session.counts_places):
            raise ValueError(
                f"after: {session.name} does not tell what happened after {after} before its session begins"
            )
        ticket = next(self._numbers)
        self._tickets[ticket] = receipt.now_ns
        yield AnswerLater(ticket)
        for output in session.ask_since(after, receipt.now_ns):
            assert not isinstance(output, tuple), "asking begins with a request"
            yield output

    def on_since(self, since: Since) -> Effects:
        """Answer whoever waits for it."""
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets:
            yield Answered(ticket, _document(since, self._account))

    def on_timer(self, now_ns: int) -> Effects:
        """Say it when the venue does not."""
        for ticket, asked_ns in list(self._tickets.items()):
            if now_ns - asked_ns >= WAIT_MAX_NS:
                del self._tickets[ticket]
                yield Answered(ticket, {"account": self._account, "why": "the venue does not answer"})


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


def _place(document: Mapping[str, Any], account: str) -> int:
    unknown = sorted(set(document) - {"after"})
    if unknown:
        raise ValueError(f"{unknown[0]}: must be one of after")
    places = document.get("after", {})
    place = places.get(account, 0) if isinstance(places, Mapping) else None
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place <= PLACE_MAX:
        raise ValueError(f"after: must name places of the account's stream, such as {{{account!r}: 97}}")
    return place
