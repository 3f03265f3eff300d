"""One venue played through by hand: what happens to it, when, and what it then wants; for tests of an adapter."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from common.clock import NS_PER_MS
from common.core import Effect, HttpRequest, HttpResponse
from common.events import FeedStatus

from feed.followed import EVERYTHING, Depth
from feed.venue import VenueFeed
from feed.venues.adapter import Adapter

START_NS = 1_795_222_800_000_000_000
STEP_MS = 50

T = TypeVar("T")


class Rehearsal:
    """A venue and a clock. Everything the venue wants is kept in `effects`, and returned by what caused it."""

    def __init__(self, adapter: Adapter, start_ns: int = START_NS, depth: Depth = EVERYTHING) -> None:
        self.feed = VenueFeed("here", adapter, Random(7), depth=depth)
        self.now_ns = start_ns
        self.effects: list[Effect] = []
        self._keep(self.feed.start(3, self.now_ns))

    def open(self, wire: str = "here-0-a") -> list[Effect]:
        """A wire connects."""
        return self._keep(self.feed.on_open(wire, self.now_ns))

    def close(self, reason: str = "gone", wire: str = "here-0-a") -> list[Effect]:
        """A wire breaks."""
        return self._keep(self.feed.on_close(wire, reason, self.now_ns))

    def frame(self, frame: bytes, wire: str = "here-0-a") -> list[Effect]:
        """A frame arrives."""
        return self._keep(self.feed.on_frame(wire, frame, self.now_ns))

    def answer(self, ask: HttpRequest, body: bytes, status: int = 200, retry_after: str = "") -> list[Effect]:
        """A question is answered; status 0 stands for no answer."""
        headers = {"Retry-After": retry_after} if retry_after else {}
        return self._keep(self.feed.on_answer(HttpResponse(ask.request_id, status, body, headers), self.now_ns))

    def wait(self, ms: int) -> list[Effect]:
        """Time passes in steps of the feed's timers."""
        effects: list[Effect] = []
        for _ in range(-(-ms // STEP_MS)):
            self.now_ns += STEP_MS * NS_PER_MS
            effects += self._keep(self.feed.on_timer(self.now_ns))
            if self.now_ns // NS_PER_MS % 200 < STEP_MS:
                effects += self._keep(self.feed.on_beat(self.now_ns))
            if self.now_ns // NS_PER_MS % 1_000 < STEP_MS:
                effects += self._keep(self.feed.on_second(self.now_ns))
        return effects

    def status(self) -> FeedStatus:
        """How far the venue can be believed now."""
        return self.feed.status(self.now_ns)

    def asked(self, part: str) -> list[HttpRequest]:
        """Return the questions so far whose address holds a text."""
        return [ask for ask in only(self.effects, HttpRequest) if part in ask.url]

    def _keep(self, effects: Iterable[Effect]) -> list[Effect]:
        now = list(effects)
        self.effects += now
        return now


def only(effects: Iterable[Effect], kind: type[T]) -> list[T]:
    """Return the effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]
