"""Sockets behind Open, Send, Close and Ask: each Open ends in one on_close, each Ask in one answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from common.core import Close, HttpRequest, HttpResponse, Open
from common.network import websocket
from common.running import wires
from common.running.wires import LiveHttp, LiveWire
from websockets.asyncio.server import Server, ServerConnection, serve

PATIENCE_S = 30.0


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  conditions of tests are plain functions
            await asyncio.sleep(0.005)


class Venue:
    """A websocket server that greets, echoes, and notes who comes and goes."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.gone = 0
        self.server: Server | None = None

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"ws://127.0.0.1:{next(iter(self.server.sockets)).getsockname()[1]}"

    async def handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        await connection.send(f"hello {len(self.connections)}")
        async for frame in connection:
            await connection.send(frame)
        self.gone += 1


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    venue = Venue()
    async with serve(venue.handle, "127.0.0.1", 0) as venue.server:
        yield venue


class Desk:
    """A core's side of a wire: notes what it is told and may answer with an effect."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.on_told: dict[str, Callable[[], None]] = {}
        self.wire = LiveWire(self._on_open, self._on_frames, self._on_close)

    async def _tell(self, what: str) -> None:
        self.told.append(what)
        answer = self.on_told.pop(what.split(":")[0], None)
        if answer is not None:
            answer()

    async def _on_open(self) -> None:
        await self._tell("open")

    async def _on_frames(self, frames: list[bytes]) -> None:
        for frame in frames:
            await self._tell(frame.decode())

    async def _on_close(self, reason: str) -> None:
        await self._tell(f"close: {reason}")

    @property
    def closes(self) -> int:
        return sum(what.startswith("close") for what in self.told)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    yield desk
    desk.wire.end()


async def test_a_wire_opens_carries_frames_both_ways_and_closes_once(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: desk.told == ["open", "hello 1"])
    await desk.wire.send(b"ping")
    await eventually(lambda: desk.told[-1:] == ["ping"])
    desk.wire.close(Close("v", "enough"))
    await eventually(lambda: desk.closes == 1)
    assert "enough" in desk.told[-1]
    await eventually(lambda: venue.gone == 1)
    assert desk.closes == 1


async def test_an_address_where_nobody_listens_ends_in_a_close_with_the_reason(desk: Desk) -> None:
    desk.wire.open(Open("v", "ws://127.0.0.1:1"))
    await eventually(lambda: desk.closes == 1)
    assert desk.told[0].startswith("close: cannot connect: ConnectionRefusedError")


@pytest.mark.parametrize("url", ["nonsense", "http://127.0.0.1:1", "ws://", "ws://[bad"])
async def test_an_impossible_address_ends_in_a_close_and_not_in_silence(desk: Desk, url: str) -> None:
    desk.wire.open(Open("v", url))
    await eventually(lambda: desk.closes == 1)
    assert "cannot connect" in desk.told[0]


async def test_a_cut_connection_ends_in_one_close_and_sending_on_it_does_nothing(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    venue.connections[0].transport.abort()
    await eventually(lambda: desk.closes == 1)
    await desk.wire.send(b"into the void")
    assert desk.told[2:] == [desk.told[-1]]


async def test_an_open_from_on_close_connects_again(venue: Venue, desk: Desk) -> None:
    desk.on_told["close"] = lambda: desk.wire.open(Open("v", venue.url))
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    venue.connections[0].transport.abort()
    await eventually(lambda: desk.told[-1:] == ["hello 2"])
    assert desk.closes == 1
    await desk.wire.send(b"alive")
    await eventually(lambda: desk.told[-1:] == ["alive"])


async def test_an_open_from_a_failed_open_tries_again(venue: Venue, desk: Desk) -> None:
    desk.on_told["close"] = lambda: desk.wire.open(Open("v", venue.url))
    desk.wire.open(Open("v", "ws://127.0.0.1:1"))
    await eventually(lambda: desk.told[-1:] == ["hello 1"])


async def test_an_open_from_on_frame_replaces_the_connection_and_the_old_one_is_silent(
    venue: Venue, desk: Desk
) -> None:
    desk.on_told["hello 1"] = lambda: desk.wire.open(Open("v", venue.url))
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: desk.told[-1:] == ["hello 2"])
    await eventually(lambda: venue.gone == 1 or venue.connections[0].state.name == "CLOSED")
    assert desk.told == ["open", "hello 1", "open", "hello 2"], "a replaced connection has no on_close"
    await desk.wire.send(b"once")
    await eventually(lambda: desk.told[-1:] == ["once"])
    assert desk.told.count("once") == 1


async def test_an_open_from_elsewhere_replaces_the_connection(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: desk.told[-1:] == ["hello 2"])
    assert desk.closes == 0


async def test_a_close_and_an_open_of_one_turn_leave_the_new_connection_open(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    desk.wire.close(Close("v", "start over"))
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: desk.told[-1:] == ["hello 2"])
    await desk.wire.send(b"alive")
    await eventually(lambda: desk.told[-1:] == ["alive"])
    assert desk.closes == 0


async def test_a_close_while_connecting_ends_in_one_close(desk: Desk) -> None:
    reached = asyncio.Event()

    async def never_answers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await writer.wait_closed()

    async with await asyncio.start_server(never_answers, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        desk.wire.open(Open("v", f"ws://127.0.0.1:{port}"))
        await reached.wait()
        desk.wire.close(Close("v", "too slow"))
        await eventually(lambda: desk.closes == 1)
        assert desk.told == ["close: too slow"]


async def test_closing_a_closed_wire_says_nothing_more(venue: Venue, desk: Desk) -> None:
    desk.wire.close(Close("v", "never open"))
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    venue.connections[0].transport.abort()
    await eventually(lambda: desk.closes == 1)
    desk.wire.close(Close("v", "again"))
    await asyncio.sleep(0)
    assert desk.closes == 1


async def test_ending_lets_go_without_a_word(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    desk.wire.end()
    await eventually(lambda: venue.gone == 1 or venue.connections[0].state.name == "CLOSED")
    assert desk.closes == 0


async def test_a_venue_that_takes_nothing_is_cut_off_and_does_not_hold_the_core_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "SEND_TIMEOUT_S", 0.1)
    monkeypatch.setattr(wires, "PING_INTERVAL_S", 3_600.0)
    stuck = asyncio.Event()

    async def never_reads(connection: ServerConnection) -> None:
        await stuck.wait()

    async with serve(never_reads, "127.0.0.1", 0, close_timeout=0.1) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        desk.wire.open(Open("v", f"ws://127.0.0.1:{port}"))
        await eventually(lambda: desk.told == ["open"])
        async with asyncio.timeout(PATIENCE_S):
            while desk.closes == 0:
                await desk.wire.send(b"x" * 60_000)
                await asyncio.sleep(0)
        stuck.set()
    assert desk.closes == 1


async def test_frames_that_arrive_together_are_told_together_and_a_long_one_comes_whole(desk: Desk) -> None:
    bursts: list[list[bytes]] = []
    done = asyncio.Event()

    async def note(frames: list[bytes]) -> None:
        bursts.append(frames)

    async def handle(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        for number in range(250):
            connection.protocol.send_text(b"%d" % number)
        connection.send_data()
        await connection.send(["be", "gin ", "and end"])
        await connection.send("ä" * 400_000)
        await done.wait()

    wire = LiveWire(desk._on_open, note, desk._on_close)
    async with serve(handle, "127.0.0.1", 0, close_timeout=0.1) as server:
        wire.open(Open("v", f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"))
        await eventually(lambda: sum(map(len, bursts)) == 252)
        wire.end()
        done.set()
    frames = [frame for burst in bursts for frame in burst]
    assert frames[:250] == [b"%d" % number for number in range(250)]
    assert frames[250:] == [b"begin and end", ("ä" * 400_000).encode()]
    assert 2 < len(bursts) < 100
    assert max(map(len, bursts)) <= websocket.BURST_FRAMES_MAX


async def test_a_venue_that_gives_no_sign_of_life_is_let_go(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "PING_INTERVAL_S", 0.05)
    monkeypatch.setattr(wires, "PING_TIMEOUT_S", 0.05)
    done = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await done.wait()

    async with serve(handle, "127.0.0.1", 0, close_timeout=0.1, ping_interval=None) as server:
        desk.wire.open(Open("v", f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"))
        await eventually(lambda: desk.closes == 1)
        done.set()


async def test_pings_are_answered_and_keep_a_quiet_connection_open(
    venue: Venue, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "PING_INTERVAL_S", 0.02)
    monkeypatch.setattr(wires, "PING_TIMEOUT_S", 5.0)
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    await asyncio.wait_for(await venue.connections[0].ping(), PATIENCE_S)
    await asyncio.sleep(0.2)
    await desk.wire.send(b"still here")
    await eventually(lambda: desk.told[-1:] == ["still here"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"),
        (b"what?\r\n\r\n", "HTTP"),
        (b"", "cannot connect"),
    ],
)
async def test_a_server_that_is_no_websocket_is_named_in_the_close(desk: Desk, answer: bytes, said: str) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        desk.wire.open(Open("v", f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
        await eventually(lambda: desk.closes == 1)
    assert desk.told[0].startswith("close: cannot connect")
    assert said in desk.told[0]


async def test_a_frame_beyond_the_bound_closes_the_connection_and_says_so(
    venue: Venue, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "FRAME_BYTES_MAX", 100)
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    await desk.wire.send(b"x" * 101)
    await eventually(lambda: desk.closes == 1)
    assert "1009" in desk.told[-1]


async def test_garbage_after_the_handshake_closes_the_connection_and_says_so(venue: Venue, desk: Desk) -> None:
    desk.wire.open(Open("v", venue.url))
    await eventually(lambda: len(desk.told) == 2)
    venue.connections[0].transport.write(b"\xff\xff garbage")
    await eventually(lambda: desk.closes == 1)
    assert "1002" in desk.told[-1]


# --- http -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def web_server(answer: bytes | None) -> AsyncIterator[str]:
    """Serve one fixed answer, or none at all; yield the address."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await writer.wait_closed()
            return
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@asynccontextmanager
async def asking() -> AsyncIterator[tuple[LiveHttp, list[HttpResponse]]]:
    answers: list[HttpResponse] = []

    async def note(answer: HttpResponse) -> None:
        answers.append(answer)

    http = LiveHttp(note)
    try:
        yield http, answers
    finally:
        await http.close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


