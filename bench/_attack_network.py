"""A relay between a process and a server that can be cut or held, so that a partition is real sockets' doing."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK_BYTES = 64 * 1024
START_TIMEOUT_S = 5.0


class Relay:
    """Listens on a port of its own and forwards to another; runs in a thread of its own."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port, self._target_port = port, target_port
        self._loop = asyncio.new_event_loop()
        self._flowing: asyncio.Event
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"relay-{port}", daemon=True)
        self._thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise OSError(f"the relay on port {port} did not start")

    def cut(self) -> None:
        """Close every connection and refuse new ones until `restore`."""
        self._do(self._cut())

    def hold(self) -> None:
        """Keep connections and carry nothing over them until `restore`."""
        self._do(self._set_flowing(False))

    def restore(self) -> None:
        """Carry on; what was held is delivered."""
        self._do(self._restore())

    def close(self) -> None:
        """End the relay and its thread."""
        with contextlib.suppress(Exception):
            self._do(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.close()
            return
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, onward_writer}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._carry(reader, onward_writer))
                both.create_task(self._carry(onward_reader, writer))
        except* OSError:
            pass
        finally:
            self._writers -= {writer, onward_writer}
            writer.close()
            onward_writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        # The other direction ends with this one: neither of our servers keeps a half-closed connection.
        writer.close()

    async def _cut(self) -> None:
        self._open = False
        for writer in list(self._writers):
            writer.transport.abort()

    async def _set_flowing(self, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _restore(self) -> None:
        self._open = True
        self._flowing.set()
