"""A quoter and its session over real sockets, as the shell runs them, without a bus; and a venue to connect to."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.core import Close, Effect, HttpRequest, HttpResponse, Open, Receipt, Send
from common.events import Event
from common.orders import OrderIds
from common.running.wires import LiveHttp, LiveWire
from websockets.asyncio.server import ServerConnection

from quoter.orders.own_orders import Orders
from quoter.service import Quoter
from quoter.venues.base import Outputs, Session

ORIGIN_NS = 1_795_000_000_000_000_000


class LiveClient:
    """One account's quoter; what it says on the bus is `told`."""

    def __init__(
        self, venue: str, session: Session, orders: Orders, epoch: int, state_most_s: float, account: str = "mm1"
    ) -> None:
        """A state that has not come within `state_most_s` does not come, however busy the machine."""
        self.orders, self._session, self._state_most_s = orders, session, state_most_s
        self.core = Quoter(account, venue, session, orders)
        self.core.epoch = epoch
        self.ids = OrderIds(epoch)
        self.told: list[Event] = []
        self.wire = LiveWire(self.on_open, self.on_frames, self.on_close)
        self.http = LiveHttp(self.on_answer)

    @property
    def now_ns(self) -> int:
        return int(asyncio.get_running_loop().time() * 1e9) + ORIGIN_NS

    async def carry(self, effects: Iterable[Effect]) -> None:
        for effect in list(effects):
            await self.carry_one(effect)

    async def carry_one(self, effect: Effect) -> None:
        if isinstance(effect, Event):
            self.told.append(effect)
        elif isinstance(effect, HttpRequest):
            self.http.ask(effect)
        elif isinstance(effect, Open):
            self.wire.open(effect)
        elif isinstance(effect, Send):
            await self.wire.send(effect.data)
        elif isinstance(effect, Close):
            self.wire.close(effect)

    async def relay(self, outputs: Outputs) -> None:
        await self.carry(self.core.on_session(outputs, Receipt(self.now_ns)))

    async def on_open(self) -> None:
        await self.carry(self.core.on_open(Receipt(self.now_ns)))

    async def on_frames(self, frames: list[bytes]) -> None:
        for frame in frames:
            await self.carry(self.core.on_frame(frame, Receipt(self.now_ns)))

    async def on_close(self, reason: str) -> None:
        await self.carry(self.core.on_close(reason, Receipt(self.now_ns)))

    async def on_answer(self, answer: HttpResponse) -> None:
        await self.carry(self.core.on_answer(answer, Receipt(self.now_ns)))

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(self._state_most_s):
            while not reached():
                await self.relay(self._session.on_timer(self.now_ns))
                await asyncio.sleep(0.01)


class LiveServer(ABC):
    """REST and a stream of one account on loopback; requests are answered one at a time, on threads of their own.

    What a request proves wrongly is among `faults`, for the test to look at when it ends.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.faults: list[str] = []
        self.sockets: set[ServerConnection] = set()
        self._loop, self.lock = loop, threading.Lock()
        self.rest = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self.rest.server_port}"
        threading.Thread(target=self.rest.serve_forever, daemon=True).start()

    @abstractmethod
    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a request, whose headers have names in any case."""

    def tell_later(self, frames: Iterable[bytes]) -> None:
        """Send frames on every stream, from whichever thread."""
        asyncio.run_coroutine_threadsafe(self.tell(list(frames)), self._loop)

    async def tell(self, frames: Iterable[bytes]) -> None:
        """Send frames on every stream."""
        for frame in frames:
            for socket in list(self.sockets):
                await socket.send(frame.decode())

    def end(self) -> None:
        """Answer nothing more."""
        self.rest.shutdown()


def _handler_of(server: LiveServer) -> type[BaseHTTPRequestHandler]:
    class Rest(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = server.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    return Rest
