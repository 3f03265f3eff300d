"""One connection at a server that says just what a test has it say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import websockets
from c2client.connection import Connection, Denied, Lost
from stompframes.client import ClientSettings, Message
from stompframes.heartbeats import Offer

CONNECTED = "CONNECTED\nversion:1.2\nheart-beat:50,50\n\n\0"
QUICK = ClientSettings(heartbeat=Offer(50, 50), connected_ms=200)
Serve = Callable[[websockets.ServerConnection], Awaitable[None]]


async def ended(serve: Serve, took: Callable[[Message], None] = lambda _: None) -> str:
    """Return how a connection ends."""
    async with websockets.serve(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection(f"ws://127.0.0.1:{port}", QUICK, lambda: None, took)
        with pytest.raises((Lost, Denied)) as lost:
            await asyncio.wait_for(connection.run("token"), 30)
        assert not connection.is_open
    return f"{lost.type.__name__}: {lost.value}"


async def test_heartbeats_go_and_a_server_without_any_is_left() -> None:
    got: list[str | bytes] = []

    async def silent(socket: websockets.ServerConnection) -> None:
        got.append(await socket.recv())
        await socket.send(CONNECTED)
        got.extend([data async for data in socket])

    assert await ended(silent) == "Lost: no heart-beat for 50 ms"
    assert "authorization:Bearer token\n" in str(got[0])
    assert got[1:] and set(got[1:]) == {"\n"}


async def test_a_server_that_lets_nobody_in_is_left() -> None:
    async def deaf(socket: websockets.ServerConnection) -> None:
        await socket.wait_closed()

    assert await ended(deaf) == "Lost: no CONNECTED within 200 ms"


@pytest.mark.parametrize(
    ("said", "end"),
    [
        ("ERROR\nmessage:AccessDenied\n\nget a token\0", "Denied: get a token"),
        (CONNECTED + "ERROR\nmessage:AccessDenied\n\nthe login has ended\0", "Lost: AccessDenied: the login has ended"),
        (CONNECTED + "ERROR\nmessage:too slow\n\n\0", "Lost: too slow: too slow"),
        (CONNECTED + "NONSENSE\n\n\0", "Lost: unknown command"),
        ("MESSAGE\ndestination:a\n\n\0", "Lost: not connected"),
    ],
)
async def test_the_end_says_what_the_server_has_said(said: str, end: str) -> None:
    async def saying(socket: websockets.ServerConnection) -> None:
        await socket.send(said)
        await socket.wait_closed()

    assert (await ended(saying)).startswith(end)


async def test_messages_before_the_end_are_taken() -> None:
    took: list[Message] = []

    async def saying(socket: websockets.ServerConnection) -> None:
        await socket.send(CONNECTED + "MESSAGE\nsubscription:sub-0\ndestination:/topic/alerts\n\n[]\0")

    assert (await ended(saying, took.append)).startswith("Lost")
    assert [(message.subscription, message.body) for message in took] == [("sub-0", b"[]")]
