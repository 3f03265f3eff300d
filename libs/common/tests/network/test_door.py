"""Every door has bounds: connections, heads, bodies, time; and answers only under its own names."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from common.network.admin import serving
from common.network.door import Bounds, Door, names_of
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

PATIENCE_S = 10
QUICK = Bounds(connections=8, connections_per_address=8, head_bytes=1_024, head_s=0.1, body_s=0.1, stuck_s=0.1)
PATIENT = Bounds(connections=8, connections_per_address=8, head_s=60, body_s=60)
QUICKLY_MADE = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No request here is encrypted; a client of its own would load all certificates each time."""
BIG = b"x" * 64 * 1024 * 1024
"""More than the kernel takes between two sockets."""

Scope = MutableMapping[str, Any]


async def app(scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    """Take a body and say ok; on /big say a lot; speak websocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        return
    while (await receive()).get("more_body"):
        pass
    body = BIG if scope["path"] == "/big" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def opened(bounds: Bounds, names: tuple[str, ...] = ()) -> AsyncIterator[tuple[Door, int]]:
    door = Door(bounds)
    async with serving(app, "127.0.0.1", 0, names=names, door=door) as port:
        yield door, port


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
            await asyncio.sleep(0.005)


async def say(port: int, text: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(PATIENCE_S):
        with contextlib.suppress(OSError):
            while await reader.read(65_536):
                pass


async def get(port: int, path: str = "/health", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, verify=QUICKLY_MADE) as caller:
        return await caller.get(f"http://127.0.0.1:{port}{path}", headers=headers)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET /x HTTP/1.1\r\nHost: loc",
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf",
        b"GET /x HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 8_192,
        b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\nGET /x HTTP/1.1\r\nHost: loc",
    ],
    ids=["says nothing", "half a head", "half a body", "endless head", "half a second head"],
)
async def test_r77_who_does_not_end_a_request_is_cut_off(text: bytes) -> None:
    async with opened(QUICK) as (door, port):
        reader, writer = await say(port, text)
        await ended(reader)
        await eventually(lambda: door.open == 0)
        writer.close()


async def test_r77_a_head_that_dribbles_has_no_more_time_than_one_that_rests() -> None:
    async with opened(QUICK) as (door, port):
        reader, writer = await say(port, b"GET /x HTTP/1.1\r\n")
        dribbling = asyncio.create_task(dribble(writer))
        await ended(reader)
        dribbling.cancel()
        writer.close()
        await eventually(lambda: (door.open, door.cut_off) == (0, 1))


async def dribble(writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"a: b\r\n")
        await asyncio.sleep(0.01)


async def test_r77_who_takes_nothing_of_an_answer_is_cut_off() -> None:
    async with opened(QUICK) as (door, port):
        _, writer = await say(port, b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await eventually(lambda: door.cut_off == 1)
        writer.close()


async def test_r77_unfinished_requests_beyond_the_bound_keep_nobody_out() -> None:
    async with opened(PATIENT) as (door, port):
        unfinished = [await say(port, b"POST /halt HTTP/1.1\r\nHost: loc") for _ in range(40)]
        await eventually(lambda: door.cut_off == 40 - PATIENT.connections)
        assert door.open == PATIENT.connections
        assert (await get(port)).status_code == 200
        for _, writer in unfinished:
            writer.close()


async def test_r77_when_all_are_at_work_a_further_one_is_refused() -> None:
    async with opened(PATIENT) as (door, port):
        async with contextlib.AsyncExitStack() as sockets:
            for _ in range(PATIENT.connections):
                await sockets.enter_async_context(connect(f"ws://127.0.0.1:{port}/x", proxy=None))
            await eventually(lambda: door.open == PATIENT.connections)
            with pytest.raises(httpx.TransportError):
                await get(port)
            assert door.refused == 1
        await eventually(lambda: door.open == 0)
        assert (await get(port)).status_code == 200


async def test_a_connection_kept_for_the_next_request_is_not_cut_off_in_between() -> None:
    async with opened(PATIENT) as (door, port), httpx.AsyncClient(trust_env=False, verify=QUICKLY_MADE) as caller:
        for _ in range(3):
            assert (await caller.get(f"http://127.0.0.1:{port}/x")).text == "ok"
        assert (door.open, door.cut_off) == (1, 0)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8103", "127.0.0.1:1", "[::1]:80", "quoter:8103", "mm.test"])
async def test_r79_it_answers_under_its_names(host: str) -> None:
    async with opened(PATIENT, ("quoter", *names_of("mm.test, other.test"))) as (_, port):
        assert (await get(port, "/state", host=host)).status_code == 200


@pytest.mark.parametrize("host", ["evil.test", "localhost.evil.test", "10.0.0.7:8103", "[", "127.0.0.1@evil.test"])
@pytest.mark.parametrize("path", ["/state", "/explain", "/halt", "/"])
async def test_r79_under_another_name_only_what_holds_no_secret_is_told(host: str, path: str) -> None:
    async with opened(PATIENT) as (_, port):
        refused = await get(port, path, host=host)
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "name_not_allowed")
        for open_path in ("/health", "/ready", "/metrics"):
            assert (await get(port, open_path, host=host)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"), [("http://localhost:8080", 200), ("https://evil.test", 403), ("null", 403)]
)
async def test_r79_only_pages_of_ours_may_ask(origin: str, status: int) -> None:
    async with opened(PATIENT) as (_, port):
        assert (await get(port, "/state", origin=origin)).status_code == status


async def test_r79_a_websocket_under_another_name_is_refused() -> None:
    async with opened(PATIENT) as (_, port):
        with pytest.raises(InvalidStatus, match="403"):
            await connect(f"ws://127.0.0.1:{port}/ws", proxy=None, origin="https://evil.test")  # type: ignore[arg-type]
