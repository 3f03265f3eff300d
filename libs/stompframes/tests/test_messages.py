"""One message for many: encoded once, each subscriber's headers in the order of the source's examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stompframes.frames import ALL_VERSIONS, Frame, Version
from stompframes.messages import JSON, SharedMessage, own_headers_until_number
from stompframes.parser import Parser

V1_0, V1_1, V1_2 = ALL_VERSIONS


def own(subscription: str | None, number: int, version: Version) -> bytes:
    return b"%b%d\n" % (own_headers_until_number(subscription, "41", version), number)


def test_c2_s1_2_headers_come_in_the_order_of_the_sources_examples() -> None:
    message = SharedMessage("/user/topic/source-market-data/1", b"{}")
    assert message.for_subscriber(own("sub-0", 14697, V1_2), V1_2) == (
        b"MESSAGE\nstatus:200\ndestination:/user/topic/source-market-data/1\n"
        b"content-type:application/json;charset=UTF-8\nsubscription:sub-0\nmessage-id:41-14697\n"
        b"content-length:2\n\n{}\0"
    )


def test_c2_s1_2_status_and_content_type_may_be_absent() -> None:
    message = SharedMessage("/a", b"", None, None)
    assert message.for_subscriber(own(None, 1, V1_0), V1_0) == (
        b"MESSAGE\ndestination:/a\nmessage-id:41-1\ncontent-length:0\n\n\0"
    )


def test_what_is_shared_is_encoded_once_per_version() -> None:
    message = SharedMessage("/a:b", b"{}")
    first, again = message.ends(V1_2), message.ends(V1_2)
    assert first is again
    assert b"/a\\cb" in first[0]
    assert b"/a:b" in message.ends(V1_0)[0]


@given(st.sampled_from([V1_1, V1_2]), st.binary(max_size=50), st.text(max_size=10), st.text(max_size=10))
def test_what_is_put_together_is_read_as_one_message(version: Version, body: bytes, place: str, name: str) -> None:
    place, name = (text.replace("\0", "").replace("\r", "") for text in (place, name))
    parser = Parser(version)
    parser.feed(SharedMessage(place, body).for_subscriber(own(name, 7, version), version))
    assert parser.next_frame() == Frame(
        "MESSAGE",
        (
            ("status", "200"),
            ("destination", place),
            ("content-type", JSON),
            ("subscription", name),
            ("message-id", "41-7"),
            ("content-length", str(len(body))),
        ),
        body,
    )


def test_a_destination_that_a_version_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        SharedMessage("/a\nb", b"").ends(V1_0)