async def test_an_ask_is_answered_with_status_body_and_headers() -> None:
    reply = b"HTTP/1.1 404 Not Found\r\nX-Weight: 7\r\nContent-Length: 2\r\n\r\nno"
    async with web_server(reply) as url, asking() as (http, answers):
        http.ask(HttpRequest("rest", 17, "GET", f"{url}/orders"))
        await eventually(lambda: len(answers) == 1)
        assert (answers[0].request_id, answers[0].status, answers[0].body) == (17, 404, b"no")
        assert answers[0].headers["x-weight"] == "7"


@pytest.mark.parametrize(
    "ask",
    [
        HttpRequest("rest", 1, "GET", "http://127.0.0.1:1/"),
        HttpRequest("rest", 1, "GET", "no address"),
        HttpRequest("rest", 1, "GET", "http://[bad/"),
        HttpRequest("rest", 1, "BAD METHOD", "http://127.0.0.1:1/"),
        HttpRequest("rest", 1, "GET", "http://127.0.0.1:1/", headers={"x": "ä\r\nInjected: 1"}),
        HttpRequest("rest", 1, "GET", "http://127.0.0.1:1/", headers={"x": "\u20ac"}),
    ],
    ids=["nobody listens", "no address", "bad address", "bad method", "bad header", "header beyond latin-1"],
)
async def test_whatever_goes_wrong_there_is_exactly_one_answer_of_unknown_outcome(ask: HttpRequest) -> None:
    async with asking() as (http, answers):
        http.ask(ask)
        await eventually(lambda: len(answers) == 1)
        assert (answers[0].request_id, answers[0].status) == (1, 0)
        assert answers[0].body


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", b"garbage\r\n\r\n"])
async def test_no_answer_in_time_half_an_answer_and_garbage_are_unknown_outcomes(answer: bytes | None) -> None:
    async with web_server(answer) as url, asking() as (http, answers):
        http.ask(HttpRequest("rest", 5, "POST", url, body=b"{}", timeout_ms=200 if answer is None else 5_000))
        await eventually(lambda: len(answers) == 1)
        assert (answers[0].request_id, answers[0].status) == (5, 0)


async def test_more_open_asks_than_the_bound_are_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "ASKS_OPEN_MAX", 2)
    async with web_server(None) as url, asking() as (http, answers):
        for request_id in (1, 2, 3):
            http.ask(HttpRequest("rest", request_id, "GET", url, timeout_ms=60_000))
        await eventually(lambda: len(answers) == 1)
        assert answers == [HttpResponse(3, 0, b"too many requests open", {})]
