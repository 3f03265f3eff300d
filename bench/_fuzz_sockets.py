"""Mutated frames over real websockets: the gateway takes them or ends the connection, and answers afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import Random
from typing import NamedTuple

import websockets
from _fanout_server import DESTINATION, Ours, memory_bytes
from stomp_fuzz import FRAMES_PER_SESSION, mutated, valid_frames
from stompframes.frames import ALL_VERSIONS

ANSWER_S = 20.0
READ_S = 0.001
"""So long the client waits for more to read after each frame."""


class Sockets(NamedTuple):
    """What came of the frames."""

    connections: int
    messages: int
    """Read by the client."""
    raised: int
    """Tracebacks in the server's log."""
    growth_mb: float
    """Memory after all frames over memory after the first tenth."""


class _Errors(logging.Handler):
    """Counts what the server logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


async def run(frames: int, seed: int) -> Sockets:
    """Send so many mutated frames; TimeoutError where a good client is not answered or readers are left afterwards."""
    errors, server = _Errors(), Ours()
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio")]
    try:
        async with server.serving() as port:
            # Only now: a server that starts sets these up anew.
            for logger in loggers:
                logger.addHandler(errors)
            url = f"ws://127.0.0.1:{port}/"
            connections, messages, growth_mb = await _send(url, Random(seed), frames)
            await _answers(url, server)
            async with asyncio.timeout(ANSWER_S):
                while server.readers():  # noqa: ASYNC110 - connections end by themselves
                    await asyncio.sleep(0.01)
            return Sockets(connections, messages, errors.count, growth_mb)
    finally:
        for logger in loggers:
            logger.removeHandler(errors)


async def _send(url: str, chance: Random, frames: int) -> tuple[int, int, float]:
    """Return connections made, messages read, and the growth of memory in MB."""
    connections = messages = sent = 0
    first_bytes = memory_bytes()
    while sent < frames:
        version = chance.choice(ALL_VERSIONS)
        at_any_time, others = valid_frames(version)
        connections += 1
        async with websockets.connect(url, compression=None) as socket:
            await socket.send(f"CONNECT\nauthorization:t\naccept-version:{version}\n\n\0")
            for _ in range(min(FRAMES_PER_SESSION, frames - sent)):
                sent += 1
                data = mutated(chance.choice(others), chance.choice(at_any_time), chance)
                cut = chance.randrange(len(data) + 1)
                with contextlib.suppress(websockets.ConnectionClosed):
                    for part in (chance.choice(at_any_time), data[:cut], data[cut:]):
                        await socket.send(part)
                read, closed = await _read(socket)
                messages += read
                if closed:
                    break
        if sent * 10 < frames:
            first_bytes = memory_bytes()
    return connections, messages, (memory_bytes() - first_bytes) / 1e6


async def _read(socket: websockets.ClientConnection) -> tuple[int, bool]:
    """Return how many messages have come by now, and whether the connection has ended."""
    count = 0
    while True:
        try:
            await asyncio.wait_for(socket.recv(), READ_S)
        except TimeoutError:
            return count, False
        except websockets.ConnectionClosed:
            return count, True
        count += 1


async def _answers(url: str, server: Ours) -> None:
    """See that a good client is told what the destination says."""
    async with websockets.connect(url, compression=None) as socket, asyncio.timeout(ANSWER_S):
        await socket.send("CONNECT\nauthorization:t\naccept-version:1.2\n\n\0")
        assert str(await socket.recv()).startswith("CONNECTED")
        await socket.send(f"SUBSCRIBE\nid:1\ndestination:{DESTINATION}\nreceipt:r\n\n\0")
        assert str(await socket.recv()).startswith("RECEIPT")
        server.tell(b"[]")
        assert str(await socket.recv()).startswith("MESSAGE")
