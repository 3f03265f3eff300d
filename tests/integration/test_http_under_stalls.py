"""A loop that stands still and a slow server for a while, and then all is well: requests must be answered again.

The schedule took a minute when it showed the fault; nothing in it depends on how long a second is.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable

import pytest
from common.core import Effect, HttpRequest, HttpResponse, Receipt
from common.events import Lease
from common.network import webclient
from common.orders import first_id_of
from common.running.wires import LiveHttp
from quoter.testing.script import MARKET
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.degen.cancelling import DegenCancelSession
from quoter.venues.degen.rest import ApiKey
from quoter.watchdog.core import Watchdog

from tests.integration.slow_server import SlowServer

SCALE = 1 / 20
STALL_MAX_S = 0.7 * SCALE
PAUSE_MAX_S = 0.4 * SCALE
LATE_MAX_S = 1.2 * SCALE
TIMEOUT_MS = int(500 * SCALE)
ROUNDS = 60
PATIENCE_S = 20
TTL_MS = 300


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connections must stay usable by themselves, not because they are made anew."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(webclient, "SILENT_MAX", 1_000_000)


async def busy_minute(each_round: Callable[[int], None]) -> None:
    chance = random.Random(1)
    for turn in range(ROUNDS):
        each_round(turn)
        await asyncio.sleep(chance.random() * PAUSE_MAX_S)
        time.sleep(chance.random() * STALL_MAX_S)  # noqa: ASYNC251  the loop stands still, as on a busy machine


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
            await asyncio.sleep(0.005)


async def test_r1_stalls_and_a_slow_server_leave_the_connections_usable() -> None:
    answers: list[HttpResponse] = []

    async def note(answer: HttpResponse) -> None:
        answers.append(answer)

    http = LiveHttp(note)

    def ask(request_id: int, timeout_ms: int) -> None:
        http.ask(HttpRequest("rest", request_id, "GET", f"{server.url}/x", timeout_ms=timeout_ms))

    def flood(turn: int) -> None:
        for place in range(10):
            ask(turn * 10 + place, TIMEOUT_MS)

    with SlowServer(LATE_MAX_S) as server:
        await busy_minute(flood)
        server.slow = False
        await eventually(lambda: len(answers) == 10 * ROUNDS)
        answers.clear()
        for request_id in range(32):
            ask(request_id, 5_000)
        await eventually(lambda: len(answers) == 32)
        await http.close()
    assert [answer.status for answer in answers] == [200] * 32


class Watching:
    """A watchdog with a live client: every effect of its core is carried out, its timer turns when told."""

    def __init__(self, url: str) -> None:
        self.core = Watchdog("mm1", DegenCancelSession(ApiKey("watch", "mm1-watch", "very-secret", ("cancel",))), url)
        self.http = LiveHttp(self._on_answer)

    def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            if isinstance(effect, HttpRequest):
                self.http.ask(effect)

    def turn(self) -> None:
        self.carry(self.core.on_timer(self.receipt()))

    def receipt(self) -> Receipt:
        return Receipt(time.monotonic_ns())

    async def _on_answer(self, answer: HttpResponse) -> None:
        self.carry(self.core.on_answer(answer, self.receipt()))


async def test_r1_a_watchdog_still_cancels_after_the_same_minute() -> None:
    venue = Venue(connected=True)

    def handle(method: str, path: str, body: bytes) -> tuple[int, bytes]:
        answer = venue.on_ask(HttpRequest("venue", 1, method, path, body=body))
        return answer.status, answer.body

    with SlowServer(LATE_MAX_S, handle) as server:
        watching = Watching(server.url)

        def flood(turn: int) -> None:
            watching.turn()
            for place in range(10):
                busy = HttpRequest(
                    "venue", 1_000_000 + turn * 10 + place, "GET", f"{server.url}/time", timeout_ms=TIMEOUT_MS
                )
                watching.http.ask(busy)

        await busy_minute(flood)
        server.slow = False
        left = VenueOrder("1", str(first_id_of(3) + 1), MARKET, "bid", "yes", "0.40", 10, True, account_sequence=1)
        venue.orders[left.client_order_id] = left
        dead = Lease(role="quoter", key="mm1", holder="quoter-1", beat=1, ttl_ms=TTL_MS, epoch=3)
        watching.carry(watching.core.on_lease(dead, watching.receipt()))

        def cancelled() -> bool:
            watching.turn()
            return left.status == "cancelled" and watching.core.left == 0

        await eventually(cancelled)
        await watching.http.close()
