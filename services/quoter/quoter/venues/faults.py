"""Unusable answers of a venue: each is counted, and there is an alert for the first of a kind and while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from common.clock import NS_PER_S
from common.events import AlertLevel

from quoter.venues.base import SessionAlert

FAULT_AGAIN_NS = 60 * NS_PER_S
"""A kind of fault that lasts is told again after this."""


class Faults:
    """The unusable answers of one session."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.count = 0
        self._told_ns: dict[str, int] = {}

    def tell(self, kind: str, text: str) -> Iterator[SessionAlert]:
        """Count an unusable answer and tell people about the first of its kind, and again while it lasts."""
        self.count += 1
        now_ns = self._now_ns()
        told_ns = self._told_ns.get(kind)
        if told_ns is None or now_ns - told_ns >= FAULT_AGAIN_NS:
            self._told_ns[kind] = now_ns
            yield SessionAlert(AlertLevel.CRITICAL, kind, text[:400])
