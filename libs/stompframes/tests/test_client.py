"""The client's end, against a server that is typed by hand."""

from __future__ import annotations

import pytest
from stompframes.client import (
    ClientSession,
    ClientSettings,
    Closed,
    Connected,
    Error,
    Event,
    Message,
    Receipt,
)
from stompframes.frames import ALL_VERSIONS, Version
from stompframes.heartbeats import NS_PER_MS, Offer
from stompframes.parser import Limits
from stompframes.subscriptions import AckMode

V1_0, V1_1, V1_2 = ALL_VERSIONS
USUAL = ClientSettings()
NOW_NS = 1_000_000_000


def connected(version: Version = V1_2, settings: ClientSettings = USUAL, rest: str = "") -> ClientSession:
    """Return a client that has been let in, with nothing left to write."""
    client = ClientSession(settings)
    client.connect((("authorization", "t"),), NOW_NS)
    (event,) = client.receive(f"CONNECTED\nversion:{version}\nsession:41\n{rest}\n\0", NOW_NS)
    assert isinstance(event, Connected)
    client.output()
    return client


def message(client: ClientSession, headers: str) -> Message:
    (event,) = client.receive(f"MESSAGE\n{headers}\n\n{{}}\0", NOW_NS)
    assert isinstance(event, Message)
    return event


def ended(client: ClientSession, data: bytes | str) -> list[Event]:
    events = client.receive(data, NOW_NS)
    assert client.closed
    assert client.receive("RECEIPT\nreceipt-id:1\n\n\0", NOW_NS) == []
    return events


def test_c2_a7_a8_a9_connect_offers_every_version_and_heart_beats() -> None:
    client = ClientSession()
    client.connect((("authorization", "f99b9f57"),), NOW_NS)
    assert client.output() == [
        b"CONNECT\nauthorization:f99b9f57\naccept-version:1.0,1.1,1.2\nheart-beat:10000,10000\n\n\0"
    ]


def test_a_server_that_names_no_version_speaks_1_0() -> None:
    client = ClientSession()
    client.connect((), NOW_NS)
    assert client.receive("CONNECTED\n\n\0", NOW_NS) == [Connected(V1_0, None, ())]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("CONNECTED\nversion:1.3\n\n\0", "unsupported version: '1.3' was not offered"),
        ("MESSAGE\ndestination:/a\n\n\0", "not connected: CONNECTED must come before MESSAGE"),
        ("CONNECTED\nversion:1.2\nheart-beat:x\n\n\0", "heart-beat malformed: 'x' must be two whole numbers"),
        ("HTTP/1.1 400\n\n\0", "unknown command: 'HTTP/1.1 400' is no command of STOMP"),
    ],
)
def test_an_answer_that_is_none_ends_the_connection(data: str, reason: str) -> None:
    client = ClientSession()
    client.connect((), NOW_NS)
    (event,) = ended(client, data)
    assert isinstance(event, Closed)
    assert event.reason.startswith(reason)


def test_c2_a3_a4_an_error_is_the_end() -> None:
    client = ClientSession()
    client.connect((), NOW_NS)
    events = ended(client, "ERROR\nmessage:Access Denied\nreceipt-id:7\n\nexpired\0MESSAGE\ndestination:/a\n\n\0")
    assert events == [
        Error("Access Denied", "7", (("message", "Access Denied"), ("receipt-id", "7")), b"expired"),
        Closed("ERROR: Access Denied"),
    ]


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_a_subscription_is_written_as_the_sources_examples_are(version: Version) -> None:
    client = connected(version)
    assert client.subscribe("/topic/config", NOW_NS) == "sub-0"
    assert client.subscribe("/topic/alerts", NOW_NS, AckMode.CLIENT, receipt="r") == "sub-1"
    client.unsubscribe("sub-0", NOW_NS)
    assert client.output() == [
        b"SUBSCRIBE\nid:sub-0\ndestination:/topic/config\nack:auto\n\n\0",
        b"SUBSCRIBE\nid:sub-1\ndestination:/topic/alerts\nack:client\nreceipt:r\n\n\0",
        b"UNSUBSCRIBE\nid:sub-0\n\n\0",
    ]
    assert client.subscriptions == {"sub-1": "/topic/alerts"}
    assert client.pending_receipts == {"r"}
    assert client.receive("RECEIPT\nreceipt-id:r\n\n\0RECEIPT\nreceipt-id:other\n\n\0", NOW_NS) == [Receipt("r")]
    assert client.pending_receipts == set()


@pytest.mark.parametrize(
    ("said", "status"), [("status:200\n", 200), ("status:404\n", 404), ("", None), ("status:x\n", None)]
)
def test_c2_a12_a_message_has_its_status_as_a_number(said: str, status: int | None) -> None:
    found = message(connected(), f"{said}destination:/a\nsubscription:sub-0\nmessage-id:1")
    assert (found.status, found.destination, found.subscription, found.body) == (status, "/a", "sub-0", b"{}")


