"""Which halts are in force: those on the bus, those risk repeats every 250 ms, and those called at the admin port."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from common import halts
from common.events import Halt


class Halts:
    """The halts in force as 'scope:reason', and which of them leave nothing resting."""

    def __init__(self) -> None:
        self.words = halts.Halts()
        self._risk: dict[str, Sequence[str]] = {}
        self._active: tuple[str, ...] = ()
        self._emptying: frozenset[str] = frozenset()

    @property
    def active(self) -> tuple[str, ...]:
        """Return the halts in force as 'scope:reason', sorted."""
        return self._active

    def empties(self, scopes: Collection[str]) -> bool:
        """Say whether a halt in one of these scopes leaves nothing resting there."""
        return any(scope in self._emptying for scope in scopes)

    def restore(self, documents: Mapping[str, bytes]) -> list[str]:
        """Take in what is on disk; return what could not be read."""
        faults = self.words.restore(documents)
        self._tally()
        return faults

    def on_halt(self, halt: Halt, sequence: int) -> None:
        """Take in a halt or lift from the bus; `sequence` is its place in the stream."""
        self.words.update(halt, sequence)
        self._tally()

    def on_risk(self, shard: str, told: Sequence[str]) -> bool:
        """Take in what risk says is halted; return whether that is news."""
        if self._risk.get(shard) == told:
            return False
        self._risk[shard] = list(told)
        before = self._active
        self._tally()
        return self._active != before

    def enforce(self, halt: Halt) -> None:
        """Halt by our own decision or a person's at our door, whether or not the bus hears of it."""
        self.words.enforce(halt)
        self._tally()

    def stand_still(self, faults: Sequence[str], now_ns: int) -> Halt:
        """Put in force what holds while the stores are not those we knew."""
        halt = self.words.stand_still("quoter", faults, now_ns)
        self._tally()
        return halt

    def on_published(self, halt: Halt, sequence: int) -> None:
        """The broker has stored a halt of ours."""
        self.words.stored(halt, sequence)
        self._tally()

    def _tally(self) -> None:
        known = self.words.active()
        active = {f"{halt.scope}:{halt.reason}" for halt in known}
        emptying = {halt.scope for halt in known if halt.empties}
        for told in self._risk.values():
            for halt in told:
                active.add(halt)
                scope, _, reason = halt.partition(":")
                # One the stream has told us nothing of yet empties, as all do that do not say otherwise.
                if self.words.spoken(scope, reason) is None:
                    emptying.add(scope)
        self._active = tuple(sorted(active))
        self._emptying = frozenset(emptying)
