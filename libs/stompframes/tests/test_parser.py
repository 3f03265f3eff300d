"""Bytes to frames: cut anywhere, with every limit, and whatever is no frame is refused by the rule it breaks."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stompframes.errors import ProtocolError
from stompframes.frames import ALL_VERSIONS, Frame, Version, encode
from stompframes.parser import Limits, Parser
from stompframes.testing.strategies import chunks, frames

V1_0, V1_1, V1_2 = ALL_VERSIONS
USUAL = Limits()
SMALL = Limits(headers=4, line_bytes=40, frame_bytes=120)
FRAGMENTS = (
    *(b"SEND", b"SUBSCRIBE", b"CONNECT", b"ACK", b"NOT", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\0", b":", b"id:1"),
    *(
        b"content-length:",
        b"content-length:3",
        b"content-length:-1",
        b"receipt:7",
        b"abc",
        b"\\n",
        b"\\x",
        b"\xff",
        b"\r",
    ),
)


def read(data: Iterable[bytes | str], version: Version = V1_2, limits: Limits = USUAL) -> list[Frame]:
    parser = Parser(version, limits)
    found = []
    for chunk in data:
        parser.feed(chunk)
        while (frame := parser.next_frame()) is not None:
            found.append(frame)
    return found


def refused(data: bytes | str, version: Version = V1_2, limits: Limits = USUAL) -> ProtocolError:
    with pytest.raises(ProtocolError) as refusal:
        read([data], version, limits)
    return refusal.value


def outcome(data: Iterable[bytes], version: Version, limits: Limits) -> tuple[list[Frame], bool, int]:
    """Return the frames of a stream, whether it was refused then, and how many bytes are kept at most."""
    parser, found, kept = Parser(version, limits), [], 0
    for chunk in data:
        parser.feed(chunk)
        try:
            while (frame := parser.next_frame()) is not None:
                found.append(frame)
        except ProtocolError:
            return found, True, kept
        kept = max(kept, parser.waiting_bytes)
    return found, False, kept


@st.composite
def cut_streams(draw: st.DrawFn) -> tuple[Version, list[Frame], list[bytes]]:
    version = draw(st.sampled_from(ALL_VERSIONS))
    sent = draw(st.lists(frames(version), max_size=4))
    ends = draw(st.lists(st.sampled_from([b"", b"\n", b"\r\n", b"\n\n\r\n"]), min_size=len(sent), max_size=len(sent)))
    stream = b"".join(encode(frame, version) + end for frame, end in zip(sent, ends, strict=True))
    return version, sent, draw(chunks(stream))


@given(cut_streams())
def test_c2_s3_1_frames_are_the_same_however_the_stream_is_cut(case: tuple[Version, list[Frame], list[bytes]]) -> None:
    version, sent, pieces = case
    assert read(pieces, version) == sent


def test_c2_s3_1_two_frames_are_the_same_wherever_the_stream_is_cut_twice() -> None:
    stream = b"\nSEND\r\na:1\r\n\r\nx\0\r\nSEND\ncontent-length:3\n\n\n\0\n\0\n\nACK\nid:2\n\n\0"
    sent = [Frame("SEND", (("a", "1"),), b"x"), Frame("SEND", (("content-length", "3"),), b"\n\0\n")]
    sent.append(Frame("ACK", (("id", "2"),)))
    for a in range(len(stream) + 1):
        for b in range(a, len(stream) + 1):
            assert read([stream[:a], stream[a:b], stream[b:]]) == sent, (a, b)


@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=8), max_size=40).map(b"".join),
    st.data(),
    st.sampled_from(ALL_VERSIONS),
)
def test_any_bytes_give_frames_or_the_one_error_and_the_same_however_they_are_cut(
    stream: bytes, data: st.DataObject, version: Version
) -> None:
    whole = outcome([stream], version, SMALL)
    cut = outcome(data.draw(chunks(stream)), version, SMALL)
    each = outcome([stream[at : at + 1] for at in range(len(stream))], version, SMALL)
    assert whole[:2] == cut[:2] == each[:2]
    assert each[2] <= SMALL.frame_bytes + 1


@given(st.text(max_size=60))
def test_text_is_read_as_bytes_are(text: str) -> None:
    assert outcome([text.encode("utf-8", "surrogatepass")], V1_2, SMALL)[1] == _is_refused(text)


def _is_refused(text: str) -> bool:
    try:
        read([text], V1_2, SMALL)
    except ProtocolError:
        return True
    return False


def test_c2_s3_1_lines_may_end_with_crlf_in_all_versions_and_heart_beats_too() -> None:
    stream = b"\r\n\nSEND\r\ndestination:/a\r\n\r\nx\r\n\0\r\n\r\nDISCONNECT\r\n\r\n\0\n"
    for version in ALL_VERSIONS:
        assert read([stream], version) == [Frame("SEND", (("destination", "/a"),), b"x\r\n"), Frame("DISCONNECT")]


def test_the_head_ends_at_its_first_empty_line_however_that_ends() -> None:
    assert read([b"SEND\r\na:1\r\n\r\n\n\nx\0"]) == [Frame("SEND", (("a", "1"),), b"\n\nx")]
    assert read([b"SEND\na:1\n\n\r\n\r\nx\0"]) == [Frame("SEND", (("a", "1"),), b"\r\n\r\nx")]


def test_c2_s3_1_a_body_ends_at_its_length_and_without_one_at_the_first_nul() -> None:
    assert read([b"SEND\ncontent-length:3\n\n\0\0\0\0SEND\n\nab\0"]) == [
        Frame("SEND", (("content-length", "3"),), b"\0\0\0"),
        Frame("SEND", (), b"ab"),
    ]


def test_c2_s3_1_bytes_that_come_one_by_one_make_the_same_frame() -> None:
    written = encode(Frame("SEND", (("destination", "/a"),), bytes(range(256))), V1_2)
    assert read(written[at : at + 1] for at in range(len(written)))[0].body == bytes(range(256))


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"SEND\ncontent-length:-1\n\n\0", "content-length not a length"),
        (b"SEND\ncontent-length:x\n\n\0", "content-length not a length"),
        ("SEND\ncontent-length:²\n\n\0", "content-length not a length"),
        (b"SEND\ncontent-length:\n\n\0", "content-length not a length"),
        (b"SEND\ncontent-length:" + b"9" * 5000 + b"\n\n\0", "content-length not a length"),
        (b"SEND\ncontent-length:1\n\nab\0", "body without its NUL"),
        (b"SEND\ncontent-length:65537\n\n", "frame too long"),
        (b"SUBSCRIBE\nid:1\n\nbody\0", "body not allowed"),
        (b"SUBSCRIBE\ncontent-length:4\n\nbody\0", "body not allowed"),
        (b"SEND\nno colon\n\n\0", "header without a name"),
        (b"SEND\n:no name\n\n\0", "header without a name"),
        (b"SEND\na:b\0", "frame without an end of its headers"),
        (b"SEND\0", "frame without an end of its headers"),
        (b"send\n\n\0", "unknown command"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "unknown command"),
        (b"\0", "frame without an end of its headers"),
        (b"SEND\na:\xff\n\n\0", "headers not in UTF-8"),
        ("SEND\na:\ud800\n\n\0", "headers not in UTF-8"),
        (b"SEND\na:b\rc\n\n\0", "carriage return in a header"),
        (b"SEND\na:b\r\r\n\n\0", "carriage return in a header"),
        (b"SEND\na:\\t\n\n\0", "undefined escape"),
    ],
)
def test_c2_s3_1_what_is_no_frame_is_refused_by_the_rule_it_breaks(data: bytes | str, rule: str) -> None:
    assert refused(data).rule == rule


def test_c2_s3_1_there_is_a_limit_on_headers_lines_and_frames() -> None:
    limits = Limits()
    assert (limits.headers, limits.line_bytes, limits.frame_bytes) == (64, 8 * 1024, 64 * 1024)
    assert len(read([b"SEND\n" + b"a:b\n" * 64 + b"\n\0"])[0].headers) == 64
    assert refused(b"SEND\n" + b"a:b\n" * 65 + b"\n\0").rule == "too many headers"
    assert read([b"SEND\na:" + b"x" * (8 * 1024 - 2) + b"\n\n\0"])
    assert refused(b"SEND\na:" + b"x" * (8 * 1024 - 1) + b"\n\n\0").rule == "line too long"
    assert read([b"SEND\n\n" + b"x" * (64 * 1024 - 6) + b"\0"])
    assert refused(b"SEND\n\n" + b"x" * (64 * 1024 - 5) + b"\0").rule == "frame too long"


@pytest.mark.parametrize(
    ("endless", "rule"),
    [(b"x", "line too long"), (b"a:b\n", "too many headers"), (b"SEND\n\n" + b"x", "frame too long")],
)
def test_what_never_ends_is_refused_at_its_limit_and_never_kept(endless: bytes, rule: str) -> None:
    parser = Parser(V1_2, SMALL)
    parser.feed(endless)
    with pytest.raises(ProtocolError) as refusal:  # noqa: PT012  at one of these
        for _ in range(1_000):
            assert parser.next_frame() is None
            parser.feed(endless[-4:])
    assert refusal.value.rule == rule
    assert parser.waiting_bytes == 0


@pytest.mark.parametrize("before", [b"", b"SEND\n\n" + b"x" * 60 + b"\0", b"\n" * 50])
def test_a_line_has_its_limit_behind_another_frame_too(before: bytes) -> None:
    parser = Parser(V1_2, SMALL)
    parser.feed(before + b"SEND\na:")
    while parser.next_frame() is not None:
        pass
    for _ in range(SMALL.line_bytes - 2):
        parser.feed(b"y")
        assert parser.next_frame() is None
    parser.feed(b"\r")
    assert parser.next_frame() is None
    parser.feed(b"z")
    with pytest.raises(ProtocolError, match="line too long"):
        parser.next_frame()


def test_heart_beats_leave_nothing_behind() -> None:
    parser = Parser()
    for _ in range(1_000):
        parser.feed(b"\r\n\n")
        assert parser.next_frame() is None
        assert parser.waiting_bytes == 0


@pytest.mark.parametrize(
    ("version", "data", "receipt"),
    [
        (V1_2, b"SEND\nreceipt:a\\cb\nbroken\n\n\0", "a:b"),
        (V1_2, b"SEND\r\nreceipt: 7\r\nbroken\r\n\r\n\0", " 7"),
        (V1_0, b"SEND\nreceipt: 7\nbroken\n\n\0", "7"),
        (V1_2, b"SUBSCRIBE\nreceipt:7\n\nbody\0", "7"),
        (V1_2, b"SEND\nbroken\n\nreceipt:7\n\0", None),
        (V1_2, b"SEND\nreceipt:\\x\n\n\0", None),
        (V1_1, b"SEND\nreceipt:a\rb\nbroken\n\n\0", None),
        (V1_2, b"SEND\nreceipt:\xff\n\n\0", None),
        (V1_2, b"SEND\nreceipt:1\0", None),
    ],
)
def test_c2_s3_1_an_error_about_a_frame_knows_its_receipt(version: Version, data: bytes, receipt: str | None) -> None:
    assert refused(data, version).receipt == receipt


def test_after_an_error_there_is_no_way_to_go_on() -> None:
    parser = Parser(V1_2)
    parser.feed(b"BROKEN\n\n\0SEND\n\n\0")
    errors = []
    for _ in range(2):
        with pytest.raises(ProtocolError) as refusal:
            parser.next_frame()
        errors.append(refusal.value)
        parser.feed(b"SEND\n\n\0")
    assert errors[0] is errors[1]
    assert parser.waiting_bytes == 0


def test_version_and_limits_change_between_two_frames() -> None:
    parser = Parser(V1_0, SMALL)
    parser.feed(b"CONNECT\nescape:\\t\n\n\0SEND\na:\\n\n\n" + b"x" * 200 + b"\0")
    assert parser.next_frame() == Frame("CONNECT", (("escape", "\\t"),))
    parser.version, parser.limits = V1_2, Limits()
    assert parser.next_frame() == Frame("SEND", (("a", "\n"),), b"x" * 200)
