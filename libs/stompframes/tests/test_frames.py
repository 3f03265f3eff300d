"""What each version writes: escapes, bodies, and headers that no version can write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stompframes.errors import ProtocolError
from stompframes.frames import ALL_VERSIONS, CLIENT_COMMANDS, SERVER_COMMANDS, Frame, Version, encode, unescape
from stompframes.parser import Parser
from stompframes.testing.strategies import frames

V1_0, V1_1, V1_2 = ALL_VERSIONS


def read(data: bytes, version: Version) -> list[Frame]:
    parser = Parser(version)
    parser.feed(data)
    found = []
    while (frame := parser.next_frame()) is not None:
        found.append(frame)
    return found


@given(st.sampled_from(ALL_VERSIONS).flatmap(lambda version: st.tuples(st.just(version), frames(version))))
def test_what_is_written_is_read_as_it_was_in_every_version(case: tuple[Version, Frame]) -> None:
    version, frame = case
    assert read(encode(frame, version), version) == [frame]


@pytest.mark.parametrize(
    ("version", "written"),
    [
        (V1_0, b"SEND\nplace:a:b\\c\n\n\0"),
        (V1_1, b"SEND\nplace:a\\cb\\\\c\n\n\0"),
        (V1_2, b"SEND\nplace:a\\cb\\\\c\n\n\0"),
    ],
)
def test_c2_s3_1_escapes_are_those_of_the_version(version: Version, written: bytes) -> None:
    assert encode(Frame("SEND", (("place", "a:b\\c"),)), version) == written


def test_c2_s3_1_a_line_end_is_escaped_from_1_1_and_a_carriage_return_from_1_2() -> None:
    frame = Frame("SEND", (("a", "x\ny"), ("b", "x\ry")))
    assert encode(frame, V1_2) == b"SEND\na:x\\ny\nb:x\\ry\n\n\0"
    with pytest.raises(ValueError, match="cannot be written"):
        encode(frame, V1_1)
    assert encode(Frame("SEND", frame.headers[:1]), V1_1) == b"SEND\na:x\\ny\n\n\0"
    with pytest.raises(ValueError, match="cannot be written"):
        encode(Frame("SEND", frame.headers[:1]), V1_0)


@pytest.mark.parametrize("version", ALL_VERSIONS)
@pytest.mark.parametrize("command", ["CONNECT", "STOMP", "CONNECTED"])
def test_c2_s3_1_what_comes_before_a_version_is_agreed_on_is_never_escaped(command: str, version: Version) -> None:
    frame = Frame(command, (("passcode", "a:b\\n "),))
    assert encode(frame, version) == f"{command}\npasscode:a:b\\n \n\n\0".encode()
    assert read(encode(frame, version), version) == [frame]


@pytest.mark.parametrize(("version", "text"), [(V1_1, "a\\r"), (V1_1, "\\t"), (V1_2, "a\\"), (V1_2, "\\0")])
def test_c2_s3_1_an_undefined_escape_is_an_error(version: Version, text: str) -> None:
    with pytest.raises(ProtocolError, match="undefined escape"):
        unescape(text, version)


def test_c2_s3_1_of_a_repeated_header_the_first_one_counts() -> None:
    (frame,) = read(b"SEND\ndestination:/a\ndestination:/b\n\n\0", V1_2)
    assert frame.get("destination") == "/a"
    assert frame.get("receipt") is None


def test_c2_s3_1_spaces_around_a_header_are_part_of_it_from_1_1() -> None:
    written = b"SEND\ndestination: /a \n\n\0"
    assert [read(written, version)[0].get("destination") for version in ALL_VERSIONS] == ["/a", " /a ", " /a "]


def test_a_body_is_sent_with_its_length_even_if_it_holds_a_nul() -> None:
    written = encode(Frame("SEND", (("destination", "/a"),), b"x\0y"), V1_2)
    assert written == b"SEND\ndestination:/a\ncontent-length:3\n\nx\0y\0"
    assert read(written, V1_2)[0].body == b"x\0y"


def test_a_body_with_another_length_or_of_a_frame_without_one_is_refused() -> None:
    with pytest.raises(ValueError, match="content-length: must be 1"):
        encode(Frame("SEND", (("content-length", "2"),), b"x"), V1_2)
    with pytest.raises(ValueError, match="must have no body"):
        encode(Frame("ACK", (), b"x"), V1_2)


@pytest.mark.parametrize("version", ALL_VERSIONS)
@pytest.mark.parametrize("name", ["", "a\0b"])
def test_a_name_that_cannot_be_read_back_is_refused(name: str, version: Version) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        encode(Frame("SEND", ((name, "x"),)), version)


def test_versions_are_ordered_and_the_commands_are_all_there() -> None:
    assert max(ALL_VERSIONS) is V1_2
    assert len(CLIENT_COMMANDS) == 11
    assert not CLIENT_COMMANDS & SERVER_COMMANDS