@pytest.mark.parametrize(
    ("version", "written"),
    [
        (V1_0, b"ACK\nmessage-id:41-1\n\n\0"),
        (V1_1, b"ACK\nmessage-id:41-1\nsubscription:sub-0\n\n\0"),
        (V1_2, b"ACK\nid:a-1\n\n\0"),
    ],
)
def test_c2_s3_1_a_message_is_acknowledged_by_what_its_version_names_it(version: Version, written: bytes) -> None:
    client = connected(version)
    found = message(client, "destination:/a\nsubscription:sub-0\nmessage-id:41-1\nack:a-1")
    client.ack(found, NOW_NS)
    assert client.output() == [written]
    if version is V1_0:
        with pytest.raises(ValueError, match="nack: is no command"):
            client.nack(found, NOW_NS)
    else:
        client.nack(found, NOW_NS)
        assert client.output() == [b"N" + written]


def test_c2_s3_1_disconnect_waits_for_its_receipt() -> None:
    client = connected()
    client.disconnect(NOW_NS)
    assert client.output() == [b"DISCONNECT\nreceipt:disconnect\n\n\0"]
    assert len(client.receive("MESSAGE\ndestination:/a\n\n\0", NOW_NS)) == 1
    assert ended(client, "RECEIPT\nreceipt-id:disconnect\n\n\0") == [Closed("disconnected")]
    client = connected()
    client.disconnect(NOW_NS)
    due_ns = client.next_deadline_ns()
    assert due_ns == NOW_NS + 2_000 * NS_PER_MS
    assert client.on_time(due_ns - 1) == []
    assert client.on_time(due_ns) == [Closed("disconnected without a receipt")]
    assert client.next_deadline_ns() is None


def test_a_server_that_never_answers_is_given_up() -> None:
    client = ClientSession()
    assert client.next_deadline_ns() is None
    client.connect((), NOW_NS)
    due_ns = client.next_deadline_ns()
    assert due_ns == NOW_NS + 10_000 * NS_PER_MS
    assert client.on_time(due_ns) == [Closed("no CONNECTED within 10000 ms")]
    assert client.on_time(due_ns) == []


def test_c2_a9_a10_heart_beats_go_early_and_a_silent_server_is_given_up_late() -> None:
    client = connected(settings=ClientSettings(heartbeat=Offer(1_000, 1_000)), rest="heart-beat:2000,4000\n")
    assert client.next_deadline_ns() == NOW_NS + 3_400 * NS_PER_MS
    assert client.on_time(NOW_NS + 3_400 * NS_PER_MS) == []
    assert client.output() == [b"\n"]
    assert client.receive("\n", NOW_NS + 4_000 * NS_PER_MS) == []
    assert client.on_time(NOW_NS + 9_999 * NS_PER_MS) == []
    assert client.on_time(NOW_NS + 10_000 * NS_PER_MS) == [Closed("no heart-beat for 2000 ms")]


def test_what_a_server_sends_is_bounded_too() -> None:
    client = connected(settings=ClientSettings(limits=Limits(frame_bytes=100)))
    assert ended(client, "MESSAGE\ndestination:/a\n\n" + "x" * 100) == [
        Closed("frame too long: a frame must have at most 100 bytes")
    ]


@pytest.mark.parametrize("frame", ["CONNECTED\nversion:1.2\n\n\0", "SEND\ndestination:/a\n\n\0"])
def test_what_a_server_must_not_send_ends_the_connection(frame: str) -> None:
    (event,) = ended(connected(), frame)
    assert isinstance(event, Closed)
    assert event.reason.startswith("unexpected command")


def test_nothing_is_asked_of_a_connection_that_is_not_open() -> None:
    client = ClientSession()
    with pytest.raises(ValueError, match="SUBSCRIBE: there is no open connection"):
        client.subscribe("/a", NOW_NS)
    assert client.lost() == [Closed("connection lost")]
    assert client.lost() == []
    with pytest.raises(ValueError, match="UNSUBSCRIBE: there is no open connection"):
        client.unsubscribe("sub-0", NOW_NS)


def test_receipts_have_names_of_their_own_and_a_bound() -> None:
    client = connected(settings=ClientSettings(receipts=2))
    client.subscribe("/a", NOW_NS, receipt="1")
    with pytest.raises(ValueError, match="receipt '1': is asked for already"):
        client.subscribe("/a", NOW_NS, receipt="1")
    client.subscribe("/a", NOW_NS, receipt="2")
    with pytest.raises(ValueError, match="at most 2 can be waited for"):
        client.unsubscribe("sub-0", NOW_NS, receipt="3")
    assert list(client.subscriptions) == ["sub-0", "sub-1"]
