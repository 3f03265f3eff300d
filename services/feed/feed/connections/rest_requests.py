"""Questions to a venue's REST interface: few at a time, each once, and quiet when the venue says to wait."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

from common.clock import NS_PER_S
from common.core import HttpRequest, HttpResponse

from feed.connections.retry_after import PAUSE_MAX_S, pause_s

IN_FLIGHT_MAX = 4
WAITING_MAX = 1_000
TIMEOUT_MS = 3_000
LOST_NS = 30 * NS_PER_S
"""An answer that never came is given up after this."""


class About(Enum):
    """What a question is for."""

    SNAPSHOT = "snapshot"
    CHECK = "check"
    TIME = "time"
    MARKETS = "markets"
    UNDECIDED = "undecided"
    """Markets past their end whose result is not known yet."""
    SYMBOLS = "symbols"
    """What can be traded that has no expiry."""
    TERMS = "terms"
    """Of one configured symbol."""


class Question(NamedTuple):
    """One question; there is never a second one about the same thing."""

    about: About
    symbol: str
    url: str


class Asked(NamedTuple):
    """A question under way."""

    question: Question
    asked_ns: int


class Asks:
    """Questions waiting and under way for one venue."""

    def __init__(self, http: str) -> None:
        self._http = http
        self._waiting: deque[Question] = deque()
        self._under_way: dict[int, Asked] = {}
        self._lost: list[Question] = []
        self._last_id = 0
        self._paused_until_ns = 0
        self.pause_asked_s = 0.0
        """What the venue asked for last, as it said it; the reader takes it back to 0."""

    def want(self, about: About, symbol: str, url: str) -> None:
        """Put a question in the queue, unless it is there, is under way, or the queue is full."""
        if url and not self.pending(about, symbol) and len(self._waiting) < WAITING_MAX:
            self._waiting.append(Question(about, symbol, url))

    def pending(self, about: About, symbol: str) -> bool:
        """Say whether a question waits or is under way."""
        return any(question[:2] == (about, symbol) for question in self._waiting) or any(
            asked.question[:2] == (about, symbol) for asked in self._under_way.values()
        )

    def due(self, now_ns: int) -> list[HttpRequest]:
        """Return what may be asked now."""
        if self._under_way:
            self._give_up_lost(now_ns)
        asks: list[HttpRequest] = []
        while self._waiting and now_ns >= self._paused_until_ns and len(self._under_way) < IN_FLIGHT_MAX:
            question = self._waiting.popleft()
            self._last_id += 1
            self._under_way[self._last_id] = Asked(question, now_ns)
            asks.append(HttpRequest(self._http, self._last_id, "GET", question.url, timeout_ms=TIMEOUT_MS))
        return asks

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Asked | None:
        """Return the question an answer belongs to; None for one given up. A venue that asks for a pause gets it."""
        asked_s = pause_s(answer, now_ns)
        if asked_s:
            self.pause_asked_s = max(self.pause_asked_s, asked_s)
            # An answer that was under way when the venue said to wait does not shorten the wait.
            until_ns = now_ns + int(min(asked_s, PAUSE_MAX_S) * NS_PER_S)
            self._paused_until_ns = max(self._paused_until_ns, until_ns)
        return self._under_way.pop(answer.request_id, None)

    def question(self, request_id: int) -> Question | None:
        """Return what is under way with this id."""
        asked = self._under_way.get(request_id)
        return asked.question if asked else None

    def forget(self, about: About, symbol: str) -> None:
        """Drop a question whose answer no longer matters."""
        self._waiting = deque(question for question in self._waiting if question[:2] != (about, symbol))
        for request_id in [key for key, asked in self._under_way.items() if asked.question[:2] == (about, symbol)]:
            del self._under_way[request_id]

    def take_lost(self) -> list[Question]:
        """Return the questions given up since this was last called: nobody will ever answer them."""
        lost, self._lost = self._lost, []
        return lost

    def _give_up_lost(self, now_ns: int) -> None:
        for request_id in [key for key, asked in self._under_way.items() if now_ns - asked.asked_ns > LOST_NS]:
            self._lost.append(self._under_way.pop(request_id).question)
