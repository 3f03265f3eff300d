"""What every listening door has: bounds on connections, heads, bodies and time, and a check of the names in a request.

uvicorn bounds requests; a connection that never ends its request's head is none yet, and would be held forever.
"""

from __future__ import annotations

import asyncio
import struct
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from common.core import Sample

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health", "/ready", "/metrics"})
"""They answer whoever asks, under any name, and hold neither secrets nor positions."""

DIRECT = "direct.writer"
"""Where an application finds the `DirectWriter` of its websocket."""
FINAL_TEXT, FINAL_BINARY = 0x81, 0x82
LENGTH_16_BITS, LENGTH_64_BITS = 126, 127
_HEAD_16, _HEAD_64 = struct.Struct("!BBH"), struct.Struct("!BBQ")
"""Heads of a server's frames, RFC 6455 §5.2."""

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Callable[[], Awaitable[Any]], Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a door takes, and for how long it waits."""

    connections: int = 256
    connections_per_address: int = 128
    head_bytes: int = 16 * 1024
    head_s: float = 5.0
    """For the head of a request, from the first look at the connection or the end of the answer before."""
    body_s: float = 15.0
    """For the whole body."""
    message_bytes: int = 256 * 1024
    """Of one message of a websocket."""
    stuck_s: float = 15.0
    """A client that takes nothing of an answer for so long is cut off."""
    idle_s: int = 5
    """A connection without a request is kept for so long."""


class Door:
    """Counts the connections of one server. When it is full, the one that has waited longest for a head has to go.

    So whoever opens many connections and says nothing keeps nobody out: a person's halt still gets in.
    """

    def __init__(self, bounds: Bounds = Bounds()) -> None:
        self.bounds = bounds
        self._inside: OrderedDict[asyncio.Transport, str] = OrderedDict()
        """The address of each connection, oldest first."""
        self._waiting: OrderedDict[asyncio.Transport, str] = OrderedDict()
        """Those whose request has no whole head yet."""
        self.refused = 0
        self.cut_off = 0

    @property
    def open(self) -> int:
        return len(self._inside)

    def enter(self, transport: asyncio.Transport) -> bool:
        """Let a connection in; return False when there is no room for it."""
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        of_address = sum(each == address for each in self._inside.values())
        full = len(self._inside) >= self.bounds.connections
        if (full or of_address >= self.bounds.connections_per_address) and not self._make_room(address, not full):
            self.refused += 1
            return False
        self._inside[transport] = address
        return True

    def wait_for_head(self, transport: asyncio.Transport, waits: bool) -> None:
        if not waits:
            self._waiting.pop(transport, None)
        elif transport in self._inside and transport not in self._waiting:
            self._waiting[transport] = self._inside[transport]

    def leave(self, transport: asyncio.Transport) -> None:
        self._inside.pop(transport, None)
        self._waiting.pop(transport, None)

    def cut(self, transport: asyncio.Transport) -> None:
        """End a connection that took too long."""
        self.cut_off += 1
        self.leave(transport)
        transport.abort()

    def _make_room(self, address: str, of_address_only: bool) -> bool:
        waiting = (each for each, where in self._waiting.items() if not of_address_only or where == address)
        oldest = next(waiting, None)
        if oldest is None:
            return False
        self.cut(oldest)
        return True

    def samples(self, port: str) -> Iterable[Sample]:
        labels = {"port": port}
        yield Sample("mm_door_connections", "gauge", "Connections open", labels, self.open)
        yield Sample("mm_door_refused", "counter", "Connections refused at the limit", labels, self.refused)
        yield Sample("mm_door_cut_off", "counter", "Connections cut off as too slow", labels, self.cut_off)

    def http_protocol(self) -> type[H11Protocol]:
        """Return uvicorn's protocol within these bounds."""
        return type("BoundedHttp", (_BoundedHttp,), {"door": self})

    def websocket_protocol(self) -> type[WebSocketsSansIOProtocol]:
        return type("BoundedWebsocket", (_BoundedWebsocket,), {"door": self})

    def uvicorn_options(self) -> dict[str, Any]:
        """Return what a uvicorn.Config needs to have this door."""
        return {
            "http": self.http_protocol(),
            "ws": self.websocket_protocol(),
            "h11_max_incomplete_event_size": self.bounds.head_bytes,
            "ws_max_size": self.bounds.message_bytes,
            # It costs memory and time per client, and more for who sends the same to many.
            "ws_per_message_deflate": False,
            "timeout_keep_alive": self.bounds.idle_s,
        }


