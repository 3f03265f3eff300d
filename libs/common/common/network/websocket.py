"""A websocket client connection that hands over what arrived together: the protocol is the library's, the socket ours.

The library's own connection wakes a task per frame. A venue answers an order with several frames at once, and a burst
of prices is several frames too; here they are one list, read in one go (ADR 0007). Whole text frames are cut out of
what was read; all others go through the library, each whole, so that it stands between two frames all the time.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Frame, Opcode
from websockets.http11 import USER_AGENT, Response
from websockets.protocol import CONNECTING, OPEN
from websockets.uri import parse_uri

from common.network.text_frames import frame_at, whole_texts

CLOSE_TIMEOUT_S = 1.0
HEAD_END = b"\r\n\r\n"
BURST_FRAMES_MAX = 100
READ_AHEAD_BYTES_MAX = 16 * 1024 * 1024
"""With more than this not yet taken by the reader, the socket is left alone until it is."""


class Websocket(asyncio.Protocol):
    """One open connection; `connect` makes it."""

    def __init__(self, protocol: ClientProtocol, frame_bytes_max: int) -> None:
        self._protocol, self._frame_bytes_max = protocol, frame_bytes_max
        self._tail = bytearray()
        """The beginning of a frame that is not whole yet..."""
        self._tail_needed = 0
        """... and as many bytes as it has when it is, as far as that is known."""
        self._head_end = b""
        """The last bytes of the answer to the handshake so far."""
        self._transport: asyncio.Transport | None = None
        self._frames: list[bytes] = []
        self._parts: list[bytes] = []
        """Of a message in several frames, until the last of them."""
        self._unread_bytes = 0
        self._reading_paused = False
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self._reader: asyncio.Future[None] | None = None
        """Of who waits to receive: done when there is something, or nothing more will come."""
        self._writable = asyncio.Event()
        self._writable.set()
        self._keeping: asyncio.Task[None] | None = None
        self._heard = True

    # --- what its owner calls -----------------------------------------------------------------------------------

    async def receive(self) -> list[bytes]:
        """Return the messages that have arrived, at least one; ConnectionClosed when no more will come."""
        if self._frames:
            # A backlog: everybody else gets a turn first.
            await asyncio.sleep(0)
        while not self._frames:
            if self._lost.done():
                raise self._protocol.close_exc
            self._reader = self._loop.create_future()
            await self._reader
        frames, self._frames = self._frames[:BURST_FRAMES_MAX], self._frames[BURST_FRAMES_MAX:]
        self._unread_bytes -= sum(map(len, frames))
        if self._reading_paused and not self._frames and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return frames

    def send(self, text: bytes) -> None:
        """Send a text message; ConnectionClosed when the connection is closing or gone."""
        if self._protocol.state is not OPEN:
            raise self._protocol.close_exc if self._lost.done() else ConnectionClosedError(None, None)
        self._protocol.send_text(text)
        self._write()

    @property
    def writable(self) -> bool:
        """Whether the socket takes what is sent as fast as it is sent."""
        return self._writable.is_set()

    async def drained(self) -> None:
        """Return when the socket takes more; at once while it keeps up, or when it is gone."""
        await self._writable.wait()

    async def close(self, reason: str) -> None:
        """Close in an orderly way, or without the venue when it does not answer in time."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000, reason)
            self._write()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._lost), CLOSE_TIMEOUT_S)
        self.abort()

    def abort(self) -> None:
        """Let go of the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    # --- what the event loop calls ------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._heard = True
        before = len(self._frames)
        if self._tail:
            self._tail += data
            if len(self._tail) < self._tail_needed:
                return
            data, self._tail = bytes(self._tail), bytearray()
        elif self._protocol.state is CONNECTING:
            data = self._shaken(data)
        self._cut(data)
        self._tell(before)

    def eof_received(self) -> None:
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._keeping is not None:
            self._keeping.cancel()
        self._writable.set()
        self._lost.set_result(None)
        if not self._opened.done():
            refused = self._protocol.handshake_exc or exc or ConnectionResetError("closed during the handshake")
            self._opened.set_exception(refused)
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- within -------------------------------------------------------------------------------------------------

    async def shake_hands(self, headers: Mapping[str, str], ping_interval_s: float, ping_timeout_s: float) -> None:
        """Do the opening handshake; InvalidHandshake or OSError when it fails."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = USER_AGENT
        for name, value in headers.items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self._write()
        await self._opened
        self._keeping = asyncio.create_task(self._keep_alive(ping_interval_s, ping_timeout_s))

    def _shaken(self, data: bytes) -> bytes:
        """Give the library what belongs to the handshake, and return what follows its answer: the first frames."""
        joined = self._head_end + data
        end = joined.find(HEAD_END)
        self._head_end = joined[-len(HEAD_END) + 1 :]
        first = len(data) if end < 0 else end + len(HEAD_END) - len(joined) + len(data)
        self._through_library(data[:first])
        return data[first:]

    def _cut(self, data: bytes) -> None:
        """Take in the frames that are whole; what is left of the last one waits for the rest."""
        place = 0
        while place < len(data):
            if self._protocol.state is OPEN and not self._parts:
                texts, place = whole_texts(data, place, self._frame_bytes_max)
                self._frames += texts
                self._unread_bytes += sum(map(len, texts))
                if place == len(data):
                    return
            found = frame_at(data, place)
            wrong = found and not (found.lawful and found.end - found.start <= self._frame_bytes_max)
            if wrong or self._protocol.state is not OPEN:
                # Nobody reads on: the library says what is wrong, or takes leave.
                self._through_library(data[place:])
                return
            if found is None or found.end > len(data):
                self._tail = bytearray(data[place:])
                self._tail_needed = found.end - place if found else 0
                return
            if found.whole_text and not self._parts:
                self._add(data[found.start : found.end])
            else:
                self._through_library(data[place : found.end])
            place = found.end

    def _through_library(self, data: bytes) -> None:
        if data:
            self._protocol.receive_data(data)
        self._take_events()

    def _end(self) -> None:
        """Nothing more will come."""
        before = len(self._frames)
        tail, self._tail = bytes(self._tail), bytearray()
        if tail:
            self._through_library(tail)
        self._protocol.receive_eof()
        self._take_events()
        self._tell(before)

    def _take_events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take_frame(event)
            elif isinstance(event, Response) and not self._opened.done():
                if self._protocol.handshake_exc is None:
                    self._opened.set_result(None)
                else:
                    self._opened.set_exception(self._protocol.handshake_exc)
        self._write()

    def _tell(self, before: int) -> None:
        """Wake the reader when there are more frames than before, and leave the socket alone while there are many."""
        if len(self._frames) > before:
            self._wake()
            if self._unread_bytes > READ_AHEAD_BYTES_MAX and self._transport is not None and not self._reading_paused:
                self._reading_paused = True
                self._transport.pause_reading()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _take_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.TEXT or frame.opcode is Opcode.BINARY or frame.opcode is Opcode.CONT:
            data = bytes(frame.data)
            if self._parts or not frame.fin:
                self._parts.append(data)
                if not frame.fin:
                    return
                data, self._parts = b"".join(self._parts), []
            self._add(data)

    def _add(self, text: bytes) -> None:
        self._frames.append(text)
        self._unread_bytes += len(text)

    def _write(self) -> None:
        transport = self._transport
        if transport is None:
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            else:
                # The protocol is done: the other side has said goodbye, or what it said cannot be understood.
                transport.close()

    async def _keep_alive(self, interval_s: float, timeout_s: float) -> None:
        """Ask for a sign of life when there was none for a while; without one, let go."""
        while True:
            self._heard = False
            await asyncio.sleep(interval_s)
            if self._heard or self._protocol.state is not OPEN:
                continue
            self._protocol.send_ping(b"")
            self._write()
            await asyncio.sleep(timeout_s)
            if not self._heard:
                self.abort()
                return


async def connect(
    url: str,
    headers: Mapping[str, str],
    *,
    frame_bytes_max: int,
    open_timeout_s: float,
    ping_interval_s: float,
    ping_timeout_s: float,
) -> Websocket:
    """Open a connection; OSError, TimeoutError, ValueError or WebSocketException when it cannot be had."""
    uri = parse_uri(url)
    made: Websocket | None = None

    def make() -> Websocket:
        nonlocal made
        made = Websocket(ClientProtocol(uri, max_size=frame_bytes_max), frame_bytes_max)
        return made

    try:
        async with asyncio.timeout(open_timeout_s):
            _, socket = await asyncio.get_running_loop().create_connection(
                make, uri.host, uri.port, ssl=ssl.create_default_context() if uri.secure else None
            )
            await socket.shake_hands(headers, ping_interval_s, ping_timeout_s)
    except BaseException:
        if made is not None:
            made.abort()
        raise
    return socket
