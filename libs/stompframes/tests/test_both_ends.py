"""Our client against our server in memory: whatever they do, in whatever pieces it arrives, both agree on it."""

from __future__ import annotations

from collections import defaultdict
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from stompframes.client import ClientSession, ClientSettings, Closed, Connected, Message, Receipt
from stompframes.client import Event as Seen
from stompframes.frames import ALL_VERSIONS, Version
from stompframes.heartbeats import NS_PER_MS
from stompframes.messages import SharedMessage
from stompframes.server import Acknowledged, Closing, LoginAsked, ServerSession, Subscribed, Unsubscribed
from stompframes.server import Event as Heard
from stompframes.subscriptions import AckMode, Subscription

V1_0, V1_1, V1_2 = ALL_VERSIONS
STEPS = st.lists(st.sampled_from(["subscribe", "deliver", "ack", "unsubscribe", "wait"]), max_size=40)


class Wire:
    """Both ends of one connection; what is written arrives whole, or cut as chance will have it."""

    def __init__(self, versions: tuple[Version, ...], seed: int) -> None:
        self.now_ns = 0
        self.client = ClientSession(ClientSettings(versions=versions))
        self.server = ServerSession("41", self.now_ns)
        self.seen: list[Seen] = []
        self.heard: list[Heard] = []
        self.open: dict[str, Subscription] = {}
        self.chance = Random(seed)
        self.client.connect((("authorization", "bearer t"),), self.now_ns)
        self.flow()

    def flow(self) -> None:
        """Carry bytes both ways until nobody has any left."""
        while True:
            up, down = b"".join(self.client.output()), b"".join(self.server.output())
            if not up and not down:
                return
            for piece in self.pieces(up):
                self.heard += self.server.receive(piece, self.now_ns)
            for piece in self.pieces(down):
                self.seen += self.client.receive(piece, self.now_ns)
            for event in self.heard:
                self.act_on(event)
            self.heard.clear()

    def pieces(self, data: bytes) -> list[bytes]:
        cuts = sorted(self.chance.randrange(len(data) + 1) for _ in range(self.chance.randrange(6)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]

    def act_on(self, event: Heard) -> None:
        if isinstance(event, LoginAsked):
            assert event.token == "t"
            self.heard += self.server.accept("ada", self.now_ns)
        elif isinstance(event, Subscribed):
            self.open[event.subscription.id or ""] = event.subscription
        elif isinstance(event, Unsubscribed):
            del self.open[event.subscription.id or ""]
        elif isinstance(event, Acknowledged):
            assert event.accepted

    def closing(self) -> Closing | None:
        return self.server.closing

    def wait(self, ms: int) -> None:
        """Let time pass, each end woken when it asked to be."""
        until_ns = self.now_ns + ms * NS_PER_MS
        while True:
            deadlines = (self.client.next_deadline_ns(), self.server.next_deadline_ns())
            due_ns = min((each for each in deadlines if each is not None), default=until_ns)
            if due_ns >= until_ns:
                self.now_ns = until_ns
                return
            self.now_ns = due_ns
            self.seen += self.client.on_time(due_ns)
            self.server.on_time(due_ns)
            self.flow()


@given(STEPS, st.sampled_from(ALL_VERSIONS), st.integers(0, 2**32), st.data())
def test_both_ends_agree_on_subscriptions_messages_and_acknowledgements(
    steps: list[str], version: Version, seed: int, data: st.DataObject
) -> None:
    wire = Wire((version,), seed)
    sent: dict[str, list[bytes]] = defaultdict(list)
    modes = [AckMode.AUTO, AckMode.CLIENT] + [AckMode.INDIVIDUAL] * (version is not V1_0)
    for number, step in enumerate(steps):
        if step == "subscribe":
            wire.client.subscribe(f"/topic/a:{number}\\", wire.now_ns, data.draw(st.sampled_from(modes)), f"r{number}")
        elif step == "deliver" and wire.open:
            to = data.draw(st.sampled_from(sorted(wire.open)))
            body = b"%d\0" % number
            if wire.server.deliver(wire.open[to], SharedMessage(wire.open[to].destination, body), wire.now_ns):
                sent[to].append(body)
        elif step == "ack":
            messages = [event for event in wire.seen if isinstance(event, Message)]
            if messages:
                wire.client.ack(data.draw(st.sampled_from(messages)), wire.now_ns)
        elif step == "unsubscribe" and wire.client.subscriptions:
            wire.client.unsubscribe(data.draw(st.sampled_from(sorted(wire.client.subscriptions))), wire.now_ns)
        elif step == "wait":
            wire.wait(data.draw(st.integers(1, 100_000)))
        wire.flow()
    assert wire.closing() is None
    assert {id_: to.destination for id_, to in wire.open.items()} == wire.client.subscriptions
    got: dict[str, list[bytes]] = defaultdict(list)
    for event in wire.seen:
        if isinstance(event, Message):
            assert event.status == 200
            got[event.subscription or ""].append(event.body)
    assert got == sent
    assert wire.client.pending_receipts == set()
    wire.client.disconnect(wire.now_ns)
    wire.flow()
    assert wire.seen[-1] == Closed("disconnected")
    assert wire.closing() == Closing(1000, "disconnected")


@given(st.sets(st.sampled_from(ALL_VERSIONS), min_size=1), st.integers(0, 2**32))
def test_c2_s3_1_the_highest_version_of_both_is_agreed_on(versions: set[Version], seed: int) -> None:
    wire = Wire(tuple(sorted(versions, reverse=True)), seed)
    assert isinstance(wire.seen[0], Connected)
    assert wire.client.version is wire.server.version is max(versions)


def test_c2_a9_quiet_ends_keep_each_other_alive_and_a_dead_wire_ends_both() -> None:
    wire = Wire(ALL_VERSIONS, 1)
    wire.wait(3_600_000)
    assert not wire.client.closed
    assert wire.closing() is None
    late_ns = wire.now_ns + 31_000 * NS_PER_MS
    assert [type(event) for event in wire.client.on_time(late_ns)] == [Closed]
    wire.server.on_time(late_ns)
    assert wire.closing() is not None


def test_a_receipt_comes_behind_the_answer_to_its_frame() -> None:
    wire = Wire(ALL_VERSIONS, 1)
    wire.client.subscribe("/topic/none", wire.now_ns, receipt="r")
    for item in wire.client.output():
        (event,) = wire.server.receive(item, wire.now_ns)
        assert isinstance(event, Subscribed)
        wire.server.refuse(event.subscription, 404, b"{}", wire.now_ns)
    wire.flow()
    message, receipt = wire.seen[1:]
    assert isinstance(message, Message)
    assert (message.status, message.subscription) == (404, "sub-0")
    assert receipt == Receipt("r")
