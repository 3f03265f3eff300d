"""A web server in a thread of its own, which answers late for as long as it is told to be slow."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable

Handle = Callable[[str, str, bytes], tuple[int, bytes]]
"""(method, path, body) to (status, body)."""


class SlowServer:
    """HTTP/1.1 with kept connections; `late_s` is the most that an answer is late."""

    def __init__(self, late_s: float, handle: Handle = lambda method, path, body: (200, b"ok")) -> None:
        self.slow, self.port = True, 0
        self._late_s, self._handle = late_s, handle
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._random = random.Random(1)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> SlowServer:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        async def serve() -> None:
            server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            self._listening.set()

        serving = self._loop.create_task(serve())
        self._loop.run_forever()
        left = {task for task in asyncio.all_tasks(self._loop) if task is not serving}
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left))
        self._loop.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, path, _ = head.split(" ", 2)
                lengths = [
                    line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-l")
                ]
                body = await reader.readexactly(int(lengths[0])) if lengths else b""
                status, answer = self._handle(method, path, body)
                if self.slow:
                    await asyncio.sleep(self._random.random() * self._late_s)
                writer.write(f"HTTP/1.1 {status} Said\r\ncontent-length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
