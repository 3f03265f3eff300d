"""The websocket conversation: who is told what, and whose orders end when a connection does."""

from __future__ import annotations

import msgspec
import pytest
from exchange.entry.faults import KINDS
from exchange.entry.session import Close, Record, Send
from exchange.market.markets import NS_PER_S
from exchange.testing.venue import MARKET, NOW_NS, Client
from exchange.venue import Exchange

NS_PER_MS = 1_000_000


def place(number: int, price: str = "0.40", size: int = 5) -> dict[str, object]:
    return {
        "op": "place",
        "id": number,
        "client_order_id": str(number),
        "market": MARKET,
        "side": "bid",
        "outcome": "yes",
        "price": price,
        "size": size,
    }


def open_orders(client: Client) -> list[str]:
    return [order["client_order_id"] for order in client.rest("GET", "/orders")["orders"]]


def test_orders_of_a_connection_end_with_it_and_those_of_rest_do_not(maker: Client) -> None:
    maker.connect()
    maker.ws(place(11))
    maker.order("bid", "yes", "0.41", 5)
    maker.venue.on_close(maker.connection, NOW_NS)
    assert open_orders(maker) == ["1"]
    assert maker.rest("GET", "/orders/by-client-id/11")["order"]["reason"] == "disconnected"


def test_orders_outlive_a_connection_that_asked_for_it(maker: Client) -> None:
    maker.connect(cancel_on_disconnect=False)
    maker.ws(place(11))
    maker.venue.on_close(maker.connection, NOW_NS)
    assert open_orders(maker) == ["11"]


def test_two_connections_of_an_account_both_hear_and_each_owns_its_orders(venue: Exchange, maker: Client) -> None:
    other = Client(venue, "mm1", connection=7)
    maker.connect()
    other.connect()
    outputs = venue.on_frame(maker.connection, msgspec.json.encode(place(11)), NOW_NS)
    assert {out.connection for out in outputs if isinstance(out, Send)} == {1, 7}
    venue.on_close(other.connection, NOW_NS)
    assert open_orders(maker) == ["11"]


def test_the_dead_man_switch_cancels_and_refuses_until_a_heartbeat(maker: Client) -> None:
    maker.connect(deadman_ms=1_000)
    maker.ws(place(11))
    due_ns = NOW_NS + 1_000 * NS_PER_MS
    assert maker.venue.next_timer_ns() == due_ns
    assert maker.take(maker.venue.on_timer(due_ns - 1)) == []
    frames = maker.take(maker.venue.on_timer(due_ns))
    assert [frame["order"]["reason"] for frame in frames] == ["deadman"]
    maker.now_ns = due_ns + 1
    assert maker.ws(place(12))[0]["error"]["code"] == "deadman_expired"
    maker.ws({"op": "heartbeat", "id": 1})
    assert maker.ws(place(13))[0]["type"] == "reply"


def test_any_frame_is_a_sign_of_life(maker: Client) -> None:
    maker.connect(deadman_ms=1_000)
    maker.ws(place(11))
    for step in range(1, 5):
        maker.now_ns = NOW_NS + step * 900 * NS_PER_MS
        maker.ws(b"not even JSON")
    assert open_orders(maker) == ["11"]


