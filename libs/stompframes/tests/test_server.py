"""The server's end: who comes in, what is subscribed, acknowledged and held, and how a connection ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stompframes.frames import ALL_VERSIONS, Frame, Version
from stompframes.heartbeats import NS_PER_MS, Offer
from stompframes.messages import SharedMessage
from stompframes.parser import Limits, Parser
from stompframes.server import (
    Acknowledged,
    Closing,
    Event,
    LoginAsked,
    Sent,
    ServerSession,
    ServerSettings,
    Subscribed,
    Unsubscribed,
)

V1_0, V1_1, V1_2 = ALL_VERSIONS
USUAL = ServerSettings()
NOW_NS = 1_000_000_000
DISCONNECTED = Closing(1000, "disconnected")


def frames_of(output: list[bytes], version: Version) -> list[Frame]:
    """Return what was written, each item one whole frame or a heartbeat."""
    found = []
    for item in output:
        parser = Parser(version)
        parser.feed(item)
        frame = parser.next_frame()
        assert parser.waiting_bytes == 0, "one frame in each"
        if frame is not None:
            found.append(frame)
    return found


class Client:
    """A client that types its frames, and reads what the session answers."""

    def __init__(self, version: Version = V1_2, settings: ServerSettings = USUAL, *, login: bool = True) -> None:
        self.version = version
        self.session = ServerSession("41", NOW_NS, settings)
        if login:
            assert len(self.types(f"CONNECT\naccept-version:{version}\n\n\0")) == 1
            assert self.session.accept("ada", NOW_NS) == []
            assert [frame.command for frame in self.reads()] == ["CONNECTED"]

    def types(self, data: bytes | str, now_ns: int = NOW_NS) -> list[Event]:
        return self.session.receive(data, now_ns)

    def reads(self) -> list[Frame]:
        return frames_of(self.session.output(), self.version)

    def subscribes(self, rest: str = "id:s1\ndestination:/topic/config") -> Subscribed:
        (event,) = self.types(f"SUBSCRIBE\n{rest}\n\n\0")
        assert isinstance(event, Subscribed)
        return event

    def delivers(self, to: Subscribed, count: int = 1) -> int:
        message = SharedMessage(to.subscription.destination, b"{}")
        return sum(self.session.deliver(to.subscription, message, NOW_NS) for _ in range(count))

    def failed(self) -> Frame:
        """Return the ERROR that ended the connection."""
        *_, error = self.reads()
        assert error.command == "ERROR"
        assert self.session.closing == Closing(1002, error.get("message") or "")
        return error

    def refused(self, data: str) -> str | None:
        """Return the rule that a frame breaks."""
        assert self.types(data) == []
        return self.failed().get("message")


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        ("accept-version:1.0,1.1,1.2\n", V1_2),
        ("accept-version:1.2, 1.1\n", V1_2),
        ("accept-version:1.1,1.0,0.9\n", V1_1),
        ("accept-version:1.0\n", V1_0),
        ("", V1_0),
    ],
)
@pytest.mark.parametrize("command", ["CONNECT", "STOMP"])
def test_c2_a8_the_highest_version_of_both_is_taken_and_without_any_1_0(
    command: str, offered: str, agreed: Version
) -> None:
    client = Client(agreed, login=False)
    client.types(f"{command}\n{offered}\n\0")
    client.session.accept("ada", NOW_NS)
    (connected,) = client.reads()
    assert connected.get("version") == agreed
    assert client.session.version is agreed


def test_c2_a8_i17_no_host_is_needed_and_connected_says_who_speaks() -> None:
    client = Client(login=False)
    client.types("CONNECT\r\naccept-version:1.2\r\nheart-beat:10000,10000\r\n\r\n\0")
    client.session.accept("ada", NOW_NS)
    assert client.session.output() == [
        b"CONNECTED\nversion:1.2\nheart-beat:10000,10000\nsession:41\nserver:stompframes\nuser-name:ada\n\n\0"
    ]
    assert client.session.user == "ada"


def test_c2_s3_1_no_version_in_common_is_an_error_that_names_those_there_are() -> None:
    client = Client(V1_0, login=False)
    assert client.refused("CONNECT\naccept-version:2.0,1.9\n\n\0") == "unsupported version"
    client = Client(V1_0, login=False)
    assert client.refused("CONNECT\naccept-version:\n\n\0") == "unsupported version"
    client = Client(V1_0, login=False)
    client.types("CONNECT\naccept-version:2.0\n\n\0")
    assert client.failed().get("version") == "1.0,1.1,1.2"


@pytest.mark.parametrize(
    "header",
    [
        "authorization:f99b9f57-cf69",
        "Authorization:f99b9f57-cf69",
        "AUTHORIZATION: f99b9f57-cf69 ",
        "authorization:bearer f99b9f57-cf69",
        "authorization:Bearer f99b9f57-cf69",
        "authorization:BEARER  f99b9f57-cf69",
    ],
)
def test_c2_a7_the_token_is_raw_or_behind_bearer_and_its_header_in_any_case(header: str) -> None:
    (asked,) = Client(login=False).types(f"CONNECT\naccept-version:1.2\n{header}\n\n\0")
    assert isinstance(asked, LoginAsked)
    assert asked.token == "f99b9f57-cf69"


def test_c2_a3_a4_who_is_denied_gets_an_error_and_the_connection_ends() -> None:
    client = Client(login=False)
    (asked,) = client.types("CONNECT\naccept-version:1.2\n\n\0")
    assert isinstance(asked, LoginAsked)
    assert asked.token == ""
    client.session.deny("Access Denied", "the token has expired", NOW_NS)
    error = client.failed()
    assert error == Frame(
        "ERROR",
        (("message", "Access Denied"), ("content-type", "text/plain"), ("content-length", "21")),
        b"the token has expired",
    )
    assert client.session.accept("ada", NOW_NS) == []
    assert client.reads() == []


def test_c2_a3_an_error_before_connected_has_no_escapes() -> None:
    client = Client(login=False)
    client.types("CONNECT\naccept-version:1.2\n\n\0")
    client.session.deny("Access Denied: expired", "", NOW_NS)
    assert client.session.output() == [b"ERROR\nmessage:Access Denied: expired\ncontent-type:text/plain\n\n\0"]


@pytest.mark.parametrize("login", [True, False])
def test_c2_a3_a4_the_caller_may_end_a_connection_at_any_time_and_once(login: bool) -> None:
    client = Client(login=login)
    client.session.fail("Access Denied", "this login has ended", NOW_NS)
    assert client.failed().body == b"this login has ended"
    client.session.fail("too slow", "", NOW_NS)
    assert client.reads() == []
    assert client.session.closing == Closing(1002, "Access Denied")


def test_what_is_sent_behind_the_connect_is_read_after_the_login() -> None:
    client = Client(login=False)
    (asked,) = client.types(
        "CONNECT\naccept-version:1.2\n\n\0SUBSCRIBE\nid:a\\cb\ndestination:/topic/config\nreceipt:1\n\n\0"
    )
    assert isinstance(asked, LoginAsked)
    assert client.types("SEND\ndestination:/x\n\n\0") == []
    first, second = client.session.accept("ada", NOW_NS)
    assert isinstance(first, Subscribed)
    assert first.subscription.id == "a:b"
    assert isinstance(second, Sent)
    assert [frame.command for frame in client.reads()] == ["CONNECTED", "RECEIPT"]


def test_what_waits_for_a_login_is_bounded() -> None:
    client = Client(login=False, settings=ServerSettings(login_bytes=100))
    client.types("CONNECT\naccept-version:1.2\n\n\0")
    assert client.types("SEND\n" * 20) == []
    assert client.types("x") == []
    assert client.failed().get("message") == "too much before the login"


def test_a_frame_may_be_longer_after_the_login_than_before() -> None:
    settings = ServerSettings(login_bytes=100, limits=Limits(frame_bytes=1_000))
    client = Client(settings=settings)
    assert len(client.types("SEND\ndestination:/x\n\n" + "x" * 500 + "\0")) == 1
    client = Client(V1_0, settings, login=False)
    assert client.refused("CONNECT\n" + "a:b\n" * 50) == "frame too long"


@pytest.mark.parametrize("frame", ["SUBSCRIBE\nid:1\ndestination:/a\n\n\0", "DISCONNECT\n\n\0", "MESSAGE\n\n\0"])
def test_c2_s3_1_the_first_frame_must_be_connect(frame: str) -> None:
    assert Client(V1_0, login=False).refused(frame) == "not connected"


@pytest.mark.parametrize("command", ["CONNECT", "STOMP"])
def test_c2_s3_1_a_second_connect_is_an_error(command: str) -> None:
    for version in ALL_VERSIONS:
        assert Client(version).refused(f"{command}\naccept-version:1.2\nreceipt: 1\n\n\0") == "connected already"


@pytest.mark.parametrize("command", ["MESSAGE", "CONNECTED", "RECEIPT", "ERROR"])
def test_what_servers_send_is_an_error(command: str) -> None:
    assert Client().refused(f"{command}\n\n\0") == "unknown command"


@pytest.mark.parametrize("value", ["0", "-1,0", "a,b", "1,2,3", "", "1.5,0", "9999999999,0", "1"])
def test_c2_a9_a_malformed_heart_beat_is_an_error(value: str) -> None:
    client = Client(V1_0, login=False)
    assert client.refused(f"CONNECT\naccept-version:1.2\nheart-beat:{value}\n\n\0") == "heart-beat malformed"


def test_c2_a7_connect_must_come_within_five_seconds() -> None:
    client = Client(V1_0, login=False)
    due_ns = client.session.next_deadline_ns()
    assert due_ns == NOW_NS + 5_000 * NS_PER_MS
    client.session.on_time(due_ns - 1)
    assert client.session.closing is None
    client.session.on_time(due_ns)
    assert client.failed().get("message") == "no CONNECT"
    assert client.session.next_deadline_ns() is None


def test_a_login_that_nobody_decides_on_ends_too() -> None:
    client = Client(login=False)
    client.types("CONNECT\n\n\0", NOW_NS + 7)
    due_ns = client.session.next_deadline_ns()
    assert due_ns == NOW_NS + 7 + 10_000 * NS_PER_MS
    client.session.on_time(due_ns - 1)
    assert client.session.closing is None
    client.session.on_time(due_ns)
    assert client.failed().get("message") == "login not decided"


def test_c2_a9_a10_heart_beats_go_early_and_a_silent_client_is_dropped_late() -> None:
    client = Client(login=False)
    client.types("CONNECT\naccept-version:1.2\nheart-beat:1000,20000\n\n\0")
    client.session.accept("ada", NOW_NS)
    client.session.output()
    # It wants one every 20 s, and the server wants one every 10 s of it.
    assert client.session.next_deadline_ns() == NOW_NS + 17_000 * NS_PER_MS
    client.session.on_time(NOW_NS + 17_000 * NS_PER_MS)
    assert client.session.output() == [b"\n"]
    assert client.session.next_deadline_ns() == NOW_NS + 30_000 * NS_PER_MS
    assert client.types("\r\n", NOW_NS + 29_999 * NS_PER_MS) == []
    later_ns = NOW_NS + 59_999 * NS_PER_MS
    client.session.on_time(later_ns - 1)
    client.session.output()
    client.session.on_time(later_ns)
    assert client.failed().get("message") == "no heart-beat"


def test_c2_a9_a_message_is_a_sign_of_life_too() -> None:
    client = Client(login=False)
    client.types("CONNECT\naccept-version:1.2\nheart-beat:0,10000\n\n\0")
    client.session.accept("ada", NOW_NS)
    to = client.subscribes()
    client.session.deliver(to.subscription, SharedMessage("/topic/config", b"{}"), NOW_NS + 5)
    assert client.session.next_deadline_ns() == NOW_NS + 5 + 8_500 * NS_PER_MS


@pytest.mark.parametrize(("header", "settings"), [("", USUAL), ("heart-beat:9,9\n", ServerSettings(heartbeat=Offer()))])
def test_c2_a9_who_asks_for_no_heart_beat_gets_none_and_is_never_dropped(header: str, settings: ServerSettings) -> None:
    client = Client(settings=settings, login=False)
    client.types(f"CONNECT\naccept-version:1.2\n{header}\n\0")
    client.session.accept("ada", NOW_NS)
    client.session.output()
    assert client.session.next_deadline_ns() is None
    client.session.on_time(NOW_NS * 1_000)
    assert client.session.output() == []


def test_c2_a12_a_refused_subscription_is_a_message_on_it_and_the_connection_stays() -> None:
    client = Client()
    (asked,) = client.types("SUBSCRIBE\nid:sub-0\ndestination:/topic/none\nreceipt:7\n\n\0")
    assert isinstance(asked, Subscribed)
    client.session.refuse(asked.subscription, 404, b'{"name":"not_found"}', NOW_NS)
    assert client.session.output() == [
        b"MESSAGE\nstatus:404\ndestination:/topic/none\ncontent-type:application/json;charset=UTF-8\n"
        b'subscription:sub-0\nmessage-id:41-1\ncontent-length:20\n\n{"name":"not_found"}\0',
        b"RECEIPT\nreceipt-id:7\n\n\0",
    ]
    assert client.session.closing is None
    assert len(client.session.subscriptions) == 0
    assert not client.delivers(asked)
    client.session.refuse(asked.subscription, 404, b"", NOW_NS)
    assert client.reads() == []


def test_c2_a12_a_refused_send_is_answered_where_it_went_with_its_correlation() -> None:
    client = Client()
    (sent,) = client.types("SEND\ndestination:/app/x\ncorrelation-id:a\\cb\nreceipt:1\n\nbody\0")
    assert sent == Sent("/app/x", (("destination", "/app/x"), ("correlation-id", "a:b"), ("receipt", "1")), b"body")
    client.session.refuse(sent, 405, b"{}", NOW_NS)
    message, receipt = client.reads()
    assert [message.get(name) for name in ("status", "destination", "subscription", "correlation-id")] == [
        "405",
        "/app/x",
        "/app/x",
        "a:b",
    ]
    assert receipt.command == "RECEIPT"
    client.subscribes("id:mine\ndestination:/app/x")
    client.session.refuse(sent, 405, b"{}", NOW_NS)
    assert client.reads()[0].get("subscription") == "mine"


def test_an_answer_to_a_send_comes_under_the_oldest_subscription_that_is_left() -> None:
    client = Client()
    for each in (1, 2):
        client.subscribes(f"id:s{each}\ndestination:/x")
    seen = []
    for _ in range(3):
        (sent,) = client.types("SEND\ndestination:/x\n\n\0")
        assert isinstance(sent, Sent)
        client.session.refuse(sent, 405, b"", NOW_NS)
        seen.append(client.reads()[0].get("subscription"))
        client.types(f"UNSUBSCRIBE\nid:{seen[-1]}\n\n\0")
    assert seen == ["s1", "s2", "/x"]


def test_c2_a12_a_refusal_has_a_status_of_4xx_or_5xx() -> None:
    client = Client()
    with pytest.raises(ValueError, match="status: must be from 400 to 599, is 200"):
        client.session.refuse(client.subscribes().subscription, 200, b"", NOW_NS)


@pytest.mark.parametrize("version", [V1_1, V1_2])
def test_c2_s3_1_a_subscription_needs_an_id_from_1_1(version: Version) -> None:
    assert Client(version).refused("SUBSCRIBE\ndestination:/a\n\n\0") == "header missing"
    assert Client(version).refused("UNSUBSCRIBE\ndestination:/a\n\n\0") == "header missing"


def test_c2_s3_1_in_1_0_a_subscription_may_go_by_its_destination() -> None:
    client = Client(V1_0)
    to = client.subscribes("destination:/topic/config")
    assert client.delivers(to) == 1
    assert client.session.output() == [
        b"MESSAGE\nstatus:200\ndestination:/topic/config\ncontent-type:application/json;charset=UTF-8\n"
        b"message-id:41-1\ncontent-length:2\n\n{}\0"
    ]
    assert client.types("UNSUBSCRIBE\ndestination:/topic/config\n\n\0") == [Unsubscribed(to.subscription)]
    assert Client(V1_0).refused("UNSUBSCRIBE\n\n\0") == "header missing"


def test_c2_s3_1_ids_are_unique_within_a_connection_until_they_are_free_again() -> None:
    client = Client()
    to = client.subscribes()
    assert client.types("UNSUBSCRIBE\nack:auto\nid:s1\ndestination:/topic/other\n\n\0") == [
        Unsubscribed(to.subscription)
    ]
    assert not client.delivers(to)
    again = client.subscribes()
    assert not client.delivers(to)
    assert client.delivers(again)
    assert client.refused("SUBSCRIBE\nid:s1\ndestination:/b\n\n\0") == "subscription id in use"


def test_c2_s2_2_4_an_unsubscribe_of_an_unknown_id_is_no_fault() -> None:
    client = Client()
    client.subscribes("id:1\ndestination:/a")
    assert client.types("UNSUBSCRIBE\nid:sub-1\nreceipt:5\n\n\0") == []
    assert client.reads() == [Frame("RECEIPT", (("receipt-id", "5"),))]


def test_c2_s3_1_there_is_a_limit_on_subscriptions_and_their_ids() -> None:
    assert USUAL.subscriptions == 1_000
    client = Client()
    for number in range(1_000):
        client.subscribes(f"id:{number}\ndestination:/a")
    assert client.refused("SUBSCRIBE\nid:more\ndestination:/a\n\n\0") == "too many subscriptions"
    assert Client().refused(f"SUBSCRIBE\nid:{'x' * 257}\ndestination:/a\n\n\0") == "id too long"


@pytest.mark.parametrize("destination", ["/user/topic/orders/1", "/topic/balances", "/topic/balances/1"])
def test_c2_a11_a_message_names_the_destination_that_was_asked_for(destination: str) -> None:
    client = Client()
    to = client.subscribes(f"id:1\ndestination:{destination}")
    assert to.subscription.destination == destination
    client.delivers(to)
    assert client.reads()[0].get("destination") == destination


def test_c2_s3_1_the_limits_are_those_that_are_documented() -> None:
    assert (USUAL.limits.headers, USUAL.limits.line_bytes) == (64, 8 * 1024)
    assert (USUAL.limits.frame_bytes, USUAL.login_bytes) == (64 * 1024, 64 * 1024)
    assert (USUAL.subscriptions, USUAL.connect_ms) == (1_000, 5_000)
    assert USUAL.heartbeat == Offer(10_000, 10_000)


def test_c2_s3_1_a_subscription_needs_a_destination() -> None:
    assert Client().refused("SUBSCRIBE\nid:1\n\n\0") == "header missing"
    assert Client().refused("SEND\n\n\0") == "header missing"


@pytest.mark.parametrize(("version", "mode"), [(V1_0, "client-individual"), (V1_1, "never"), (V1_2, "AUTO")])
def test_c2_s3_1_an_unknown_ack_mode_is_an_error(version: Version, mode: str) -> None:
    assert Client(version).refused(f"SUBSCRIBE\nid:1\ndestination:/a\nack:{mode}\n\n\0") == "unknown ack mode"


def acknowledgement(version: Version, number: int, subscription: str = "s1", command: str = "ACK") -> str:
    """Return an acknowledgement as each version writes it."""
    header = f"id:41-{number}" if version is V1_2 else f"message-id:41-{number}"
    named = f"subscription:{subscription}\n" if version is V1_1 else ""
    return f"{command}\n{header}\n{named}\n\0"


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_c2_s3_1_client_mode_acknowledges_all_up_to_one(version: Version) -> None:
    client = Client(version)
    to = client.subscribes("id:s1\ndestination:/a\nack:client")
    other = client.subscribes("id:s2\ndestination:/a\nack:client")
    assert client.delivers(to, 2) == 2
    assert client.delivers(other) == 1
    assert client.delivers(to, 2) == 2
    assert [frame.get("ack") for frame in client.reads()[:2]] == (["41-1", "41-2"] if version is V1_2 else [None] * 2)
    assert client.types(acknowledgement(version, 4)) == [Acknowledged(to.subscription, (1, 2, 4), True)]
    assert client.types(acknowledgement(version, 2)) == []
    assert client.types(acknowledgement(version, 3, "s2")) == [Acknowledged(other.subscription, (3,), True)]
    assert client.types(acknowledgement(version, 5)) == [Acknowledged(to.subscription, (5,), True)]


@pytest.mark.parametrize("version", [V1_1, V1_2])
def test_c2_s3_1_client_individual_acknowledges_one_and_nack_drops_it(version: Version) -> None:
    client = Client(version)
    to = client.subscribes("id:s1\ndestination:/a\nack:client-individual")
    client.delivers(to, 3)
    assert client.types(acknowledgement(version, 2)) == [Acknowledged(to.subscription, (2,), True)]
    assert client.types(acknowledgement(version, 1, command="NACK")) == [Acknowledged(to.subscription, (1,), False)]
    assert list(to.subscription.unacked) == [3]


def test_c2_s3_1_there_is_no_nack_in_1_0() -> None:
    client = Client(V1_0)
    client.delivers(client.subscribes("id:s1\ndestination:/a\nack:client"))
    assert client.refused(acknowledgement(V1_0, 1, command="NACK")) == "unknown command"


@pytest.mark.parametrize(
    ("version", "frame", "rule"),
    [
        (V1_2, "ACK\nid:41-9\n\n\0", "unknown message"),
        (V1_2, "ACK\nid:41-0\n\n\0", "unknown message"),
        (V1_2, "ACK\nid:42-1\n\n\0", "unknown message"),
        (V1_2, "ACK\nid:41-²\n\n\0", "unknown message"),
        (V1_2, "ACK\nid:41-" + "9" * 5000 + "\n\n\0", "unknown message"),
        (V1_2, "ACK\nmessage-id:41-1\n\n\0", "header missing"),
        (V1_1, "ACK\nmessage-id:41-1\n\n\0", "header missing"),
        (V1_1, "ACK\nmessage-id:41-1\nsubscription:s2\n\n\0", "message of another subscription"),
        (V1_0, "ACK\nid:41-1\n\n\0", "header missing"),
    ],
)
def test_c2_s3_1_an_acknowledgement_names_a_message_as_its_version_does(
    version: Version, frame: str, rule: str
) -> None:
    client = Client(version)
    client.delivers(client.subscribes("id:s1\ndestination:/a\nack:client"))
    client.reads()
    assert client.refused(frame) == rule


def test_an_acknowledgement_that_is_late_or_not_needed_is_no_fault() -> None:
    client = Client()
    to, plain = client.subscribes("id:s1\ndestination:/a\nack:client"), client.subscribes("id:s2\ndestination:/a")
    client.delivers(to)
    client.delivers(plain)
    client.types("UNSUBSCRIBE\nid:s1\n\n\0")
    assert client.types("ACK\nid:41-1\n\n\0ACK\nid:41-2\n\n\0") == []
    assert client.session.closing is None


def test_c2_s3_1_what_waits_for_acknowledgements_is_bounded() -> None:
    client = Client(settings=ServerSettings(unacked=3, unacked_in_all=4))
    to, other = (client.subscribes(f"id:s{each}\ndestination:/a\nack:client") for each in (1, 2))
    assert client.delivers(to, 5) == 3
    assert client.delivers(other, 5) == 1
    client.types("ACK\nid:41-2\n\n\0")
    assert client.delivers(other, 5) == 2
    client.types("UNSUBSCRIBE\nid:s2\n\n\0")
    assert client.session.subscriptions.unacked == 1
    assert client.delivers(to, 5) == 2


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_c2_s3_1_a_transaction_takes_effect_at_its_commit(version: Version) -> None:
    client = Client(version)
    to = client.subscribes("id:s1\ndestination:/a\nack:client")
    client.delivers(to)
    ack = acknowledgement(version, 1).replace("ACK\n", "ACK\ntransaction:t\n")
    send = "SEND\ndestination:/x\ntransaction:t\n\nbody\0"
    assert client.types(f"BEGIN\ntransaction:t\n\n\0{send}{ack}") == []
    assert list(to.subscription.unacked) == [1]
    sent, acknowledged = client.types("COMMIT\ntransaction:t\n\n\0")
    assert isinstance(sent, Sent)
    assert sent.body == b"body"
    assert acknowledged == Acknowledged(to.subscription, (1,), True)


def test_c2_s3_1_an_aborted_transaction_never_took_place() -> None:
    client = Client()
    send = "SEND\ndestination:/x\ntransaction:t\n\n\0"
    assert client.types(f"BEGIN\ntransaction:t\n\n\0{send}ABORT\ntransaction:t\n\n\0") == []
    assert client.types("BEGIN\ntransaction:t\n\n\0COMMIT\ntransaction:t\n\n\0") == []
    client.types(f"BEGIN\ntransaction:t\n\n\0{send}DISCONNECT\n\n\0")
    assert client.session.closing == DISCONNECTED


@pytest.mark.parametrize(
    ("frames", "rule"),
    [
        ("BEGIN\n\n\0", "header missing"),
        ("BEGIN\ntransaction:t\n\n\0BEGIN\ntransaction:t\n\n\0", "transaction in use"),
        ("COMMIT\ntransaction:t\n\n\0", "unknown transaction"),
        ("ABORT\ntransaction:t\n\n\0", "unknown transaction"),
        ("SEND\ndestination:/x\ntransaction:t\n\n\0", "unknown transaction"),
        ("".join(f"BEGIN\ntransaction:{each}\n\n\0" for each in range(17)), "too many transactions"),
        (f"BEGIN\ntransaction:{'x' * 257}\n\n\0", "id too long"),
        ("BEGIN\ntransaction:t\n\n\0" + "SEND\ntransaction:t\n\n\0" * 2_000, "transactions too large"),
    ],
)
def test_c2_s3_1_a_transaction_begins_once_ends_once_and_is_bounded(frames: str, rule: str) -> None:
    assert Client().refused(frames) == rule


def test_what_transactions_held_is_free_again_when_they_end() -> None:
    client = Client()
    held = "SEND\ndestination:/x\ntransaction:t\n\n" + "x" * 60_000 + "\0"
    for _ in range(10):
        assert client.types(f"BEGIN\ntransaction:t\n\n\0{held}{held}ABORT\ntransaction:t\n\n\0") == []
    assert client.session.closing is None


@pytest.mark.parametrize("version", ALL_VERSIONS)
def test_c2_s3_1_every_frame_but_connect_gets_the_receipt_it_asks_for_in_order(version: Version) -> None:
    client = Client(version)
    client.types("SUBSCRIBE\nid:1\ndestination:/a\nreceipt:r1\n\n\0SEND\ndestination:/a\nreceipt:r2\n\n\0")
    client.types("BEGIN\ntransaction:t\nreceipt:r3\n\n\0COMMIT\ntransaction:t\nreceipt:r4\n\n\0")
    client.types("UNSUBSCRIBE\nid:1\nreceipt:r5\n\n\0DISCONNECT\nreceipt:r6\n\n\0SEND\nreceipt:r7\n\n\0")
    assert client.reads() == [Frame("RECEIPT", (("receipt-id", f"r{each}"),)) for each in range(1, 7)]
    assert client.session.closing == DISCONNECTED


def test_c2_s3_1_an_error_carries_the_receipt_of_its_frame_and_comes_behind_those_before() -> None:
    client = Client()
    client.types("SEND\ndestination:/a\nreceipt:1\n\n\0SUBSCRIBE\nid:1\nreceipt:a\\cb\n\n\0")
    receipt, error = client.reads()
    assert receipt.get("receipt-id") == "1"
    assert error.get("receipt-id") == "a:b"
    client = Client()
    client.types("SUBSCRIBE\nreceipt:8\nbroken\n\n\0")
    assert client.failed().get("receipt-id") == "8"


def test_c2_s3_1_after_disconnect_nothing_is_read_any_more() -> None:
    client = Client()
    to = client.subscribes()
    assert client.types("DISCONNECT\n\n\0NONSENSE") == []
    assert client.session.closing == DISCONNECTED
    assert client.types("more nonsense\0") == []
    assert not client.delivers(to)
    assert client.reads() == []
    assert client.session.next_deadline_ns() is None


def test_c2_a10_what_a_connection_held_is_dropped_when_it_ends() -> None:
    client = Client()
    to = client.subscribes("id:1\ndestination:/a\nack:client")
    client.delivers(to, 5)
    client.types("NONSENSE\n\n\0")
    assert len(client.session.subscriptions) == 0
    assert client.session.subscriptions.unacked == 0


TYPED = st.lists(
    st.sampled_from(
        [
            *("SUBSCRIBE\nid:1\ndestination:/a\nack:client\n\n\0", "SUBSCRIBE\nid:", "ACK\nid:41-", "1", "2", "\n"),
            *("UNSUBSCRIBE\nid:1\n\n\0", "SEND\ndestination:/a\n", "receipt:a\\c\n", "\n\0", "\0", "CONNECT\n\n\0"),
            *("BEGIN\ntransaction:t\n\n\0", "transaction:t\n", "COMMIT\ntransaction:t\n\n\0", "DISCONNECT\n\n\0"),
            *("accept-version:1.1\n", "heart-beat:1,1\n", "content-length:2\n", "\r\n", "\\", ":", "\ud800"),
        ]
    )
    | st.text(max_size=3),
    max_size=40,
)


@given(TYPED, st.sampled_from(ALL_VERSIONS), st.booleans())
def test_whatever_is_typed_is_taken_or_answered_with_an_error(typed: list[str], version: Version, login: bool) -> None:
    client = Client(version, ServerSettings(unacked=2, held_bytes=500, subscriptions=2), login=login)
    for data in typed:
        for event in client.types(data):
            if isinstance(event, Subscribed):
                client.delivers(event, 3)
            elif isinstance(event, Sent):
                client.session.refuse(event, 405, b"{}", NOW_NS)
            elif isinstance(event, LoginAsked):
                client.session.accept("ada", NOW_NS)
        client.version = client.session.version
        written = client.reads()
        ended = client.session.closing
        errors = [frame.get("message") for frame in written if frame.command == "ERROR"]
        assert errors == ([ended.reason] if ended is not None and ended.code == 1002 else [])
        if ended is not None:
            assert client.types("SEND\ndestination:/a\n\n\0") == []
            return
        assert len(client.session.subscriptions) <= 2


def test_c2_s2_2_1_s2_2_2_a_client_with_crlf_and_no_ack_header_is_read_and_answered_with_lf_alone() -> None:
    client = Client(login=False)
    client.types(b"CONNECT\r\nauthorization:t\r\naccept-version:1.2\r\nheart-beat:10000,10000\r\n\r\n\0")
    client.session.accept("ada", NOW_NS)
    (event,) = client.types(b"SUBSCRIBE\r\nid:1\r\ndestination:/topic/alerts\r\n\r\n\0\r\n")
    assert isinstance(event, Subscribed)
    client.delivers(event)
    written = b"".join(client.session.output())
    assert b"\r" not in written
    assert written.partition(b"subscription:")[2].partition(b"\nmessage-id:")[0] == b"1"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "x" * 65])
def test_a_session_has_a_name_that_can_be_in_a_header(name: str) -> None:
    with pytest.raises(ValueError, match="session: must match"):
        ServerSession(name, NOW_NS)
