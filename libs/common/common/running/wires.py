"""Websocket and HTTP clients of a core: the sockets behind Open, Send, Close and Ask."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from websockets.exceptions import ConnectionClosed, WebSocketException

from common.core import Close, HttpRequest, HttpResponse, Open, Sample
from common.network.webclient import RequestFailed, WebClient
from common.network.websocket import Websocket, connect

OPEN_TIMEOUT_S = 5.0
FRAME_BYTES_MAX = 8 * 1024 * 1024
PING_INTERVAL_S = 10.0
PING_TIMEOUT_S = 10.0
SEND_TIMEOUT_S = 1.0
"""A venue that takes nothing for this long is cut off: the core waits, and a halt must not wait behind it."""
ASKS_OPEN_MAX = 64

OnOpen = Callable[[], Awaitable[None]]
OnFrames = Callable[[list[bytes]], Awaitable[None]]
"""Told the frames that arrived together."""
OnClose = Callable[[str], Awaitable[None]]


class LiveWire:
    """One websocket client connection, opened when the core asks; a new Open replaces the old connection.

    Every Open ends in one on_close, unless another Open has replaced it by then.
    """

    def __init__(self, on_open: OnOpen, on_frames: OnFrames, on_close: OnClose) -> None:
        self._on_open, self._on_frames, self._on_close = on_open, on_frames, on_close
        self._connection: Websocket | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.openings = 0
        """Counts the connections: frames of an earlier one are no longer anybody's."""

    def open(self, effect: Open) -> None:
        self.end()
        self.openings += 1
        self._task = asyncio.create_task(self._run(effect))

    async def send(self, data: bytes) -> None:
        """Send a text frame; nothing happens on a closed wire, whose on_close is already on its way."""
        connection = self._connection
        if connection is None:
            return
        with contextlib.suppress(ConnectionClosed):
            connection.send(data)
            # The loop writes at the end of its pass: what else there is to do must not come before that.
            await asyncio.sleep(0)
            if not connection.writable:
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await connection.drained()
                except TimeoutError:
                    connection.abort()

    def close(self, effect: Close) -> None:
        """Begin to close what is open or connecting now; its on_close is an input and comes after this turn."""
        if self._task is not None and not self._task.done():
            closing = asyncio.create_task(self._close(self._task, effect.reason))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def end(self) -> None:
        """Let go of the connection at once, without an on_close."""
        # An Open that answers on_close or a frame comes out of the old connection's own task, which ends by itself.
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self._connection is not None:
            self._connection.abort()
        self._connection = self._task = None

    async def _close(self, task: asyncio.Task[None], reason: str) -> None:
        if self._task is not task:
            return  # an Open of the same turn has replaced it
        if self._connection is not None:
            await self._connection.close(reason[:100])
        elif not task.done():
            task.cancel()
            await self._on_close(reason)

    async def _run(self, effect: Open) -> None:
        """Connect and hand frames in until the connection ends or another one takes its place."""
        own = asyncio.current_task()
        try:
            connection = await connect(
                effect.url,
                effect.headers,
                frame_bytes_max=FRAME_BYTES_MAX,
                open_timeout_s=OPEN_TIMEOUT_S,
                ping_interval_s=PING_INTERVAL_S,
                ping_timeout_s=PING_TIMEOUT_S,
            )
        except (TimeoutError, OSError, EOFError, ValueError, WebSocketException) as error:
            if self._task is own:
                await self._on_close(f"cannot connect: {type(error).__name__}: {error}"[:200])
            return
        self._connection = connection
        try:
            await self._on_open()
            while self._task is own:
                await self._on_frames(await connection.receive())
        except ConnectionClosed as error:
            reason = str(error)
        else:
            return
        finally:
            connection.abort()
        if self._task is own:
            self._connection = None
            await self._on_close(reason)


class LiveHttp:
    """HTTP requests of a core, each ending in exactly one answer; status 0 says that the outcome is unknown."""

    def __init__(
        self, on_answer: Callable[[HttpResponse], Awaitable[None]], on_rebuilt: Callable[[str], None] = lambda why: None
    ) -> None:
        self._on_answer = on_answer
        self.client = WebClient(on_rebuilt=on_rebuilt)
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, effect: HttpRequest) -> None:
        asking = self._refuse(effect) if len(self._tasks) >= ASKS_OPEN_MAX else self._ask(effect)
        task = asyncio.create_task(asking)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refuse(self, effect: HttpRequest) -> None:
        await self._on_answer(HttpResponse(effect.request_id, 0, b"too many requests open", {}))

    async def _ask(self, effect: HttpRequest) -> None:
        try:
            answered = await self.client.request(
                effect.method,
                effect.url,
                timeout_s=effect.timeout_ms / 1000,
                headers=effect.headers,
                body=effect.body,
            )
        except RequestFailed as error:
            # Whatever went wrong, exactly one answer follows, and it says that the outcome is unknown.
            await self._on_answer(HttpResponse(effect.request_id, 0, str(error).encode(), {}))
            return
        await self._on_answer(HttpResponse(effect.request_id, answered.status, answered.body, dict(answered.headers)))

    def samples(self, name: str) -> Iterable[Sample]:
        client, labels = self.client, {"client": name}
        yield Sample("mm_http_timeouts", "counter", "Requests without an answer in time", labels, client.timeouts)
        yield Sample("mm_http_rebuilds", "counter", "Times connections were rebuilt", labels, client.rebuilds)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.client.close()
