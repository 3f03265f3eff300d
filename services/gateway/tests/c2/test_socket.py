"""The websocket of C2 over a real socket: foreign clients, tokens, refusals, and what a known client depends on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import stomp
import stompman
import websockets
from gateway.testing.served import Served, spot_day_served
from stompman.connection_ws import WebSocketConnection
from toolkit.checking.node import NEEDS, find_node, libraries_of
from toolkit.checking.not_run import not_run

NODE = Path(__file__).with_name("node")
ALL_TOPICS = (
    "/user/topic/source-market-data/3",
    "/user/topic/target-market-data/3",
    "/user/topic/hedger-market-data/3",
    "/user/topic/fx-market-data/3",
    "/topic/quotes/3",
    "/topic/trading-statistics",
    "/topic/risk-statistics",
    "/topic/alerts",
    "/user/topic/orders/3",
    "/user/topic/trades/3",
    "/topic/balances",
    "/topic/balances/3",
)
"""All that say something at once."""


@pytest_asyncio.fixture()
async def served() -> AsyncIterator[Served]:
    async with spot_day_served() as gateway:
        yield gateway


def frame(command: str, *headers: str, body: str = "", eol: str = "\n") -> str:
    return eol.join([command, *headers, "", body]) + "\0"


async def read(socket: Any) -> tuple[str, dict[str, str], str]:
    """Return the next frame: command, headers, body."""
    while True:
        text = await asyncio.wait_for(socket.recv(), 20)
        text = text if isinstance(text, str) else text.decode()
        if text.strip("\r\n"):
            break
    assert text.endswith("\0")
    head, _, body = text[:-1].partition("\n\n")
    command, *lines = head.split("\n")
    return command, dict(line.split(":", 1) for line in lines), body


async def read_until(socket: Any, subscription: str) -> tuple[str, dict[str, str], str]:
    """Return the next frame of a subscription."""
    while True:
        found = await read(socket)
        if found[1].get("subscription") == subscription:
            return found


async def connected(served: Served, *roles: str, version: str = "1.2") -> Any:
    """Return a socket that is logged in."""
    socket = await websockets.connect(served.url)
    token = await served.token(*(roles or ("viewer", "exchanges")))
    await socket.send(frame("CONNECT", f"authorization:{token}", f"accept-version:{version}", "heart-beat:10000,10000"))
    command, headers, _ = await read(socket)
    assert command == "CONNECTED", headers
    return socket


async def test_c2_a6_i9_stomp_py_reads_every_topic(served: Served) -> None:
    got: queue.Queue[tuple[dict[str, str], Any]] = queue.Queue()

    class Listener(stomp.ConnectionListener):  # type: ignore[misc]
        def on_message(self, message: Any) -> None:
            got.put((message.headers, json.loads(message.body)))

    token = await served.token("viewer", "exchanges")

    def work() -> set[str]:
        connection = stomp.WSStompConnection(
            [("127.0.0.1", served.port)], ws_path="/websocket/v0", heartbeats=(10_000, 10_000)
        )
        connection.set_listener("", Listener())
        connection.connect(headers={"authorization": token}, wait=True)
        for number, topic in enumerate(ALL_TOPICS):
            connection.subscribe(topic, id=f"sub-{number}")
        read: set[str] = set()
        while len(read) < len(ALL_TOPICS):
            headers, _ = got.get(timeout=20)
            assert headers["status"] == "200"
            read.add(headers["destination"])
        connection.disconnect()
        return read

    assert await asyncio.to_thread(work) == set(ALL_TOPICS)


async def test_stompman_reads_every_topic(served: Served) -> None:
    token = await served.token("viewer", "exchanges")
    read: set[str] = set()
    done = asyncio.Event()

    async def take(message: stompman.MessageFrame) -> None:
        read.add(message.headers["destination"])
        json.loads(message.body)
        if len(read) == len(ALL_TOPICS):
            done.set()

    where = stompman.ConnectionParameters(
        host="127.0.0.1",
        port=served.port,
        login="",
        passcode="",
        ws_uri_path="/websocket/v0",
        connect_headers={"authorization": f"Bearer {token}"},
    )
    async with stompman.Client(servers=[where], connection_class=WebSocketConnection) as client:
        subscriptions = [
            await client.subscribe(topic, take, on_suppressed_exception=lambda *_: None) for topic in ALL_TOPICS
        ]
        await asyncio.wait_for(done.wait(), 20)
        # It stays for as long as anything is subscribed.
        for subscription in subscriptions:
            await subscription.unsubscribe()
    assert read == set(ALL_TOPICS)


@pytest.mark.parametrize("versions", ["1.2", "1.1", "1.0"])
async def test_stompjs_reads_every_topic_and_connects_again(served: Served, tmp_path: Path, versions: str) -> None:
    node, libraries = find_node(), libraries_of(NODE)
    if node is None or libraries is None:
        not_run(NEEDS)
    # A module finds its libraries in folders above it.
    (tmp_path / "node_modules").symlink_to(libraries / "node_modules")
    shutil.copy(NODE / "reads.mjs", tmp_path)
    token = await served.token("viewer", "exchanges")
    process = await asyncio.create_subprocess_exec(
        node, "reads.mjs", served.url, token, versions, "2", *ALL_TOPICS, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    said = [json.loads(line) for line in output.decode().splitlines()]
    assert [row["connected"] for row in said if "connected" in row] == [versions, versions]
    for number in (1, 2):
        rows = [row for row in said if row.get("round") == number and "destination" in row]
        assert {row["destination"] for row in rows} == set(ALL_TOPICS)
        assert {row["status"] for row in rows} == {"200"}
    assert {"receipt": "bye"} in said


async def test_c2_s2_2_1_s2_2_2_s2_2_3_s2_2_4_s2_2_5_a_client_with_the_quirks_of_a_known_one_reads_everything(
    served: Served,
) -> None:
    """CRLF line ends, no host, body at the first empty line, the subscription's id between two headers."""
    token = await served.token("viewer", "exchanges")
    async with websockets.connect(served.url) as socket:
        connect = ("accept-version:1.2", "heart-beat:10000,10000", f"authorization:{token}")
        await socket.send(frame("CONNECT", *connect, eol="\r\n"))
        assert str(await asyncio.wait_for(socket.recv(), 20)).startswith("CONNECTED\n")
        await socket.send(frame("SUBSCRIBE", "id:1", "destination:/topic/quotes/3", eol="\r\n"))
        text = str(await asyncio.wait_for(socket.recv(), 20))
        assert "\r" not in text
        id_ = text[text.index("subscription:") + len("subscription:") : text.index("message-id:")].strip()
        assert id_ == "1"
        package = json.loads(text[text.index("\n\n") :].rstrip("\0"))
        assert package["type"] == "snapshot_full_refresh" and len(package["entries"]) == 4
        # It unsubscribes by another id than it subscribed with, and nothing comes of it.
        await socket.send(frame("UNSUBSCRIBE", "id:sub-1", "destination:/topic/quotes/3", eol="\r\n"))
        await socket.send("\r\n")
        await socket.send(frame("SUBSCRIBE", "id:2", "destination:/topic/alerts", eol="\r\n"))
        command, headers, _ = await read_until(socket, "2")
        assert (command, headers["status"]) == ("MESSAGE", "200")
        await socket.send(frame("DISCONNECT", eol="\r\n"))


