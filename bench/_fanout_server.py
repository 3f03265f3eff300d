"""The two servers that are compared: the gateway's hub behind its websocket, and a bare broadcast of the same bytes.

Each runs as a process of its own, on the first core where there are two, and is ordered about on its standard input:
`run SECONDS RATE` tells every reader packages, RATE a second over all of them, as fast as they are taken for 0.
It answers with one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import uvloop
import websockets
from common.clock import AnchoredClock
from common.network.admin import serving
from common.network.door import Bounds, Door
from common.testing.spot import EXCHANGES
from gateway.auth.roles import Role
from gateway.auth.sessions import Standing
from gateway.auth.users import Caller
from gateway.c2 import socket
from gateway.c2.channels import Channel
from gateway.c2.content import Visibility
from gateway.c2.hub import BEHIND_BYTES, Hub
from gateway.state.view import View
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from stompframes.frames import Version
from stompframes.messages import SharedMessage, own_headers_until_number

DESTINATION = "/topic/alerts"
PACKAGE_BYTES = 1_000
"""Of the body; with its headers a message has 1.3 KB."""
WAIT_S = 0.0005
AHEAD_BYTES = BEHIND_BYTES // 4
"""With more than this to take a reader is waited for."""
TAKING_SHARE = 0.85
"""At least this share of readers takes what it is sent."""
READERS_MAX = 4_000


def body_of(number: int) -> bytes:
    """Return a package that says when it was made, in ns of the clock that all processes share."""
    head = b'[{"sequence":%d,"made_ns":%d,"description":"' % (number, time.perf_counter_ns())
    return head + b"x" * (PACKAGE_BYTES - len(head) - 3) + b'"}]'


def memory_bytes() -> int:
    """Return what this process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


class Ran(NamedTuple):
    """What one run came to."""

    messages: int
    seconds: float
    cpu_seconds: float


class Everybody:
    """Anybody comes in, whatever his token."""

    def __init__(self) -> None:
        self._caller = Caller("bench", "Bench", frozenset(Role), 2**62)

    async def standing(self, token: str) -> Standing:
        return Standing(self._caller, "bench", "bench")

    async def still(self, standing: Standing) -> Caller:
        return self._caller


class Given(Channel):
    """A channel that tells what it is given."""

    replaceable: ClassVar[bool] = True

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def begin(self, now_ms: int) -> list[bytes]:
        return []

    def tick(self, now_ms: int) -> list[bytes]:
        bodies, self.bodies = self.bodies, []
        return bodies


@dataclass
class Ours:
    """The gateway's hub with one destination, told by the benchmark."""

    hub: Hub = field(default_factory=lambda: Hub(View(admin_urls={}, quoted_venues=[], exchanges=EXCHANGES)))
    clock: AnchoredClock = field(default_factory=AnchoredClock)
    channel: Given = field(default_factory=Given)

    def __post_init__(self) -> None:
        self.hub.serve(DESTINATION, Visibility(), self.channel)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        async def entered(websocket: WebSocket) -> None:
            await websocket.accept()
            await socket.converse(websocket, self.hub, Everybody(), self.clock)  # type: ignore[arg-type]

        app = Starlette(routes=[WebSocketRoute("/", entered)])
        door = Door(Bounds(connections=READERS_MAX, connections_per_address=READERS_MAX))
        async with serving(app, "127.0.0.1", 0, door=door) as port:
            yield port

    def readers(self) -> int:
        return len(self.hub)

    def tell(self, body: bytes) -> None:
        self.channel.bodies.append(body)
        self.hub.tick(self.clock.now_ns() // 1_000_000)

    def waiting(self) -> list[int]:
        return self.hub.waiting()


class Bare:
    """`websockets` alone: it broadcasts to everybody the very bytes that one reader of the gateway gets."""

    def __init__(self) -> None:
        self._own = own_headers_until_number("sub-0", "bench", Version.V1_2) + b"1\n"
        self._connections: set[websockets.ServerConnection] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        async def entered(connection: websockets.ServerConnection) -> None:
            # CONNECT and SUBSCRIBE are answered as a client of the gateway has them answered.
            await connection.recv()
            await connection.send("CONNECTED\nversion:1.2\n\n\0")
            await connection.recv()
            self._connections.add(connection)
            await connection.wait_closed()
            self._connections.discard(connection)

        async with websockets.serve(entered, "127.0.0.1", 0, compression=None) as server:
            yield server.sockets[0].getsockname()[1]

    def readers(self) -> int:
        return len(self._connections)

    def tell(self, body: bytes) -> None:
        message = SharedMessage(DESTINATION, body).for_subscriber(self._own, Version.V1_2)
        websockets.broadcast(self._connections, message.decode())

    def waiting(self) -> list[int]:
        return [each.transport.get_write_buffer_size() for each in self._connections]


def behind(waiting: Sequence[int]) -> bool:
    """Say whether a reader has much to take, those apart who take nothing at all: nobody waits for them."""
    ordered = sorted(waiting)
    return bool(ordered) and ordered[int(len(ordered) * TAKING_SHARE)] > AHEAD_BYTES


async def run(server: Ours | Bare, seconds: float, rate: float) -> Ran:
    """Tell packages for so long; at a rate of 0 whenever nobody who keeps up is behind."""
    readers, told = max(1, server.readers()), 0
    began, cpu = time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - began) < seconds:
        if rate:
            due = int(elapsed * rate / readers) + 1
            while told < due:
                server.tell(body_of(told))
                told += 1
            await asyncio.sleep(max(0.0, told * readers / rate - (time.perf_counter() - began)))
        elif behind(server.waiting()):
            await asyncio.sleep(WAIT_S)
        else:
            server.tell(body_of(told))
            told += 1
            await asyncio.sleep(0)
    return Ran(told * readers, time.perf_counter() - began, time.process_time() - cpu)


async def obey(server: Ours | Bare, lines: asyncio.StreamReader) -> None:
    """Do what standard input says, line by line, until it ends."""
    async with server.serving() as port:
        print(json.dumps({"port": port}), flush=True)
        commands: dict[str, Callable[[Sequence[str]], Awaitable[Any]]] = {
            "readers": lambda words: _answer({"readers": server.readers(), "memory": memory_bytes()}),
            "run": lambda words: run(server, float(words[0]), float(words[1])),
        }
        while line := (await lines.readline()).decode().split():
            answer = await commands[line[0]](line[1:])
            print(json.dumps(answer._asdict() if isinstance(answer, Ran) else answer), flush=True)


async def _answer(document: dict[str, int]) -> dict[str, int]:
    return document


async def main(kind: str) -> None:
    """Serve as `ours` or `bare`."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    await obey(Ours() if kind == "ours" else Bare(), lines)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
