"""One port that speaks just enough HTTP and websocket for a stand-in venue, at little cost per frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, urlsplit

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

HEAD_BYTES_MAX = 16 * 1024
BODY_BYTES_MAX = 64 * 1024


class Request(NamedTuple):
    """One HTTP request; `query` holds the last value of each parameter."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes


class Socket:
    """One websocket connection, seen by the venue: the address it asked for, and a way to send."""

    def __init__(self, transport: asyncio.Transport, path: str) -> None:
        self.path = path
        self.open = True
        self._transport = transport
        self._protocol = ServerProtocol(max_size=BODY_BYTES_MAX)

    def send(self, text: bytes) -> None:
        if self.open:
            self._protocol.send_text(text)
            self._write()

    def receive(self, data: bytes) -> list[bytes]:
        """Return the text frames that are complete now; handshake, pings and close are answered here."""
        self._protocol.receive_data(data)
        texts = []
        for event in self._protocol.events_received():
            if isinstance(event, Handshake):
                self._protocol.send_response(self._protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                assert event.fin, "clients of the benchmark send whole frames"
                texts.append(bytes(event.data))
        self._write()
        return texts

    def _write(self) -> None:
        for chunk in self._protocol.data_to_send():
            if chunk:
                self._transport.write(chunk)
            else:
                self.open = False
                self._transport.close()


class Front(asyncio.Protocol):
    """The server side of one connection: HTTP requests one after another, or one websocket."""

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[tuple[int, Any]]],
        on_open: Callable[[Socket], None],
        on_text: Callable[[Socket, bytes], None],
        on_close: Callable[[Socket], None],
    ) -> None:
        self._answer, self._on_open, self._on_text, self._on_close = answer, on_open, on_text, on_close
        self._buffer = b""
        self._socket: Socket | None = None
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            for text in self._socket.receive(data):
                self._on_text(self._socket, text)
            return
        self._buffer += data
        self._read_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if self._socket is not None:
            self._socket.open = False
            self._on_close(self._socket)

    def _read_request(self) -> None:
        assert self._transport is not None
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end or self._answering is not None:
            if len(self._buffer) > HEAD_BYTES_MAX + BODY_BYTES_MAX:
                self._transport.close()
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, target, _ = first.split(" ", 2)
        if headers.get("upgrade", "").lower() == "websocket":
            self._socket = Socket(self._transport, target)
            self._socket.receive(self._buffer)
            self._on_open(self._socket)
            return
        length = int(headers.get("content-length", "0"))
        if length > BODY_BYTES_MAX:
            self._transport.close()
        elif len(rest) >= length:
            self._buffer = rest[length:]
            address = urlsplit(target)
            request = Request(method, address.path, dict(parse_qsl(address.query)), rest[:length])
            self._answering = asyncio.ensure_future(self._respond(request))

    async def _respond(self, request: Request) -> None:
        status, document = await self._answer(request)
        body = json.dumps(document).encode()
        assert self._transport is not None
        self._transport.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        self._answering = None
        if self._buffer:
            self._read_request()
