"""Small stand-ins for what surrounds the gateway: the bus, the token store, the other services' admin ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import msgspec
from common.clock import NS_PER_S, Clock
from common.emptying import Emptied
from common.errors import BusUnavailable, PublishRefused
from common.events import Event

E = TypeVar("E", bound=Event)
WRONG_LAST_SEQUENCE = 10071
CONFIRMED_AT_NS = 1_795_222_805_000_000_000


class FakeBus:
    """A bus that keeps what is published and compares sequences as the real one does."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.connected = True
        self.sequences: dict[str, int] = {}
        self.full = False

    async def publish_acked(self, event: Event, *, expected_last_sequence: int | None = None) -> int:
        if not self.connected:
            raise BusUnavailable("no ack")
        address = event.address()
        if self.full:
            raise PublishRefused(address, 10077, "maximum bytes exceeded")
        if expected_last_sequence is not None and expected_last_sequence != self.sequences.get(address, 0):
            raise PublishRefused(address, WRONG_LAST_SEQUENCE, "wrong last sequence")
        self.published.append(event)
        self.sequences[address] = len(self.published) + 1_000
        return self.sequences[address]

    async def past(self, cls: type[E], tokens: Mapping[str, str]) -> list[E]:
        return [each for each in self.of(cls) if all(str(getattr(each, name)) == tokens[name] for name in tokens)]

    def of(self, cls: type[E]) -> list[E]:
        return [event for event in self.published if isinstance(event, cls)]


class MemoryTokenStore:
    """The token store in memory, its times told by the test's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._values: dict[str, tuple[Any, int]] = {}

    def _living(self, key: str) -> Any:
        value, ends_ns = self._values.get(key, (None, 0))
        return value if ends_ns > self._clock.now_ns() else None

    def _put(self, key: str, value: Any, ttl_s: int) -> None:
        self._values[key] = (value, self._clock.now_ns() + ttl_s * NS_PER_S)

    async def get(self, *keys: str) -> list[bytes | None]:
        return [self._living(key) for key in keys]

    async def put(self, values: Mapping[str, bytes], ttl_s: int) -> None:
        for key, value in values.items():
            self._put(key, value, ttl_s)

    async def claim(self, key: str, ttl_s: int) -> bool:
        if self._living(key) is not None:
            return False
        self._put(key, b"1", ttl_s)
        return True

    async def delete(self, *keys: str) -> None:
        for key in keys:
            self._values.pop(key, None)

    async def push(self, key: str, value: bytes, length_max: int, ttl_s: int) -> list[bytes]:
        values = [value, *(self._living(key) or [])]
        self._put(key, values[:length_max], ttl_s)
        return values[length_max:]

    async def count(self, key: str, window_s: int, step: int = 1) -> int:
        if self._living(key) is None:
            self._put(key, 0, window_s)
        value, ends_ns = self._values[key]
        self._values[key] = (value + step, ends_ns)
        return int(value + step)

    def text(self) -> str:
        """Everything that is stored, to look for what must not be."""
        return repr(self._values)


@dataclass
class AdminPortsSeen:
    """What was sent to the services' admin ports, and what they answer."""

    requests: list[httpx.Request] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    """HTTP status by host; 0 for silence."""
    documents: dict[str, Any] = field(default_factory=dict)
    """What is answered, by path."""

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status = self.answers.get(request.url.host, 202)
        if status == 0:
            raise httpx.ConnectError("refused")
        accepted = {"accepted": request.url.path[1:]} | self.emptied(request)
        return httpx.Response(status, json=self.documents.get(request.url.path, accepted))

    def emptied(self, request: httpx.Request) -> dict[str, Any]:
        """Answer a door's order as a quoter does that has emptied its scope."""
        order = msgspec.json.decode(request.content, type=dict[str, Any]) if request.content else {}
        if request.method != "POST" or order.get("keep_resting"):
            return {}
        what = f"{order.get('scope')}:{order.get('reason', '')}".rstrip(":")
        return {"accounts": [Emptied(what, "mm1", 6, 0, 6, CONFIRMED_AT_NS).document()]}

    def sent(self) -> list[tuple[str, str]]:
        return [(request.url.host, request.url.path) for request in self.requests]
