"""Other clients, whole and over a socket, against our server's end: login, messages, acknowledgements, refusals.

STOMP is the same over TCP as over a websocket, so a plain socket carries it here.
"""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import stomp
import stompman
from stomp.connect import BaseConnection
from stompframes.messages import SharedMessage
from stompframes.server import Acknowledged, Event, LoginAsked, Sent, ServerSession, Subscribed, Unsubscribed

ARRIVES_S_MAX = 20.0
TOKEN = "f99b9f57-cf69-4715-ad42-5d6c92d23e06"
BODY = '{"symbol":"BTCÄ","sequence":1}'.encode()


class Server:
    """A server of three messages per subscription, which takes no SEND and knows one topic."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.sessions: list[ServerSession] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = ServerSession(f"session{len(self.sessions)}", time.monotonic_ns())
        self.sessions.append(session)
        while session.closing is None and (data := await reader.read(4096)):
            events = session.receive(data, time.monotonic_ns())
            while events:
                events = [more for event in events for more in self.act_on(session, event)]
            writer.writelines(session.output())
        writer.close()

    def act_on(self, session: ServerSession, event: Event) -> list[Event]:
        now_ns = time.monotonic_ns()
        self.heard.append(event)
        if isinstance(event, LoginAsked):
            if event.token == TOKEN:
                return session.accept("ada", now_ns)
            session.deny("Access Denied", "no such token", now_ns)
        elif isinstance(event, Subscribed) and event.subscription.destination == "/topic/alerts":
            message = SharedMessage("/topic/alerts", BODY)
            for _ in range(3):
                session.deliver(event.subscription, message, now_ns)
        elif isinstance(event, Subscribed):
            session.refuse(event.subscription, 404, b"{}", now_ns)
        elif isinstance(event, Sent):
            session.refuse(event, 405, b"{}", now_ns)
        return []

    def of_kind(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Server, int]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        yield server, listening.sockets[0].getsockname()[1]


class Listener(stomp.ConnectionListener):  # type: ignore[misc]
    """What stomp.py's own thread hands on."""

    def __init__(self) -> None:
        self.seen: queue.Queue[tuple[str, Any]] = queue.Queue()

    def on_message(self, frame: Any) -> None:
        self.seen.put(("message", frame))

    def on_receipt(self, frame: Any) -> None:
        self.seen.put(("receipt", frame))

    def on_error(self, frame: Any) -> None:
        self.seen.put(("error", frame))

    def on_disconnected(self) -> None:
        self.seen.put(("disconnected", None))

    def next(self, kind: str) -> Any:
        found, frame = self.seen.get(timeout=ARRIVES_S_MAX)
        assert found == kind, frame
        return frame


def session_of_stomp_py(connection: BaseConnection, port: int, version: str) -> None:
    listener = Listener()
    connection.set_listener("test", listener)
    connection.connect(wait=True, headers={"authorization": f"bearer {TOKEN}"})
    connection.subscribe("/topic/alerts", id="1", ack="client", headers={"receipt": "r1"})
    messages = [listener.next("message") for _ in range(3)]
    # It decodes bodies where nobody says otherwise.
    assert [frame.body for frame in messages] == [BODY.decode()] * 3
    last = messages[-1].headers
    assert (last["status"], last["destination"], last["subscription"]) == ("200", "/topic/alerts", "1")
    assert last["content-type"] == "application/json;charset=UTF-8"
    assert listener.next("receipt").headers["receipt-id"] == "r1"
    names = {"1.0": ("message-id",), "1.1": ("message-id", "subscription"), "1.2": ("ack",)}[version]
    connection.ack(*(last[name] for name in names), receipt="r2")
    assert listener.next("receipt").headers["receipt-id"] == "r2"
    connection.subscribe("/topic/none", id="2")
    refusal = listener.next("message")
    assert (refusal.headers["status"], refusal.headers["subscription"]) == ("404", "2")
    connection.send("/app/x", "body\0with a NUL", headers={"correlation-id": "7"})
    assert listener.next("message").headers["status"] == "405"
    connection.unsubscribe(id="1")
    connection.disconnect(receipt="r3")
    # Which of the two it hands on first is its own affair.
    last_two = dict(listener.seen.get(timeout=ARRIVES_S_MAX) for _ in range(2))
    assert last_two["receipt"].headers["receipt-id"] == "r3"
    assert "disconnected" in last_two


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
async def test_c2_stomp_py_subscribes_acknowledges_and_is_refused_in_every_version(version: str) -> None:
    async with running() as (server, port):
        kind = {"1.0": stomp.Connection10, "1.1": stomp.Connection11, "1.2": stomp.Connection12}[version]
        options = {} if version == "1.0" else {"heartbeats": (10_000, 10_000)}
        connection = kind([("127.0.0.1", port)], reconnect_attempts_max=1, **options)
        await asyncio.to_thread(session_of_stomp_py, connection, port, version)
        (session,) = server.sessions
        assert session.version == version
        (acknowledged,) = server.of_kind(Acknowledged)
        assert acknowledged.numbers == (1, 2, 3)
        assert server.of_kind(Sent)[0].body == b"body\0with a NUL"
        assert len(server.of_kind(Unsubscribed)) == 1


async def test_c2_a3_a4_stomp_py_is_denied_with_an_error_and_the_connection_ends() -> None:
    async with running() as (_, port):
        connection = stomp.Connection12([("127.0.0.1", port)], reconnect_attempts_max=1)
        listener = Listener()
        connection.set_listener("test", listener)
        await asyncio.to_thread(connection.connect, headers={"Authorization": "wrong"})
        error = await asyncio.to_thread(listener.next, "error")
        assert (error.headers["message"], error.body) == ("Access Denied", "no such token")
        await asyncio.to_thread(listener.next, "disconnected")


async def test_c2_stompman_subscribes_acknowledges_and_is_refused() -> None:
    async with running() as (server, port):
        there = stompman.ConnectionParameters("127.0.0.1", port, "ada", "", connect_headers={"authorization": TOKEN})
        seen: asyncio.Queue[stompman.MessageFrame] = asyncio.Queue()

        async def keep(frame: stompman.MessageFrame) -> None:
            await seen.put(frame)

        async with stompman.Client([there]) as client:
            alerts, none = [
                await client.subscribe(
                    destination, keep, on_suppressed_exception=lambda *_: None, receipt_timeout=ARRIVES_S_MAX
                )
                for destination in ("/topic/alerts", "/topic/none")
            ]
            frames = [await asyncio.wait_for(seen.get(), ARRIVES_S_MAX) for _ in range(4)]
            assert [frame.body for frame in frames] == [BODY] * 3 + [b"{}"]
            assert [frame.headers.get("status") for frame in frames] == ["200"] * 3 + ["404"]
            await client.send(b"body", "/app/x", receipt_timeout=ARRIVES_S_MAX)
            await alerts.unsubscribe()
            await none.unsubscribe()
        assert server.of_kind(Sent)[0].body == b"body"
        assert [event.numbers for event in server.of_kind(Acknowledged)] == [(1,), (2,), (3,)]
        (session,) = server.sessions
        assert session.closing == (1000, "disconnected")
