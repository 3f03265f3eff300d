"""Readers of a websocket as cheap as they can be: they count bytes, and look when a package was made now and then.

They take whatever comes and parse little, so that the server is what is measured.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import struct
import time
from dataclasses import dataclass, field
from functools import partial
from typing import cast

MADE = re.compile(rb'"made_ns":(\d+)')
LOOK_EVERY_BYTES = 8 * 1024
CONNECT = b"CONNECT\nauthorization:bench\naccept-version:1.2\nheart-beat:0,0\n\n\0"
SUBSCRIBE = b"SUBSCRIBE\nid:sub-0\ndestination:/topic/alerts\n\n\0"


@dataclass
class Seen:
    """What all readers of one process have seen."""

    bytes: int = 0
    late_ns: list[int] = field(default_factory=list)
    """From when a package was made to when a reader had it, sampled."""


class Reader(asyncio.Protocol):
    """One websocket; a stalled one reads nothing once it is subscribed."""

    def __init__(self, seen: Seen, *, stalled: bool) -> None:
        self._seen, self._stalled = seen, stalled
        self._since_look = 0
        self._greeted = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none of asyncio's, and does all that one does.
        self._transport = transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        transport.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade}\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._greeted:
            if data.startswith(b"HTTP"):
                self._transport.write(masked(CONNECT))
            elif b"CONNECTED" in data:
                self._greeted = True
                self._transport.write(masked(SUBSCRIBE))
                self.ready.set_result(None)
                if self._stalled:
                    self._transport.pause_reading()
            return
        self._seen.bytes += len(data)
        self._since_look += len(data)
        if self._since_look >= LOOK_EVERY_BYTES:
            self._since_look = 0
            now_ns = time.perf_counter_ns()
            # The newest whole package of what has just come.
            made = MADE.findall(data)
            if made:
                self._seen.late_ns.append(now_ns - int(made[-1]))


def masked(payload: bytes) -> bytes:
    """Return a text frame as a client sends it; payloads of fewer than 126 bytes, under a mask of zeros."""
    assert len(payload) < 126
    return struct.pack("!BB4x", 0x81, 0x80 | len(payload)) + payload


async def open_readers(port: int, count: int, stalled: int) -> tuple[Seen, list[Reader]]:
    """Return subscribed readers, the first of which stall, and what they see."""
    loop, seen = asyncio.get_running_loop(), Seen()
    readers = []
    for number in range(count):
        _, reader = await loop.create_connection(partial(Reader, seen, stalled=number < stalled), "127.0.0.1", port)
        await reader.ready
        readers.append(reader)
    return seen, readers


def close(readers: list[Reader]) -> None:
    """Cut every connection."""
    for reader in readers:
        if reader._transport is not None:
            reader._transport.abort()
