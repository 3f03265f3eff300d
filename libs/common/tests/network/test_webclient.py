"""HTTP requests that end by themselves, and a pool that nothing poisons."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from common.network import webclient
from common.network.webclient import AnswerTooLarge, NoAnswerInTime, WebClient

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@asynccontextmanager
async def answering(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    async with await asyncio.start_server(handle, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head without end: something always arrives within any time-out for a single read."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"x: y\r\n")
        await asyncio.sleep(0.005)


async def test_r1_the_whole_time_is_bounded_although_every_read_brings_something() -> None:
    client = WebClient()
    async with answering(dribble) as url:
        with pytest.raises(NoAnswerInTime):
            await client.request("GET", url, timeout_s=0.1)
    await client.close()


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, EOFError):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK)
    writer.close()


async def test_r1_who_stops_waiting_does_not_stop_the_request() -> None:
    client = WebClient()
    async with answering(answer_all) as url:
        for _ in range(40):
            waiting = asyncio.create_task(client.request("GET", url, timeout_s=2.0))
            await asyncio.sleep(0)
            waiting.cancel()
        answers = await asyncio.gather(*[client.request("GET", url, timeout_s=5.0) for _ in range(32)])
        assert [answer.status for answer in answers] == [200] * 32
        await client.close()


async def test_r1_requests_beyond_the_bound_wait_in_line_and_give_up_when_their_time_is_over() -> None:
    client = WebClient()
    async with answering(silence) as url:
        held = [asyncio.create_task(client.request("GET", url, timeout_s=30)) for _ in range(webclient.REQUESTS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(NoAnswerInTime):
            await client.request("GET", url, timeout_s=0.05)
        await client.close()
        assert all(isinstance(each, BaseException) for each in await asyncio.gather(*held, return_exceptions=True))


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


class Silent(httpx.AsyncBaseTransport):
    """A transport that answers nothing while it is deaf."""

    def __init__(self, deaf: bool) -> None:
        self.deaf, self.closed = deaf, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.deaf:
            raise httpx.PoolTimeout("no connection free")
        return httpx.Response(200, content=b"ok")

    async def aclose(self) -> None:
        self.closed = True


async def test_r1_connections_that_answer_nothing_are_made_anew_and_told_of() -> None:
    made: list[Silent] = []
    told: list[str] = []

    def make() -> Silent:
        made.append(Silent(deaf=not made))
        return made[-1]

    client = WebClient(transport=make, on_rebuilt=told.append)
    for _ in range(webclient.SILENT_MAX):
        with pytest.raises(NoAnswerInTime):
            await client.request("GET", "http://venue/", timeout_s=1)
    assert (client.timeouts, client.rebuilds, len(told)) == (webclient.SILENT_MAX, 1, 1)
    assert (await client.request("GET", "http://venue/", timeout_s=1)).body == b"ok"
    await eventually(lambda: made[0].closed)
    await client.close()
    assert made[1].closed


async def test_an_answer_in_between_begins_the_count_anew() -> None:
    transport = Silent(deaf=True)
    client = WebClient(transport=lambda: transport)
    for turn in range(3 * webclient.SILENT_MAX):
        transport.deaf = turn % webclient.SILENT_MAX != 0
        if transport.deaf:
            with pytest.raises(NoAnswerInTime):
                await client.request("GET", "http://venue/", timeout_s=1)
        else:
            await client.request("GET", "http://venue/", timeout_s=1)
    assert client.rebuilds == 0
    await client.close()


async def test_an_answer_beyond_the_bound_is_an_error_not_half_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webclient, "ANSWER_BYTES_MAX", 1)

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    client = WebClient()
    async with answering(say) as url:
        with pytest.raises(AnswerTooLarge, match="1 bytes"):
            await client.request("GET", url, timeout_s=2)
    await client.close()


async def test_a_proxy_named_by_the_environment_is_used_and_its_exceptions_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(OK)
        await writer.drain()
        writer.close()

    client = WebClient()
    async with answering(proxy) as url:
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert (await client.request("GET", "http://venue.test/a", timeout_s=2)).status == 200
        assert (await client.request("GET", f"{url}b", timeout_s=2)).status == 200
    assert seen == [b"GET http://venue.test/a HTTP/1.1", b"GET /b HTTP/1.1"]
    await client.close()
