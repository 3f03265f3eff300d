"""Parsers and writers of other clients: they read what we write, and we read what they write.

stompman reads and writes 1.2 without the escape of a carriage return, which it drops.
"""

from __future__ import annotations

from typing import cast

import pytest
import stompman
from hypothesis import given
from hypothesis import strategies as st
from stomp.protocol import Protocol11, Protocol12
from stomp.utils import Frame as StompPyFrame
from stomp.utils import convert_frame, parse_frame
from stompframes.frames import ALL_VERSIONS, WITH_BODY, Frame, Version, encode
from stompframes.messages import SharedMessage, own_headers_until_number
from stompframes.parser import Parser
from stompframes.testing.strategies import frames
from stompman.serde import FRAMES_TO_COMMANDS, FrameParser, dump_frame

V1_0, V1_1, V1_2 = ALL_VERSIONS
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)
NAMES = TEXTS.filter(lambda text: text not in ("", "content-length"))
BODIES = st.binary(max_size=40)


def read(data: bytes, version: Version = V1_2) -> Frame:
    parser = Parser(version)
    parser.feed(data)
    frame = parser.next_frame()
    assert frame is not None
    assert parser.next_frame() is None
    return frame


def first_of_each(frame: Frame) -> dict[str, str]:
    return dict(reversed(frame.headers))


def read_by_stompman(data: bytes) -> tuple[str, dict[str, str], bytes]:
    (frame,) = FrameParser().parse_frames_from_chunk(data)
    assert not isinstance(frame, stompman.HeartbeatFrame)
    headers = cast(dict[str, str], frame.headers)
    return FRAMES_TO_COMMANDS[type(frame)].decode(), headers, cast(bytes, getattr(frame, "body", b""))


@given(st.sampled_from([V1_1, V1_2]).flatmap(lambda version: st.tuples(st.just(version), frames(version))))
def test_stomp_py_reads_what_we_write(case: tuple[Version, Frame]) -> None:
    version, frame = case
    # It undoes escapes even where there are none.
    if frame.command in ("CONNECT", "STOMP", "CONNECTED"):
        frame = Frame("RECEIPT", frame.headers)
        frame = frame if version is V1_2 else Frame("RECEIPT")
    found = parse_frame(encode(frame, version)[:-1])
    assert (found.cmd, found.headers, found.body) == (frame.command, first_of_each(frame), frame.body)


@given(st.sampled_from(["SEND", "MESSAGE", "ERROR", "ACK", "RECEIPT"]), st.lists(st.tuples(NAMES, TEXTS)), BODIES)
def test_stompman_reads_what_we_write(command: str, headers: list[tuple[str, str]], body: bytes) -> None:
    frame = Frame(command, tuple(headers), body if command in WITH_BODY else b"")
    expected = first_of_each(frame) | ({"content-length": str(len(frame.body))} if frame.body else {})
    assert read_by_stompman(encode(frame, V1_2)) == (command, expected, frame.body)


@given(TEXTS, TEXTS, BODIES)
def test_both_read_a_message_that_was_put_together(destination: str, subscription: str, body: bytes) -> None:
    own = own_headers_until_number(subscription, "41", V1_2) + b"7\nack:41-7\n"
    written = SharedMessage(destination, body).for_subscriber(own, V1_2)
    expected = first_of_each(read(written))
    assert expected["subscription"] == subscription
    assert read_by_stompman(written) == ("MESSAGE", expected, body)
    assert parse_frame(written[:-1]).headers == expected


@given(st.dictionaries(NAMES, TEXTS | st.just("a\rb"), max_size=4), BODIES)
def test_we_read_what_stomp_py_writes(headers: dict[str, str], body: bytes) -> None:
    escaped = dict(headers)
    Protocol12._escape_headers(None, escaped)
    # It leaves names as they are.
    escaped = {name: value for name, value in escaped.items() if not set(name) & set(":\n\\")}
    frame = StompPyFrame("SEND", {**escaped, "content-length": "0"}, body)
    found = read(b"".join(convert_frame(frame)))
    expected = {name: headers[name] for name in escaped} | {"content-length": str(len(body))}
    assert (found.command, first_of_each(found), found.body) == ("SEND", expected, body)


@given(st.dictionaries(NAMES, TEXTS, max_size=4), BODIES)
def test_we_read_what_stompman_writes(headers: dict[str, str], body: bytes) -> None:
    written = dump_frame(stompman.SendFrame(headers={**headers, "content-length": str(len(body))}, body=body))  # type: ignore[typeddict-item]
    found = read(written)
    assert (found.command, first_of_each(found), found.body) == (
        "SEND",
        {**headers, "content-length": str(len(body))},
        body,
    )


def test_we_read_the_frames_that_stompman_builds() -> None:
    written = dump_frame(
        stompman.ConnectFrame(headers={"accept-version": "1.2", "host": "a:1", "heart-beat": "1000,1000"})
    )
    assert read(written, V1_0).get("host") == "a:1"
    assert read(
        dump_frame(stompman.SubscribeFrame(headers={"id": "1", "destination": "/a", "ack": "client"}))
    ) == Frame("SUBSCRIBE", (("ack", "client"), ("destination", "/a"), ("id", "1")))


@pytest.mark.parametrize("protocol", [Protocol11, Protocol12])
def test_stomp_py_escapes_as_we_do(protocol: type) -> None:
    headers = {"place": "a:b\nc\\d"}
    protocol._escape_headers(None, headers)  # type: ignore[attr-defined]
    written = f"SEND\nplace:{headers['place']}\n\n\0".encode()
    version = V1_1 if protocol is Protocol11 else V1_2
    assert written == encode(Frame("SEND", (("place", "a:b\nc\\d"),)), version)
