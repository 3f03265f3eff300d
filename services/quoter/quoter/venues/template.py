"""Copy this file to add a venue. As it stands it is the session of a venue that never answers, which is a fair start.

A venue is a folder `venues/<venue>/`, with the same names each time (docs/adding-a-venue.md is the walk-through):
- `session.py`: the session below. Quote the venue's rules (login, sequence, dead-man, batches) as a numbered list here;
- `venue.py`: the settings and the class at the end of this file, which an entry in `venues/__init__.py` names;
- `frames.py`: the venue's own words as typed structs, and functions to and from the words of `venues/base.py`;
- `rest.py`: its REST side as scripts for `venues/conversation.py` (login, pages, single orders);
- `cancelling.py`: the watchdog's cancel-only session, where the venue has keys that can only cancel.

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

from common.core import Effects, HttpResponse, Open, Sample
from common.errors import ConfigError
from pydantic import Field

from quoter.venues.base import Outputs, OwnOrders, Placement, SessionLost
from quoter.venues.venue import CancelSession, KeySource, OwnSettings


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
        return [SessionLost(reason)]

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Outputs:
        return []

    def on_timer(self, now_ns: int) -> Outputs:
        return []

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        raise AssertionError("orders are sent on an open connection")

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        self._ending = True
        return []

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        return []

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        return []

    @property
    def connected(self) -> bool:
        return False

    @property
    def accepts_resting_orders(self) -> bool:
        return True

    @property
    def reconciled(self) -> bool:
        return False

    @property
    def nothing_rests(self) -> bool:
        # Nothing was ever sent, so nothing rests.
        return self._ending

    def armed(self, now_ns: int) -> bool:
        return False

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {"phase": "silent", "reconciled": False}

    def samples(self) -> Iterable[Sample]:
        return ()


class SilentSettings(OwnSettings):
    """What can be set at this venue alone: MM_SILENT_ANSWER_MS. No other venue has a setting of the same name."""

    silent_answer_ms: int = Field(default=2_000, ge=100, le=60_000)


class Silent:
    """The venue."""

    def session(
        self, keys: KeySource, name: str, url: str, settings: SilentSettings, orders: OwnOrders, seed: int
    ) -> SilentSession:
        # Its keys: `keys.variable("SILENT_API_KEY")`, else `keys.read(f"{keys.account}.silent.json")`; ConfigError
        # names what is missing and never shows what is there.
        return SilentSession(url)

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> CancelSession:
        raise ConfigError(["MM_VENUE: silent has no key that can only cancel, so there is no watchdog for it"])