class _BoundedHttp(H11Protocol):
    """A connection with a clock on whatever it waits for: the head, the body, or the client to read."""

    door: Door
    _phase = ""
    _timer: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.door.enter(transport):
            transport.abort()
            return
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._enter("")
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.door.bounds.stuck_s, self.door.cut, self.transport)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unstick()

    def connection_lost(self, exc: Exception | None) -> None:
        self._enter("")
        self._unstick()
        self.door.leave(self.transport)
        super().connection_lost(exc)

    def _look(self) -> None:
        """See what is waited for now and set its clock, unless it already runs."""
        if self.transport.get_protocol() is not self or self.transport.is_closing():
            return
        theirs = self.conn.their_state
        self._enter("head" if theirs is h11.IDLE else "body" if theirs is h11.SEND_BODY else "")

    def _enter(self, phase: str) -> None:
        if phase == self._phase:
            return
        self._phase = phase
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.door.wait_for_head(self.transport, phase == "head")
        if phase:
            bounds = self.door.bounds
            seconds = bounds.head_s if phase == "head" else bounds.body_s
            self._timer = self.loop.call_later(seconds, self.door.cut, self.transport)

    def _unstick(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None


class DirectWriter:
    """Writes whole messages to a websocket at once and says how much of them still waits, so that nobody is waited for.

    An application finds it under `DIRECT` in the extensions of its scope. What it writes is not compressed.
    """

    __slots__ = ("_protocol", "_transport", "waiting")

    def __init__(self, protocol: WebSocketsSansIOProtocol) -> None:
        self._protocol, self._transport = protocol, protocol.transport
        self.waiting: Callable[[], int] = protocol.transport.get_write_buffer_size
        """Says how many bytes the client has not taken yet."""

    def write(self, messages: Iterable[bytes], *, as_text: bool) -> None:
        """Write messages in their order; nothing where the connection is closing. Text must be UTF-8."""
        transport = self._transport
        if self._protocol.close_sent or transport.is_closing():
            return
        opcode = FINAL_TEXT if as_text else FINAL_BINARY
        parts: list[bytes] = []
        for message in messages:
            size = len(message)
            if size < LENGTH_16_BITS:
                parts.append(bytes((opcode, size)))
            elif size < 1 << 16:
                parts.append(_HEAD_16.pack(opcode, LENGTH_16_BITS, size))
            else:
                parts.append(_HEAD_64.pack(opcode, LENGTH_64_BITS, size))
            parts.append(message)
        transport.write(b"".join(parts))

    def abort(self) -> None:
        """End the connection without a word: its client takes nothing any more."""
        self._transport.abort()


class _BoundedWebsocket(WebSocketsSansIOProtocol):
    """A websocket still counts as a connection of its door."""

    door: Door

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            # The application runs from the loop's next turn on.
            self.scope["extensions"][DIRECT] = DirectWriter(self)  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.leave(self.transport)
        super().connection_lost(exc)


class NameGuard:
    """An application that answers only requests made under a name of ours, and only pages of ours may make them.

    Otherwise a page somewhere could have its name resolve to this machine and let a person's browser ask in its place.
    """

    def __init__(self, app: Application, names: Iterable[str]) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {name.strip().lower() for name in names if name.strip()}

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        fault = self._fault(scope)
        if not fault:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": fault})
        else:
            body = msgspec.json.encode({"error": {"code": "name_not_allowed", "message": fault}})
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _fault(self, scope: Scope) -> str:
        said = {"host": "", "origin": ""}
        for name, value in scope["headers"]:
            key = name.decode("latin-1")
            if key in said:
                said[key] = value.decode("latin-1")
        if _name_of(f"//{said['host']}") not in self._names:
            return f"host: {said['host'][:100]!r} is not a name of this service (MM_ALLOWED_HOSTS)"
        if said["origin"] and _name_of(said["origin"]) not in self._names:
            return f"origin: pages of {said['origin'][:100]!r} may not ask here (MM_ALLOWED_HOSTS)"
        return ""


def _name_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def names_of(text: str) -> list[str]:
    """Return the names of a comma-separated setting."""
    return [name for name in text.split(",") if name.strip()]
