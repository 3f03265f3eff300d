"""The stores of a run: the broker's, whose they are, how one is lost, the person who resumes; and that of positions.

What a process makes of them is decided by the same comparison as live (`common.stores.judge`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec
from common.core import Store
from common.events import IDENTITIES, StoreIdentity, StoreMark, decode, encode
from common.stores.judge import STORES, Found, Known, Standing, Verdict, judge, remembered

from toolkit.simulation.bus import MemoryBus
from toolkit.simulation.signing import PLATFORM_ID, Hand

STEP = "streams"


class Disk:
    """What one process remembers of the stores."""

    def __init__(self) -> None:
        self.known = Known(PLATFORM_ID)
        self._word: StoreIdentity | None = None

    @property
    def resumed(self) -> StoreIdentity | None:
        """Return the word that this life is the first to follow."""
        return self._word if self.known.renewed else None

    def done(self) -> None:
        """What follows from a person's word has been done."""
        self.known = msgspec.structs.replace(self.known, renewed=False)

    def follow(self, word: StoreIdentity, found: Mapping[str, Found | None]) -> list[str]:
        """Remember stores that are the same or newer; return the streams that are others than before."""
        before = self.known.stores
        self.known, self._word = remembered(self.known, word, found), word
        return [
            name for name, mark in self.known.stores.items() if name in before and before[name].created != mark.created
        ]


class Stores:
    """All stores of a bus, their identity, and what can happen to them."""

    def __init__(self, bus: MemoryBus) -> None:
        self._bus, self._hand = bus, Hand(STEP)
        self.generation = 0

    def write(self, who: str, reason: str) -> None:
        """Write the next generation into every store, LEASE last."""
        self.generation += 1
        marks = {name: StoreMark(each.created, each.last_sequence) for name, each in self.found().items() if each}
        for stream in STORES:
            cls = IDENTITIES[stream]
            before = self._bus.last(cls.subject)
            word = cls(
                platform_id=PLATFORM_ID,
                stream=stream,
                generation=self.generation,
                stores=marks,
                who=who,
                reason=reason,
                made_ns=self._bus.schedule.now_ns,
                follows=hashlib.sha256(before.data).hexdigest() if before is not None else "",
            )
            data, after = encode(word), before.sequence if before is not None else 0
            self._bus.store(cls.subject, data, word.message_id(), after, self._hand.headers(word, data, after))

    def found(self) -> dict[str, Found | None]:
        """Return what the broker says of each."""
        return {name: self._bus.found(name) for name in STORES}

    def word(self) -> StoreIdentity | None:
        """Return the identity that readers look at."""
        stored = self._bus.last(IDENTITIES["LEASE"].subject)
        return decode(IDENTITIES["LEASE"], stored.data) if stored is not None else None

    def look(self, disk: Disk, hand: Hand, *, lived: bool) -> Verdict:
        """Say where a process stands with them, and remember what may be remembered.

        NEWER is said to one that has `lived` with what was before; a new life follows at once.
        """
        word, found = self.word(), self.found()
        verdict = judge(disk.known, word, found)
        newer = verdict.standing is Standing.NEWER
        if word is None or (newer and lived) or verdict.standing not in (Standing.NEWER, Standing.SAME):
            return verdict
        anew = disk.follow(word, found)
        if newer:
            hand.forget(anew)
        return Verdict(Standing.SAME)


class MemoryStore:
    """The positions store in memory; survives the nodes. It holds a whole document set as of one sequence."""

    def __init__(self) -> None:
        self.fields: dict[str, bytes] = {}
        self.sequence = 0
        self.available = True
        self.whole: Callable[[], tuple[int, Mapping[str, bytes]]] = lambda: (0, {})
        """Everything as it is now, written after a gap."""

    def apply(self, store: Store) -> None:
        """Apply the changes that follow what is stored; ignore what is stored already; after a gap write the whole."""
        if store.sequence <= self.sequence:
            return
        if store.sequence == self.sequence + 1:
            self.sequence = store.sequence
            self.fields |= store.fields
        else:
            self.sequence, fields = self.whole()
            self.fields = dict(fields)
        for name in [name for name, value in self.fields.items() if not value]:
            del self.fields[name]