def test_a_session_ends_with_its_token_and_a_new_login_renews_it(maker: Client) -> None:
    maker.connect()
    maker.ws(place(11))
    maker.now_ns = NOW_NS + 86_000 * NS_PER_S
    fresh = Client(maker.venue, "mm1", connection=99)
    fresh.now_ns = maker.now_ns
    del fresh.token
    fresh.token = fresh.rest("POST", "/auth/login", {"api_key": "mm1-trade", "api_secret": "secret-of-mm1-trade"})[
        "token"
    ]
    renewed = maker.ws({"op": "login", "id": 5, "token": fresh.token})
    assert renewed[0]["result"]["expires_ns"] == (maker.now_ns // NS_PER_S + 3_600) * NS_PER_S
    ended_ns = renewed[0]["result"]["expires_ns"]
    maker.venue.on_timer(ended_ns)
    maker.now_ns = ended_ns
    assert maker.ws(place(12))[0]["error"]["code"] == "not_logged_in"


def test_the_private_stream_is_numbered_without_gaps(maker: Client, taker: Client) -> None:
    maker.connect()
    start = maker.venue.ledger.account("mm1").sequence
    frames = maker.ws({**place(11, "0.46", 30), "outcome": "no"})
    for _ in range(3):
        frames += maker.take(
            taker.request(
                "POST",
                "/orders",
                {
                    "client_order_id": str(50 + _),
                    "market": MARKET,
                    "side": "bid",
                    "outcome": "yes",
                    "price": "0.54",
                    "size": 7,
                },
            ).outputs
        )
    frames += maker.ws({"op": "cancel", "id": 2, "client_order_id": "11"})
    numbers = [frame["account_sequence"] for frame in frames if "account_sequence" in frame]
    assert numbers == list(range(start + 1, start + 1 + len(numbers)))
    assert len(numbers) == 1 + 3 * 4 + 1


def test_a_stranger_hears_nothing_private(venue: Exchange, maker: Client, taker: Client) -> None:
    taker.connect()
    maker.connect()
    sent = venue.on_frame(1, msgspec.json.encode(place(11)), NOW_NS)
    assert all(out.connection == 1 for out in sent if isinstance(out, Send))


def test_public_channels_need_no_login_and_private_ones_do(venue: Exchange) -> None:
    venue.on_connect(3, NOW_NS)
    public = venue.on_frame(3, b'{"op": "subscribe", "id": 1, "channels": ["markets", "orderbook", "trades"]}', NOW_NS)
    assert len(public) == 1 + 2 + 1
    private = venue.on_frame(3, b'{"op": "subscribe", "id": 1, "channels": ["fills"]}', NOW_NS)
    assert b"not_logged_in" in private[0].data  # type: ignore[union-attr]


def test_an_unsubscribed_channel_falls_silent(maker: Client) -> None:
    maker.connect()
    maker.ws({"op": "unsubscribe", "id": 3, "channels": ["orders", "fills", "account"]})
    assert [frame["type"] for frame in maker.ws(place(11))] == ["reply"]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"op": 5}',
        b'{"op": "place"}',
        b'{"op": "login", "token": 5}',
        b'{"op": "login", "id": {}}',
        b'{"op": "subscribe", "channels": [[]]}',
        b'{"op": "subscribe", "channels": ["orderbook"], "markets": [5]}',
        b'{"op": "batch", "items": [5]}',
        b'{"op": "cancel_all", "market": 5}',
        b"[" * 5_000,
        b'{"op": "\xff"}',
        b'{"op": "place", "size": 1e999}',
        b'{"op": "heartbeat", "id": 123456789012345678901234567890}',
    ],
)
def test_a_broken_frame_gets_an_error_and_the_connection_lives_on(maker: Client, frame: bytes) -> None:
    maker.connect()
    answers = maker.ws(frame)
    assert len(answers) == 1
    if answers[0]["type"] == "error":
        assert answers[0]["error"]["message"]
    assert maker.ws(place(11))[0]["type"] == "reply"


def test_an_oversized_frame_closes_the_connection(maker: Client) -> None:
    maker.connect()
    outputs = maker.venue.on_frame(1, b" " * 65_537, NOW_NS)
    assert outputs == [Close(1, 1009, "frame over 64 KiB")]


def test_connections_are_bounded(venue: Exchange) -> None:
    for number in range(256):
        assert venue.on_connect(number, NOW_NS) == []
    assert venue.on_connect(256, NOW_NS) == [Close(256, 1013, "too many connections")]


def test_connections_per_key_are_bounded(venue: Exchange) -> None:
    clients = [Client(venue, "mm1", connection=number) for number in range(33)]
    assert clients[0].connect()[0]["type"] == "reply"
    answers = [client.connect()[0] for client in clients[1:]]
    assert [answer["type"] for answer in answers] == ["reply"] * 31 + ["error"]
    assert answers[-1]["error"]["code"] == "too_many_connections"


def test_the_journal_line_of_an_input_comes_before_its_frames(maker: Client) -> None:
    maker.connect()
    outputs = maker.venue.on_frame(1, msgspec.json.encode(place(11)), NOW_NS)
    assert isinstance(outputs[0], Record)
    assert not any(isinstance(out, Record) for out in outputs[1:])


@pytest.fixture
def admin(venue: Exchange) -> Client:
    return Client(venue, "admin", key="admin", connection=9)


def fault(admin: Client, kind: str, **more: object) -> None:
    assert admin.request("POST", "/admin/faults", {"fault": kind, "account": "mm1", **more}).status == 201


def test_a_dropped_ack_leaves_the_order_to_be_asked_for(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "drop_ack")
    assert [frame["type"] for frame in maker.ws(place(11))] == ["order"]
    assert maker.rest("GET", "/orders/by-client-id/11")["order"]["status"] == "open"
    assert maker.ws(place(12))[0]["type"] == "reply"


def test_an_error_after_acceptance_is_an_unknown_outcome(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "server_error_after_accept", count=2)
    assert maker.ws(place(11))[0]["error"]["code"] == "internal_error"
    assert maker.order("bid", "yes", "0.40", 5)["error"]["code"] == "internal_error"
    assert open_orders(maker) == ["11", "1"]


def test_a_doubled_fill_keeps_its_number(maker: Client, taker: Client, admin: Client) -> None:
    maker.connect()
    maker.ws({**place(11, "0.46", 30), "outcome": "no"})
    fault(admin, "duplicate_fill")
    taken = {"client_order_id": "1", "market": MARKET, "side": "bid", "outcome": "yes", "price": "0.54", "size": 7}
    frames = maker.take(taker.request("POST", "/orders", taken).outputs)
    fills = [frame for frame in frames if frame["type"] == "fill"]
    assert len(fills) == 2
    assert fills[0] == fills[1]


def test_lost_private_frames_leave_a_gap_and_rest_has_what_was_lost(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "drop_private")
    assert [frame["type"] for frame in maker.ws(place(11))] == ["reply"]
    after = maker.ws(place(12))[1]["account_sequence"]
    missed = maker.rest("GET", f"/orders?status=all&after={after - 2}")["orders"]
    assert [order["client_order_id"] for order in missed] == ["11", "12"]


