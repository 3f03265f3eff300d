"""Which trading is stopped: scopes as people write them, and the halts in force."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from common.events import Halt
from common.instruments import TOKEN_CHARS_MAX, escape_token

HALTS_MAX = 1_000
"""Subjects (scope, reason) remembered; lifted ones go first."""

SCOPE_RULE = "must be global, venue-X, account-X, bot-N or currency-C, e.g. venue-degen or bot-1"
REASON_RULE = "must be 1 to 64 of a-z, 0-9, _ and -, e.g. manual"
_SCOPE = re.compile(r"global|(?:venue|account)-[A-Za-z0-9_-]{1,64}|bot-[1-9][0-9]{0,8}|currency-[A-Z0-9]{2,12}")
_REASON = re.compile(r"[a-z0-9_-]{1,64}")


def check_scope(scope: str) -> str:
    """Return the scope as it is; ValueError names the grammar."""
    if not _SCOPE.fullmatch(scope) or len(escape_token(scope)) > TOKEN_CHARS_MAX:
        raise ValueError(SCOPE_RULE)
    return scope


def check_reason(reason: str) -> str:
    """Return the reason as it is; ValueError names the grammar."""
    if not _REASON.fullmatch(reason) or len(escape_token(reason)) > TOKEN_CHARS_MAX:
        raise ValueError(REASON_RULE)
    return reason


class Halts:
    """The latest word on each (scope, reason)."""

    def __init__(self) -> None:
        self._words: dict[tuple[str, str], tuple[Halt, int]] = {}

    def apply(self, halt: Halt, sequence: int) -> None:
        """Take a Halt or its lift; one older than the word already known changes nothing."""
        key = (halt.scope, halt.reason)
        known = self._words.get(key)
        if known is not None and sequence < known[1]:
            return
        self._words.pop(key, None)
        self._words[key] = (halt, sequence)
        if len(self._words) > HALTS_MAX:
            self._forget_one()

    def _forget_one(self) -> None:
        # A halt in force is never forgotten while a lifted one can go.
        lifted = (key for key, (halt, _) in self._words.items() if halt.lifted)
        del self._words[next(lifted, next(iter(self._words)))]

    def active(self) -> list[Halt]:
        """Return the halts in force, in the order they were called."""
        return [halt for halt, _ in self._words.values() if not halt.lifted]

    def find(self, scope: str, reason: str) -> Halt | None:
        """Return the halt in force for exactly this scope and reason."""
        word = self._words.get((scope, reason))
        return word[0] if word is not None and not word[0].lifted else None

    def sequence_of(self, halt: Halt) -> int:
        """Return where the word on a halt's scope and reason stands in the stream; a lift names it."""
        return self._words[halt.scope, halt.reason][1]

    def touching(self, *, algo_id: str, venue: str, account: str, currencies: Iterable[str]) -> Iterator[Halt]:
        """Yield the halts that keep a bot from sending orders."""
        scopes = {"global", f"bot-{algo_id}", f"venue-{venue}", f"account-{account}"}
        scopes |= {f"currency-{currency}" for currency in currencies}
        return (halt for halt in self.active() if halt.scope in scopes)
