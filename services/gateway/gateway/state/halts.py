"""Which trading is stopped, what came of stopping it at each account, and which scopes there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from common import halts
from common.emptying import read_told
from common.events import Alert, Halt

CLOCKS_APART_NS = 1_000_000_000
"""Two machines' clocks may differ by so much."""
OUTCOMES_MAX = 1_000
"""Scopes emptied, by order and account, whose outcome is remembered; the oldest goes."""


class Outcome(NamedTuple):
    """What came of emptying a scope at one account."""

    account: str
    said: str
    """'24 cancelled, 0 of 24 left, confirmed by the venue at …', or 'NOT CONFIRMED, why'."""
    ts_ns: int


class Halts(halts.Halts):
    """The latest word on each (scope, reason), and what the accounts have made of it."""

    def __init__(self) -> None:
        super().__init__()
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def on_emptied(self, alert: Alert) -> None:
        """Take in the alert that tells what came of emptying a scope."""
        told = read_told(alert.text)
        if told is not None:
            self._outcomes.pop((told.what, told.account), None)
            self._outcomes[told.what, told.account] = Outcome(told.account, told.outcome, alert.ts_ns)
            if len(self._outcomes) > OUTCOMES_MAX:
                del self._outcomes[next(iter(self._outcomes))]

    def outcomes(self, halt: Halt) -> list[Outcome]:
        """Return what came of a halt in force, by account; an earlier halt's outcome is not this one's."""
        what = f"{halt.scope}:{halt.reason}"
        found = [outcome for (name, _), outcome in self._outcomes.items() if name == what]
        return sorted(outcome for outcome in found if outcome.ts_ns >= halt.ts_ns - CLOCKS_APART_NS)

    def touching(self, *, algo_id: str, venue: str, account: str, currencies: Iterable[str]) -> Iterator[Halt]:
        """Yield the halts that keep a bot from sending orders."""
        scopes = {"global", f"bot-{algo_id}", f"venue-{venue}", f"account-{account}"}
        scopes |= {f"currency-{currency}" for currency in currencies}
        return (halt for halt in self.active() if halt.scope in scopes)
