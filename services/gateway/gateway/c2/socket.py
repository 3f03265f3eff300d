"""The websocket of the C2 API, at the path its clients know."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import structlog
from common.clock import NS_PER_MS, Clock
from common.network.door import DIRECT, DirectWriter
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from gateway.auth.sessions import Sessions
from gateway.c2.connection import C2Connection
from gateway.c2.hub import Hub
from gateway.context import Context

SUBPROTOCOLS = ("v12.stomp", "v11.stomp", "v10.stomp")
"""None of them is tied to a version: clients name one here and another in CONNECT."""
TICK_S = 0.05

log = structlog.get_logger("gateway")
router = APIRouter()


def log_failure(destination: str, error: Exception) -> None:
    """Write down what our own code has failed to tell."""
    log.error("destination not told", destination=destination, exc_info=error)


class _Socket:
    """A websocket of the framework, as a connection needs it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._writer: DirectWriter = websocket.scope["extensions"][DIRECT]

    @property
    def waiting(self) -> Callable[[], int]:
        return self._writer.waiting

    async def receive(self) -> str | bytes | None:
        message = await self._websocket.receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        return text if text is not None else message.get("bytes") or b""

    def write(self, messages: Sequence[bytes], *, as_text: bool) -> None:
        self._writer.write(messages, as_text=as_text)

    async def close(self, code: int, reason: str) -> None:
        with contextlib.suppress(RuntimeError):
            await self._websocket.close(code, reason)

    def abort(self) -> None:
        self._writer.abort()


@router.websocket("/websocket/v0")
@router.websocket("/websocket/v0/websocket")
async def c2_socket(websocket: WebSocket) -> None:
    """Speak STOMP 1.0 to 1.2 with whoever shows an access token in CONNECT."""
    context: Context = websocket.app.state.context
    hub: Hub = websocket.app.state.hub
    offered = [each.strip() for each in websocket.headers.get("sec-websocket-protocol", "").split(",")]
    await websocket.accept(next((each for each in offered if each in SUBPROTOCOLS), None))
    async with _ticking(websocket, context):
        await converse(websocket, hub, context.sessions, context.clock)


async def converse(websocket: WebSocket, hub: Hub, sessions: Sessions, clock: Clock) -> None:
    """Speak with the client of an accepted websocket until it is closed."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await C2Connection(_Socket(websocket), hub, sessions, clock).run()


@contextlib.asynccontextmanager
async def _ticking(websocket: WebSocket, context: Context) -> AsyncIterator[None]:
    """Have the hub tell what is due for as long as anybody is connected."""
    state = websocket.app.state
    state.sockets += 1
    if state.sockets == 1:
        state.ticking = asyncio.create_task(_tick(state.hub, context))
    try:
        yield
    finally:
        state.sockets -= 1
        if state.sockets == 0:
            state.ticking.cancel()


async def _tick(hub: Hub, context: Context) -> None:
    while True:
        hub.tick(context.now_ns() // NS_PER_MS)
        await asyncio.sleep(TICK_S)
