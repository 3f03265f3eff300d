"""Signs of life: what both ends agree on, when one has to be sent, and when the other end is taken to be gone."""

from __future__ import annotations

import re
from typing import NamedTuple

from stompframes.errors import ProtocolError, shown

NS_PER_MS = 1_000_000
HEADER = re.compile(r" *([0-9]{1,9}) *, *([0-9]{1,9}) *")
SEND_AT = 0.85
"""Of the interval: a timer that is late, and the way to the reader, take the rest."""
GONE_AT = 3.0
"""Intervals without a byte: other peers close at 2 or 3 times theirs, and a stalled one may come back."""


class Offer(NamedTuple):
    """What one end can do and wants, as in its `heart-beat` header, in ms; 0 is never."""

    sends_ms: int = 0
    wants_ms: int = 0

    @property
    def header(self) -> str:
        """Return the header's value."""
        return f"{self.sends_ms},{self.wants_ms}"


def parse_offer(value: str | None) -> Offer:
    """Return what a header says, nothing for a missing one; ProtocolError for what is not two whole numbers."""
    if value is None:
        return Offer()
    found = HEADER.fullmatch(value)
    if found is None:
        raise ProtocolError("heart-beat malformed", f"{shown(value)} must be two whole numbers of ms, as 10000,10000")
    return Offer(int(found[1]), int(found[2]))


class Pulse:
    """Both directions of one connection: the intervals, and when something last went and came. Times in ns."""

    def __init__(self, ours: Offer, theirs: Offer, now_ns: int) -> None:
        self.send_ms = _interval(ours.sends_ms, theirs.wants_ms)
        """How often something has to go; 0 is never."""
        self.receive_ms = _interval(theirs.sends_ms, ours.wants_ms)
        self.sent_ns = now_ns
        """When anything was last sent; whoever sends writes it here."""
        self.received_ns = now_ns

    @property
    def send_at_ns(self) -> int | None:
        """Return when a heartbeat is due, None for never."""
        return self.sent_ns + int(self.send_ms * NS_PER_MS * SEND_AT) if self.send_ms else None

    @property
    def gone_at_ns(self) -> int | None:
        """Return when the other end is gone if nothing comes, None for never."""
        return self.received_ns + int(self.receive_ms * NS_PER_MS * GONE_AT) if self.receive_ms else None


def _interval(can_ms: int, wanted_ms: int) -> int:
    """Return how often one end sends; never, where one of both says so. `_interval(5000, 10000) == 10000`."""
    return max(can_ms, wanted_ms) if can_ms and wanted_ms else 0
