"""One websocket to the server for as long as it lives: what arrives goes through the STOMP session and on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import websockets
from stompframes.client import ClientSession, ClientSettings, Closed, Connected, Error, Event, Message

NS_PER_S = 1_000_000_000
OPEN_S = 10.0
CLOSE_S = 2.0
FRAME_BYTES_MAX = 16 * 1024 * 1024
DENIED = "AccessDenied"

# At its lowest level the library logs frames whole, and CONNECT holds a token.
_FRAMES = logging.getLogger("c2client.websocket")
_FRAMES.setLevel(logging.INFO)


class Lost(Exception):
    """The connection has ended without our asking; the text says why."""


class Denied(Exception):
    """The server does not let this token in; the text says why."""


class Connection:
    """One websocket, from CONNECT to its end."""

    def __init__(
        self, url: str, settings: ClientSettings, opened: Callable[[], None], took: Callable[[Message], None]
    ) -> None:
        self._url = url
        self._opened, self._took = opened, took
        self._session = ClientSession(settings)
        self._something = asyncio.Event()
        self._is_open = self._leaving = False
        self._ended = ""
        self._denied = ""

    def subscribe(self, destination: str) -> str:
        """Ask for a topic and return the id under which its messages come."""
        self._something.set()
        return self._session.subscribe(destination, time.monotonic_ns())

    def unsubscribe(self, id_: str) -> None:
        """Ask for no more of a topic."""
        self._something.set()
        self._session.unsubscribe(id_, time.monotonic_ns())

    def disconnect(self) -> None:
        """Leave in order: `run` returns once the server has dealt with all before."""
        if self.is_open:
            self._leaving, self._is_open = True, False
            self._session.disconnect(time.monotonic_ns())
            self._something.set()

    @property
    def is_open(self) -> bool:
        """Say whether subscriptions can be asked for."""
        return self._is_open and not self._session.closed

    async def run(self, token: str) -> None:
        """Speak with the server until we have left; Lost or Denied where it ends otherwise."""
        try:
            async with websockets.connect(
                self._url,
                max_size=FRAME_BYTES_MAX,
                open_timeout=OPEN_S,
                close_timeout=CLOSE_S,
                # Heartbeats are STOMP's, in both directions.
                ping_interval=None,
                logger=_FRAMES,
            ) as socket:
                await self._speak(socket, token)
        except (OSError, TimeoutError, websockets.WebSocketException) as error:
            if not self._leaving:
                raise Lost(self._ended or f"{type(error).__name__}: {error}") from None
        finally:
            self._is_open = False
        if self._denied:
            raise Denied(self._denied)

    async def _speak(self, socket: websockets.ClientConnection, token: str) -> None:
        self._session.connect((("authorization", f"Bearer {token}"),), time.monotonic_ns())
        writing = asyncio.create_task(self._write(socket))
        try:
            async for data in socket:
                self._act(self._session.receive(data, time.monotonic_ns()))
                if self._session.closed:
                    break
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError, websockets.ConnectionClosed):
                await writing
        self._act(self._session.lost())
        if not self._leaving and not self._denied:
            raise Lost(self._ended)

    async def _write(self, socket: websockets.ClientConnection) -> None:
        """Write what is queued, and see to what time has run out for."""
        while not self._session.closed:
            for message in self._session.output():
                await socket.send(message, text=True)
            self._something.clear()
            deadline_ns = self._session.next_deadline_ns()
            wait_s = None if deadline_ns is None else max(0.0, (deadline_ns - time.monotonic_ns()) / NS_PER_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._something.wait(), wait_s)
            self._act(self._session.on_time(time.monotonic_ns()))
        await socket.close()

    def _act(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Connected):
                self._is_open = True
                # From now on there are heartbeats to be written.
                self._something.set()
                self._opened()
            elif isinstance(event, Message):
                self._took(event)
            elif isinstance(event, Error):
                text = event.body.decode(errors="replace") or event.message
                if event.message == DENIED and not self._is_open:
                    self._denied = text
                self._ended = f"{event.message}: {text}"
            elif isinstance(event, Closed):
                self._ended = self._ended or event.reason
