"""Conversations with a venue's REST side, written as generators that read like the procedure they carry out.

A script yields a `Request` and is sent its `Reply`, yields a `Pause` and is sent None when it is over, and yields
anything else to have it passed on. Several conversations may be open at once; the shell's answers find theirs by
ask id. Back-off has jitter from a seeded source, so that a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from random import Random
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from common.clock import NS_PER_MS
from common.core import HttpRequest, HttpResponse

CONVERSATIONS_MAX = 64
REQUEST_TIMEOUT_MS = 2_000
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Request(NamedTuple):
    """One HTTP request of a script."""

    method: str
    path: str
    """Below the venue's address, or a whole address where the venue has another one for it."""
    body: bytes = b""
    headers: Mapping[str, str] = NO_HEADERS
    """What proves this request alone, where a venue wants each one signed."""


class Pause(NamedTuple):
    """Wait so long before going on."""

    ms: float


class Reply(NamedTuple):
    """The answer to a request; status 0 says that nobody knows what came of it."""

    status: int
    body: bytes


T = TypeVar("T")
Script = Generator[Any, Any, T]


class Conversations(Generic[T]):
    """Every open conversation of a session; `T` is what else the scripts yield."""

    def __init__(self, http: str, url: str, headers: Callable[[], Mapping[str, str]]) -> None:
        self._http, self._url, self._headers = http, url.rstrip("/"), headers
        self._asked: dict[int, tuple[str, Script[None]]] = {}
        self._paused: list[tuple[int, str, Script[None]]] = []
        self._next_ask = 1
        self.unanswered = 0

    def begin(self, name: str, script: Script[None], now_ns: int) -> list[T | HttpRequest]:
        """Start a script under a name and return what it yields before its first wait."""
        if self.full:
            script.close()
            return []
        return self._go_on(name, script, None, now_ns)

    @property
    def full(self) -> bool:
        """True while no further conversation can be begun."""
        return self.room <= 0

    @property
    def room(self) -> int:
        """Return how many more conversations can be begun."""
        return CONVERSATIONS_MAX - len(self._asked) - len(self._paused)

    def open(self, name: str) -> bool:
        """Say whether a conversation of this name is going on."""
        return any(asked == name for asked, _ in self._asked.values()) or any(
            paused == name for _, paused, _ in self._paused
        )

    def on_answer(self, answer: HttpResponse, now_ns: int) -> list[T | HttpRequest]:
        """Go on with the script that asked; an answer nobody waits for any more is dropped."""
        found = self._asked.pop(answer.request_id, None)
        if found is None:
            return []
        if answer.status == 0:
            self.unanswered += 1
        return self._go_on(*found, Reply(answer.status, answer.body), now_ns)

    def on_timer(self, now_ns: int) -> list[T | HttpRequest]:
        """Go on with the scripts whose pause is over."""
        due = [each for each in self._paused if each[0] <= now_ns]
        if not due:
            return []
        self._paused = [each for each in self._paused if each[0] > now_ns]
        outputs: list[T | HttpRequest] = []
        for _, name, script in due:
            outputs += self._go_on(name, script, None, now_ns)
        return outputs

    def abandon(self, name: str = "") -> None:
        """End conversations of a name, or all; their answers will be dropped."""
        for request_id in [request_id for request_id, (asked, _) in self._asked.items() if name in ("", asked)]:
            self._asked.pop(request_id)[1].close()
        for paused in [each for each in self._paused if name in ("", each[1])]:
            self._paused.remove(paused)
            paused[2].close()

    def _go_on(self, name: str, script: Script[None], value: Reply | None, now_ns: int) -> list[T | HttpRequest]:
        outputs: list[T | HttpRequest] = []
        try:
            step = script.send(value)
            while True:
                if isinstance(step, Request):
                    request_id = self._next_ask
                    self._next_ask += 1
                    self._asked[request_id] = (name, script)
                    outputs.append(self._ask(request_id, step))
                    return outputs
                if isinstance(step, Pause):
                    self._paused.append((now_ns + round(step.ms * NS_PER_MS), name, script))
                    return outputs
                outputs.append(step)
                step = script.send(None)
        except StopIteration:
            return outputs

    def _ask(self, request_id: int, request: Request) -> HttpRequest:
        elsewhere = request.path.startswith(("http://", "https://"))
        url = request.path if elsewhere else self._url + request.path
        # What proves who we are is for the venue's own address alone.
        headers = {**({} if elsewhere else self._headers()), **request.headers}
        if request.body and not any(name.lower() == "content-type" for name in headers):
            headers["content-type"] = "application/json"
        return HttpRequest(self._http, request_id, request.method, url, headers, request.body, REQUEST_TIMEOUT_MS)


class Backoff:
    """Growing pauses between tries, each between half of its length and all of it."""

    def __init__(self, first_ms: float, most_ms: float, random: Random) -> None:
        self._first_ms, self._most_ms, self._random = first_ms, most_ms, random
        self._tries = 0

    def next_ms(self) -> float:
        """Return how long to wait before the next try."""
        length_ms = min(self._most_ms, self._first_ms * 2.0 ** min(self._tries, 16))
        self._tries += 1
        return length_ms * (0.5 + self._random.random() / 2)

    def reset(self) -> None:
        self._tries = 0