def test_a_delayed_frame_keeps_its_place(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "delay_ms", value=50)
    assert maker.ws(place(11)) == []
    assert maker.ws(place(12)) == []
    assert maker.venue.next_timer_ns() == NOW_NS + 50 * NS_PER_MS
    frames = maker.take(maker.venue.on_timer(NOW_NS + 50 * NS_PER_MS))
    assert [frame["type"] for frame in frames] == ["reply", "order", "reply", "order"]


@pytest.mark.parametrize(("kind", "code"), [("reject", "unavailable"), ("rate_limit", "rate_limited")])
def test_a_refusal_on_demand_changes_nothing(maker: Client, admin: Client, kind: str, code: str) -> None:
    maker.connect()
    fault(admin, kind)
    assert maker.ws(place(11))[0]["error"]["code"] == code
    assert open_orders(maker) == []
    assert maker.ws(place(11))[0]["type"] == "reply"


@pytest.mark.parametrize(("outcome", "side"), [("yes", "bid"), ("no", "bid"), ("yes", "ask"), ("no", "ask")])
def test_a_fill_that_happened_just_before_a_cancel_comes_after_its_ack(
    maker: Client, admin: Client, outcome: str, side: str
) -> None:
    before = maker.venue.ledger.total_micros()
    maker.rest("POST", "/positions/split", {"market": MARKET, "size": 50})
    maker.connect()
    maker.ws({**place(11, "0.46", 30), "outcome": outcome, "side": side})
    fault(admin, "fill_after_cancel", value=10)
    frames = maker.ws({"op": "cancel", "id": 2, "client_order_id": "11"})
    assert [frame["type"] for frame in frames] == ["reply", "fill", "order", "account", "account", "order"]
    assert (frames[0]["result"]["order"]["filled"], frames[0]["result"]["order"]["status"]) == (10, "cancelled")
    assert (frames[1]["fill"]["price"], frames[1]["fill"]["size"]) == ("0.46", 10)
    deposited = maker.venue.ledger.account("faults").entries.rows[0][1]["amount"]
    assert maker.venue.ledger.total_micros() - before == int(float(deposited) * 1_000_000)
    assert maker.rest("GET", f"/markets/{MARKET}/orderbook")["bids"] == []


def test_a_missing_book_frame_leaves_a_gap_in_its_sequence(maker: Client, admin: Client) -> None:
    maker.connect()
    maker.ws({"op": "subscribe", "id": 3, "channels": ["orderbook"]})
    fault(admin, "book_gap")
    numbers = [
        frame["sequence"]
        for number in (11, 12, 13)
        for frame in maker.ws(place(number))
        if frame["type"] == "orderbook"
    ]
    assert numbers == [2, 3]


def test_a_silent_connection_stays_open_and_sends_nothing(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "silence", count=None)
    assert maker.ws(place(11)) == []
    admin.rest("DELETE", "/admin/faults")
    assert maker.ws({"op": "heartbeat", "id": 1})[0]["type"] == "reply"


def test_a_broken_frame_on_demand_comes_before_the_right_one(maker: Client, admin: Client) -> None:
    maker.connect()
    fault(admin, "malformed_frame")
    outputs = maker.venue.on_frame(1, b'{"op": "heartbeat", "id": 1}', NOW_NS)
    assert [out.data[:9] for out in outputs if isinstance(out, Send)] == [b'{"type": ', b'{"type":"']


def test_connections_are_cut_on_demand(maker: Client, admin: Client) -> None:
    maker.connect()
    response = admin.request("POST", "/admin/faults", {"fault": "disconnect", "account": "mm1"})
    assert response.outputs == [Close(1, 1012, "cut on demand")]


def test_faults_are_checked_and_bounded(maker: Client, admin: Client) -> None:
    assert maker.request("POST", "/admin/faults", {"fault": "drop_ack"}).status == 403
    for bad in (
        {"fault": "no"},
        {"fault": "delay_ms"},
        {"fault": "drop_ack", "value": 5},
        {"fault": "drop_ack", "count": 0},
        {"fault": "drop_ack", "probability": 2},
        {"fault": "drop_ack", "chance": 1},
    ):
        assert admin.request("POST", "/admin/faults", bad).status == 422, bad
    for kind in KINDS:
        if kind != "disconnect":
            value = {"value": 5} if kind in ("delay_ms", "fill_after_cancel") else {}
            assert admin.request("POST", "/admin/faults", {"fault": kind, "account": "nobody", **value}).status == 201
    listed = admin.rest("GET", "/admin/faults")["faults"]
    assert [row["fault"] for row in listed] == [kind for kind in KINDS if kind != "disconnect"]
    assert admin.rest("DELETE", f"/admin/faults/{listed[0]['fault_id']}")["deleted"] == 1
    codes = [
        admin.request("POST", "/admin/faults", {"fault": "drop_ack", "account": "nobody"}).status for _ in range(95)
    ]
    assert (codes[0], codes[-1]) == (201, 422)