async def test_c2_s2_2_3_the_headers_of_a_message_are_those_of_the_examples(served: Served) -> None:
    socket = await connected(served)
    await socket.send(frame("SUBSCRIBE", "ack:auto", "id:sub-0", "destination:/topic/alerts"))
    _, headers, body = await read(socket)
    assert list(headers) == ["status", "destination", "content-type", "subscription", "message-id", "content-length"]
    assert headers["content-type"] == "application/json;charset=UTF-8"
    assert int(headers["content-length"]) == len(body.encode())
    await socket.close()


@pytest.mark.parametrize("header", ["authorization:{}", "authorization:Bearer {}", "Authorization:bearer {}"])
async def test_c2_a7_a_token_is_taken_in_each_of_its_forms(served: Served, header: str) -> None:
    token = await served.token("viewer")
    async with websockets.connect(served.url) as socket:
        await socket.send(frame("CONNECT", header.format(token), "accept-version:1.0,1.1,1.2"))
        command, headers, _ = await read(socket)
        assert (command, headers["version"]) == ("CONNECTED", "1.2")


@pytest.mark.parametrize("header", ["authorization:0e5d4f0e-4bd6-4a0b-9b52-0a8f9d5cf0f5", "no:token", "authorization:"])
async def test_c2_a3_a4_without_a_good_token_there_is_an_error_and_an_end(served: Served, header: str) -> None:
    async with websockets.connect(served.url) as socket:
        await socket.send(frame("CONNECT", header, "accept-version:1.2"))
        command, headers, body = await read(socket)
        assert (command, headers["message"]) == ("ERROR", "AccessDenied")
        assert "POST /oauth/token" in body
        await socket.wait_closed()
        assert socket.close_code == 1002


