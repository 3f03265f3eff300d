"""What the bus tests share: connections as a service has them, patience, ears, and a few events."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from common.bus.jetstream import JetStreamApi
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.errors import BusUnavailable
from common.events import Alert, AlertLevel, Halt, TopOfBook, Trade, class_of, decode
from common.signing import HEADER, Signer

from tests.servers import PLATFORM_ID, Broker

PATIENCE_S = 60.0
POLL_S = 0.01


@asynccontextmanager
async def connected(broker: Broker, user: str, **settings: Any) -> AsyncIterator[NatsConnection]:
    """Yield a connection of a service, as the runner makes it."""
    connection = NatsConnection(broker.settings(user, **settings), user)
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()


async def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until it is so, however long a busy machine takes; AssertionError names what never came."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None


async def in_thread(work: Callable[[], Any]) -> Any:
    """Do something slow to a server while this loop goes on turning, as it would in a service."""
    return await asyncio.to_thread(work)


class Ears:
    """A core's side of a reader: what it heard, and how long it takes over each message."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes, int, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = 0

    async def deliver(self, message: Message) -> None:
        self.begun += 1
        await self.gate.wait()
        self.heard.append(message[:4])

    async def deliver_burst(self, burst: Sequence[Message]) -> None:
        for message in burst:
            await self.deliver(message)

    @property
    def sequences(self) -> list[int]:
        return [sequence for _, _, sequence, _ in self.heard]

    @property
    def trade_ids(self) -> list[int]:
        return [int(decode(Trade, data).trade_id) for _, data, _, _ in self.heard]

    @property
    def bids(self) -> list[float]:
        return [decode(TopOfBook, data).bid for _, data, _, _ in self.heard]

    @property
    def reasons(self) -> list[str]:
        return [decode(Halt, data).reason for _, data, _, _ in self.heard]


def signed_as(broker: Broker, user: str, subject: str, data: bytes) -> dict[str, str]:
    """Return the header with which a role would publish some bytes, whether or not they are an event."""
    cls = class_of(subject)
    assert cls is not None
    signer = Signer(broker.keyring.key_of(user), PLATFORM_ID, time.time_ns())
    return {HEADER: signer.sign(subject, cls.__name__, "", data).header()}


async def written(connection: NatsConnection, stream: str, sequence: int) -> None:
    """Wait until a plain publish has reached its stream, however long its broker takes to answer."""
    api = JetStreamApi(connection)
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(BusUnavailable):
                if await api.last_sequence(stream) >= sequence:
                    return
            await asyncio.sleep(0.01)


async def after_reconnect(connection: NatsConnection, work: Callable[[], Awaitable[None]]) -> None:
    """Do what the shell does when a broken connection is back."""
    await eventually(lambda: connection.connected, "connected again")
    await work()


def top(symbol: str, bid: float, venue: str = "v") -> TopOfBook:
    return TopOfBook(venue=venue, symbol=symbol, bid=bid, ask=bid + 1, bid_size=1, ask_size=1, ts_received_ns=1)


def trade(number: int, symbol: str = "S", venue: str = "v") -> Trade:
    return Trade(
        venue=venue, symbol=symbol, trade_id=str(number), price=1, size=1, buyer_is_maker=True, ts_received_ns=1
    )


def halt(reason: str, scope: str = "global", halt_id: str = "1") -> Halt:
    return Halt(scope=scope, reason=reason, actor="test", halt_id=halt_id, ts_ns=1)


def alert(text: str) -> Alert:
    return Alert(level=AlertLevel.INFO, algo_id="platform", source="test", kind="note", text=text, ts_ns=1)
