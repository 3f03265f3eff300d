"""Copy this file to add a venue. As it stands it is the session of a venue that never answers, which is a fair start.

A venue's files, by the same names each time:
- `<venue>_frames.py`: the venue's own words as typed structs, and functions to and from the words of `base.py`;
- `<venue>_rest.py`: its REST side as scripts for `conversation.py` (login, pages, single orders);
- `<venue>.py`: this class. Quote the venue's rules (login, sequence, dead-man, batches) as a numbered list up here.

A tiny venue that misbehaves when told (`testing/<venue>.py`) and a stage for it (`testing/stages.py`) bring it into
the conformance suite, `tests/test_session_conformance.py`: lost and late answers; fills doubled, early, late or never
told; cuts, strangers' orders, refused logins, rates, broken frames, partly refused batches, lost heartbeats, secrets.
`test_session_faults.py` adds what venues really send: orders ended short, half rows, bad rows in any page, holdings of
long ago, huge balances, winnings not paid yet, long histories; `test_session_fuzz.py` changes every member of every
document.

What has to hold for a session: nothing is sent before recovery has ended; every order sent ends in reports; a request
without answer ends in `Unknown` and is asked about; that an order is over is the venue's word; a list is read row by
row (`rows.py`); what is done again and again has pauses and a word to people (`rounds.py`); `armed` is true only
while the venue confirms that it would cancel our orders if we fell silent, and a venue without such a switch says so
by never being armed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from common.core import Answer, Effects, Open, Sample

from quoter.venues.base import Lost, Outputs, Placement


class SilentSession:
    """A venue that can be called and never answers."""

    name = "silent"
    currency = "USD"
    tick_size = Decimal("0.01")
    lot_size = Decimal(1)
    counts_places = False

    def __init__(self, url: str) -> None:
        self._url = url
        self._ending = False

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        return [Open(self.name, self._url)]

    def on_open(self, now_ns: int) -> Outputs:
        return []

    def on_frame(self, data: bytes, now_ns: int) -> Outputs:
        return []

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        return [Lost(reason)]

    def on_answer(self, answer: Answer, now_ns: int) -> Outputs:
        return []

    def on_timer(self, now_ns: int) -> Outputs:
        return []

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        raise AssertionError("orders are sent on an open connection")

    def empty_out(self, now_ns: int) -> Outputs:
        self._ending = True
        return []

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        return []

    def take_picture(self, reason: str, now_ns: int) -> Outputs:
        return []

    @property
    def connected(self) -> bool:
        return False

    @property
    def may_rest(self) -> bool:
        return True

    @property
    def reconciled(self) -> bool:
        return False

    @property
    def empty(self) -> bool:
        # Nothing was ever sent, so nothing rests.
        return self._ending

    def armed(self, now_ns: int) -> bool:
        return False

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {"phase": "silent", "reconciled": False}

    def samples(self) -> Iterable[Sample]:
        return ()