async def test_a_user_without_the_right_to_look_is_kept_out(served: Served) -> None:
    token = await served.token("exchanges")
    async with websockets.connect(served.url) as socket:
        await socket.send(frame("CONNECT", f"authorization:{token}", "accept-version:1.2"))
        assert (await read(socket))[0] == "ERROR"


async def test_exchanges_are_shown_to_who_may_see_them_alone(served: Served) -> None:
    for roles, seen in ((("viewer",), False), (("viewer", "exchanges"), True), (("admin",), True)):
        socket = await connected(served, *roles)
        await socket.send(frame("SUBSCRIBE", "id:1", "destination:/user/topic/source-market-data/3"))
        _, _, body = await read(socket)
        assert all(("exchange_id" in entry) is seen for entry in json.loads(body)["entries"])
        await socket.close()


async def test_c2_a12_i18_a_request_that_cannot_be_met_leaves_the_connection_open(served: Served) -> None:
    socket = await connected(served)
    for number, (destination, status) in enumerate(
        [("/topic/weather", "404"), ("/user/topic/orders/x", "400"), ("/user/topic/orders/99", "404")]
    ):
        await socket.send(frame("SUBSCRIBE", f"id:{number}", f"destination:{destination}"))
        command, headers, body = await read(socket)
        assert (command, headers["status"], headers["subscription"]) == ("MESSAGE", status, str(number))
        assert json.loads(body)["name"] == "stomp_error"
    await socket.send(frame("SEND", "destination:/app/orders", body="{}"))
    assert (await read(socket))[1]["status"] == "405"
    await socket.send(frame("SUBSCRIBE", "id:9", "destination:/topic/alerts", "receipt:r1"))
    assert (await read(socket))[1]["status"] == "200"
    command, headers, _ = await read(socket)
    assert (command, headers["receipt-id"]) == ("RECEIPT", "r1")
    await socket.close()


async def test_a_fault_of_the_protocol_is_an_error_and_an_end(served: Served) -> None:
    socket = await connected(served)
    await socket.send(frame("SUBSCRIBE", "destination:/topic/alerts", "receipt:r1"))
    command, headers, _ = await read(socket)
    assert (command, headers["receipt-id"]) == ("ERROR", "r1")
    await socket.wait_closed()


async def test_a_binary_client_is_answered_in_binary(served: Served) -> None:
    token = await served.token("viewer")
    async with websockets.connect(served.url) as socket:
        await socket.send(frame("CONNECT", f"authorization:{token}", "accept-version:1.2").encode())
        assert isinstance(await asyncio.wait_for(socket.recv(), 20), bytes)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["v10.stomp"], "v10.stomp"), (["v12.stomp", "v11.stomp"], "v12.stomp"), (["mqtt"], None), (None, None)],
)
async def test_a_sub_protocol_is_chosen_among_those_offered(
    served: Served, offered: list[Any] | None, chosen: str | None
) -> None:
    async with websockets.connect(served.url, subprotocols=offered) as socket:
        assert socket.subprotocol == chosen


async def test_a_page_from_elsewhere_gets_no_socket(served: Served) -> None:
    with pytest.raises(websockets.InvalidStatus, match="403"):
        await websockets.connect(served.url, origin=websockets.Origin("https://evil.example"))


async def test_a_disconnect_is_answered_with_its_receipt(served: Served) -> None:
    socket = await connected(served)
    await socket.send(frame("DISCONNECT", "receipt:bye"))
    command, headers, _ = await read(socket)
    assert (command, headers["receipt-id"]) == ("RECEIPT", "bye")
    await socket.wait_closed()
    assert socket.close_code == 1000


async def test_what_happens_is_told_to_who_listens(served: Served) -> None:
    socket = await connected(served)
    await socket.send(frame("SUBSCRIBE", "id:1", "destination:/topic/config"))
    await socket.send(frame("SUBSCRIBE", "id:2", "destination:/topic/alerts"))
    assert (await read(socket))[1]["subscription"] == "2"
    served.story.spot_bot(running=False)
    _, headers, body = await read(socket)
    assert (headers["subscription"], json.loads(body)["config"]["running"]) == ("1", False)
    await socket.close()
