"""Questions to a venue's REST interface: few at a time, each once, and quiet when the venue says to wait."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

from common.clock import NS_PER_S
from common.core import Answer, Ask

IN_FLIGHT_MAX = 4
WAITING_MAX = 1_000
TIMEOUT_MS = 3_000
LOST_NS = 30 * NS_PER_S
"""An answer that never came is given up after this."""
PAUSE_DEFAULT_S = 10.0
PAUSE_MAX_S = 600.0
TOO_MANY = (418, 429)


class About(Enum):
    """What a question is for."""

    SNAPSHOT = "snapshot"
    CHECK = "check"
    TIME = "time"
    MARKETS = "markets"


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
        self._last_id = 0
        self._paused_until_ns = 0

    def want(self, about: About, symbol: str, url: str) -> None:
        """Put a question in the queue, unless it is there, is under way, or the queue is full."""
        if url and not self.pending(about, symbol) and len(self._waiting) < WAITING_MAX:
            self._waiting.append(Question(about, symbol, url))

    def pending(self, about: About, symbol: str) -> bool:
        """Say whether a question waits or is under way."""
        return any(question[:2] == (about, symbol) for question in self._waiting) or any(
            asked.question[:2] == (about, symbol) for asked in self._under_way.values()
        )

    def due(self, now_ns: int) -> list[Ask]:
        """Return what may be asked now."""
        if self._under_way:
            self._give_up_lost(now_ns)
        asks: list[Ask] = []
        while self._waiting and now_ns >= self._paused_until_ns and len(self._under_way) < IN_FLIGHT_MAX:
            question = self._waiting.popleft()
            self._last_id += 1
            self._under_way[self._last_id] = Asked(question, now_ns)
            asks.append(Ask(self._http, self._last_id, "GET", question.url, timeout_ms=TIMEOUT_MS))
        return asks

    def on_answer(self, answer: Answer, now_ns: int) -> Asked | None:
        """Return the question an answer belongs to; None for one given up. A refusal for haste pauses all."""
        if answer.status in TOO_MANY:
            self._paused_until_ns = now_ns + int(_retry_after_s(answer) * NS_PER_S)
        return self._under_way.pop(answer.ask_id, None)

    def question(self, ask_id: int) -> Question | None:
        """Return what is under way with this id."""
        asked = self._under_way.get(ask_id)
        return asked.question if asked else None

    def forget(self, about: About, symbol: str) -> None:
        """Drop a question whose answer no longer matters."""
        self._waiting = deque(question for question in self._waiting if question[:2] != (about, symbol))
        for ask_id in [key for key, asked in self._under_way.items() if asked.question[:2] == (about, symbol)]:
            del self._under_way[ask_id]

    def _give_up_lost(self, now_ns: int) -> None:
        for ask_id in [key for key, asked in self._under_way.items() if now_ns - asked.asked_ns > LOST_NS]:
            del self._under_way[ask_id]


def _retry_after_s(answer: Answer) -> float:
    for name, value in answer.headers.items():
        if name.lower() == "retry-after" and value.isdigit() and len(value) <= 6:
            return min(PAUSE_MAX_S, float(value))
    return PAUSE_DEFAULT_S
