"""Which stops are in force: those on the bus, those risk repeats every 250 ms, and those ordered at our own door."""

from __future__ import annotations

import re
from collections.abc import Sequence

from common.events import Halt

SCOPE = re.compile(r"global|(venue|account|bot|currency)-[A-Za-z0-9_-]{1,64}")
REASON = re.compile(r"[A-Za-z0-9_-]{1,64}")
PULLING_REASONS = frozenset({"daily_loss", "drawdown", "exception", "fill_refused", "history_lost", "protection"})
"""Stops after which nothing may rest. Any other halt leaves orders alone that are still where the bot wants them."""


class Halts:
    """Active halts by (scope, reason); a halt of our own holds with the bus dead and only a later lift ends it."""

    def __init__(self) -> None:
        self._heard: dict[tuple[str, str], bool] = {}
        self._risk: dict[str, Sequence[str]] = {}
        self._local: dict[tuple[str, str], Halt] = {}
        self._stored: dict[str, int] = {}
        self._active: tuple[str, ...] = ()

    @property
    def active(self) -> tuple[str, ...]:
        """Return the halts in force as 'scope:reason', sorted."""
        return self._active

    def on_halt(self, halt: Halt, sequence: int) -> None:
        """Take in a halt or lift from the bus; `sequence` is its place in the stream."""
        key = (halt.scope, halt.reason)
        self._heard[key] = not halt.lifted
        local = self._local.get(key)
        if local is not None and halt.lifted:
            # A lift that is older than our own halt was not meant for it.
            stored = self._stored.get(local.halt_id)
            if stored is not None and sequence > stored:
                del self._local[key]
                del self._stored[local.halt_id]
        self._tally()

    def on_risk(self, shard: str, halts: Sequence[str]) -> bool:
        """Take in what risk says is halted; return whether that is news."""
        if self._risk.get(shard) == halts:
            return False
        self._risk[shard] = list(halts)
        before = self._active
        self._tally()
        return self._active != before

    def impose(self, halt: Halt) -> None:
        """Halt by our own decision or a person's at our door, whether or not the bus hears of it."""
        self._local[halt.scope, halt.reason] = halt
        self._tally()

    def on_published(self, halt: Halt, sequence: int) -> None:
        """The broker has stored a halt of ours."""
        mine = self._local.get((halt.scope, halt.reason))
        if mine is not None and mine.halt_id == halt.halt_id:
            self._stored[halt.halt_id] = sequence

    def _tally(self) -> None:
        active = {f"{scope}:{reason}" for (scope, reason), on in self._heard.items() if on}
        active |= {f"{scope}:{reason}" for scope, reason in self._local}
        for halts in self._risk.values():
            active.update(halts)
        self._active = tuple(sorted(active))


def parse_scope(value: object) -> str:
    """Return a valid halt scope; ValueError names the field and the rule."""
    if not isinstance(value, str) or not SCOPE.fullmatch(value):
        raise ValueError("scope: must be global, venue-X, account-X, bot-N or currency-C")
    return value


def parse_reason(value: object) -> str:
    """Return a valid halt reason; ValueError names the field and the rule."""
    if not isinstance(value, str) or not REASON.fullmatch(value):
        raise ValueError("reason: must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    return value


def pulls(halt: str) -> bool:
    """Say whether a halt, as 'scope:reason', also takes away what rests."""
    return halt.partition(":")[2] in PULLING_REASONS
