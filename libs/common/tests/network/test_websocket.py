"""A websocket client reads what a server sends, however it is cut, and answers pings beside it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random
from typing import NamedTuple

import pytest
from common.network.text_frames import Found, frame_at, whole_texts
from common.network.websocket import Websocket
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

FRAME_BYTES_MAX = 66_000
SIZES = st.sampled_from([0, 1, 2, 125, 126, 127, 400, 65_535, 65_536])
KINDS = st.sampled_from(["text", "text", "text", "parts", "bytes", "ping"])
MESSAGES = st.lists(st.tuples(KINDS, SIZES), max_size=12)


class Wire(asyncio.Transport):
    """Keeps what the client writes."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def close(self) -> None: ...


class Heard(NamedTuple):
    messages: list[bytes]
    pongs: int
    why: str


def said(messages: list[tuple[str, int]]) -> tuple[bytes, list[bytes], int]:
    """Return what a server sends, the messages in it, and the number of its pings."""
    sent, heard, pings = bytearray(), list[bytes](), 0
    for kind, size in messages:
        data = Random(size).randbytes(size)
        if kind == "parts":
            parts = [Frame(Opcode.TEXT, data[: size // 2], fin=False), Frame(Opcode.PING, b"between")]
            parts.append(Frame(Opcode.CONT, data[size // 2 :]))
        else:
            opcode = {"text": Opcode.TEXT, "bytes": Opcode.BINARY, "ping": Opcode.PING}[kind]
            parts = [Frame(opcode, data[:125] if kind == "ping" else data)]
        sent += b"".join(part.serialize(mask=False) for part in parts)
        pings += kind in ("parts", "ping")
        heard += [] if kind == "ping" else [data]
    return bytes(sent), heard, pings


async def hear(data: bytes, cuts: list[int]) -> Heard:
    """Return what a client hears of data that follow the answer to its handshake, all of it read in pieces."""
    wire, server = Wire(), ServerProtocol()
    client = Websocket(ClientProtocol(parse_uri("ws://venue/ws"), max_size=FRAME_BYTES_MAX), FRAME_BYTES_MAX)
    client.connection_made(wire)
    shaking = asyncio.create_task(client.shake_hands({}, 10.0, 10.0))
    await asyncio.sleep(0)
    server.receive_data(bytes(wire.written))
    for request in server.events_received():
        server.send_response(server.accept(request))  # type: ignore[arg-type]
    data = b"".join(server.data_to_send()) + data
    wire.written.clear()
    edges = [0, *sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
    for first, last in pairwise(edges):
        client.data_received(data[first:last])
    await shaking
    client.connection_lost(None)
    messages, why = list[bytes](), ""
    try:
        while True:
            messages += await client.receive()
    except ConnectionClosed as error:
        why = str(error)
    server.receive_data(bytes(wire.written))
    pongs = sum(isinstance(event, Frame) and event.opcode is Opcode.PONG for event in server.events_received())
    return Heard(messages, pongs, why)


@given(MESSAGES, st.lists(st.integers(0, 200_000), max_size=30))
def test_every_message_is_heard_in_order_however_the_bytes_are_cut(
    messages: list[tuple[str, int]], cuts: list[int]
) -> None:
    data, expected, pings = said(messages)
    heard = asyncio.run(hear(data, cuts))
    assert heard.messages == expected
    assert heard.pongs == pings
    assert heard.why == "no close frame received or sent"


@given(MESSAGES.filter(lambda messages: sum(size for _, size in messages) < 3_000))
def test_bytes_that_come_one_by_one_say_the_same(messages: list[tuple[str, int]]) -> None:
    data, expected, _ = said(messages)
    assert asyncio.run(hear(data, list(range(len(data) + 1_000)))).messages == expected


HELLO = b"\x81\x05hello"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"\x81\x7f" + (FRAME_BYTES_MAX + 1).to_bytes(8, "big"), "frame with 66001 bytes exceeds limit"),
        (b"\xc1\x05hello", "reserved bits must be 0"),
        (b"\x83\x05hello", "invalid opcode"),
        (b"\x83\x7e", "invalid opcode"),
        (b"\x81\x85mask", "incorrect masking"),
        (b"\x89\x7e\x00\xff" + bytes(255), "control frame too long"),
        (b"\x80\x01x", "unexpected continuation frame"),
        (b"\x01\x01x" + HELLO, "expected a continuation frame"),
    ],
)
def test_what_a_server_must_not_send_ends_the_connection_and_is_named(wrong: bytes, why: str) -> None:
    heard = asyncio.run(hear(HELLO + wrong + HELLO, []))
    assert heard.messages[0] == b"hello"
    assert why in heard.why


def test_what_follows_a_close_is_not_heard() -> None:
    close = Frame(Opcode.CLOSE, (1001).to_bytes(2, "big") + b"bye").serialize(mask=False)
    heard = asyncio.run(hear(HELLO + close + HELLO, [3, 140, 141]))
    assert heard.messages == [b"hello"]
    assert "1001" in heard.why and "bye" in heard.why


def test_a_frame_is_found_by_its_head() -> None:
    assert frame_at(b"\x81\x02hi", 0) == Found(2, 4, True, True)
    assert frame_at(b"..\x81\x7e\x01\x00", 2) == Found(6, 262, True, True)
    assert frame_at(b"\x81", 0) is frame_at(b"\x81\x7e\x01", 0) is None
    assert frame_at(b"\x89\x00", 0) == Found(2, 2, False, True)


def test_texts_that_follow_one_another_are_taken_together() -> None:
    assert whole_texts(b"..\x81\x02hi\x81\x03you", 2, 125) == ([b"hi", b"you"], 11)
    assert whole_texts(b"\x81\x02hi\x81\x03yo", 0, 125) == ([b"hi"], 4)
    assert whole_texts(b"\x81\x02hi\x89\x03you", 0, 125) == ([b"hi"], 4)
    assert whole_texts(b"\x81\x02hi\x81\x03you", 0, 2) == ([b"hi"], 4)


@given(MESSAGES, st.integers(0, 3))
def test_texts_taken_together_are_those_found_one_by_one(messages: list[tuple[str, int]], place: int) -> None:
    data, _, _ = said(messages)
    data = bytes(place) + data
    texts, behind = whole_texts(data, place, FRAME_BYTES_MAX)
    for text in texts:
        found = frame_at(data, place)
        assert found is not None and found.whole_text and data[found.start : found.end] == text
        place = found.end
    assert place == behind
