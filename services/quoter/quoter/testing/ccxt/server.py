"""A tiny spot venue on loopback, which knows nothing of ccxt and looks at the proof of every request."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from common.core import HttpRequest, Open, Send
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from quoter.testing.ccxt.paper import PaperSpot
from quoter.testing.live import LiveServer

FORM = "application/x-www-form-urlencoded"


class PaperServer(LiveServer):
    """REST and the private stream of one account."""

    def __init__(self, venue: PaperSpot, loop: asyncio.AbstractEventLoop) -> None:
        self.venue = venue
        super().__init__(loop)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        if body and headers["content-type"] != FORM:
            self.faults.append(f"{path}: {headers['content-type']}")
        try:
            with self.lock:
                answer = self.venue.on_ask(HttpRequest("", 0, method, self.url + path, headers, body))
                frames = list(self.venue.take_frames())
        except AssertionError as error:
            self.faults.append(f"{method} {path}: {error!r}")
            return 500, b"{}"
        self.tell_later(frames)
        return answer.status, answer.body

    async def stream(self, socket: ServerConnection) -> None:
        """Serve the private stream on a connection until it ends."""
        self.sockets.add(socket)
        self.venue.opened(Open("", ""))
        with suppress(ConnectionClosed):
            async for message in socket:
                with self.lock:
                    self.venue.on_send(Send("", message if isinstance(message, bytes) else message.encode()))
                    frames = list(self.venue.take_frames())
                await self.tell(frames)
        self.sockets.discard(socket)
        self.venue.disconnect()

    async def fill(self, lots: int) -> None:
        """Execute so much of the one order that rests."""
        with self.lock:
            (order,) = self.venue.open_orders()
            self.venue.execute(order, self.venue.coin.quantity(lots))
            frames = list(self.venue.take_frames())
        await self.tell(frames)
