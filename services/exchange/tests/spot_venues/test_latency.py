"""Frames take their time each way and keep their order; what is on its way when its connection ends never arrives."""

from __future__ import annotations

import msgspec
from exchange.entry.session import Output, Record, Send
from exchange.spot_venues.venue import SpotVenue
from exchange.testing.spot_venues import file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client

MS = 1_000_000


def slow(latency_in_ms: float, latency_out_ms: float) -> SpotVenue:
    own = {"latency_in_ms": latency_in_ms, "latency_out_ms": latency_out_ms}
    venue = spot_venues(file_of(KRAKEN=own)).by_name["KRAKEN"]
    venue.start(NOW_NS)
    return venue


def frames(outputs: list[Output]) -> list[dict[str, object]]:
    return [msgspec.json.decode(out.data) for out in outputs if isinstance(out, Send)]


def logged_in(venue: SpotVenue, at_ns: int) -> None:
    token = Client(venue, "mm1").token
    venue.on_connect(1, at_ns)
    body = {"op": "login", "id": 1, "token": token, "cancel_on_disconnect": False}
    venue.on_frame(1, msgspec.json.encode(body), at_ns)


def order(number: int) -> bytes:
    body = {"op": "place", "id": number, "client_order_id": str(number), "symbol": "BTCUSD", "side": "bid"}
    return msgspec.json.encode({**body, "price": "50000.0", "size": "0.01", "post_only": True})


def played(venue: SpotVenue, until_ns: int) -> list[tuple[int, dict[str, object]]]:
    """Let time pass as the venue's timers say; returns what arrived, and when."""
    arrived = []
    while (due_ns := venue.next_timer_ns()) <= until_ns:
        arrived += [(due_ns, frame) for frame in frames(venue.on_timer(due_ns))]
    return arrived


def test_an_order_is_taken_after_the_way_in_and_its_answer_seen_after_the_way_out() -> None:
    venue = slow(30, 20)
    logged_in(venue, NOW_NS)
    played(venue, NOW_NS + 100 * MS)
    at_ns = NOW_NS + 100 * MS
    assert venue.on_frame(1, order(7), at_ns) == []
    venue.on_timer(at_ns + 29 * MS)
    assert not venue.ledger.account("mm1").open_orders
    ((seen_ns, answer),) = played(venue, at_ns + 200 * MS)
    (placed,) = venue.ledger.account("mm1").open_orders.values()
    assert placed.created_ns == at_ns + 30 * MS
    assert seen_ns == at_ns + 50 * MS
    assert (answer["type"], answer["ts_ns"]) == ("reply", at_ns + 30 * MS)


def test_frames_keep_their_order_and_the_journal_does_not_wait_for_the_way_out() -> None:
    venue = slow(0, 40)
    logged_in(venue, NOW_NS)
    played(venue, NOW_NS + 100 * MS)
    at_ns = NOW_NS + 100 * MS
    outputs = [out for number in (1, 2, 3) for out in venue.on_frame(1, order(number), at_ns + number)]
    assert [type(out) for out in outputs] == [Record, Record, Record]
    assert [frame["id"] for _, frame in played(venue, at_ns + 100 * MS)] == [1, 2, 3]


def test_what_has_not_arrived_when_its_connection_ends_never_does() -> None:
    venue = slow(30, 20)
    logged_in(venue, NOW_NS)
    played(venue, NOW_NS + 100 * MS)
    at_ns = NOW_NS + 100 * MS
    venue.on_frame(1, order(7), at_ns)
    venue.on_close(1, at_ns + 10 * MS)
    played(venue, at_ns + 500 * MS)
    client = Client(venue, "mm1")
    client.now_ns = at_ns + 500 * MS
    assert client.rest("GET", "/orders/by-client-id/7")["error"]["code"] == "unknown_order"


def test_without_latency_nothing_waits() -> None:
    venue = slow(0, 0)
    logged_in(venue, NOW_NS)
    assert [frame["id"] for frame in frames(venue.on_frame(1, order(7), NOW_NS))] == [7]


def test_cancels_at_the_end_of_a_connection_are_not_late() -> None:
    venue = slow(30, 20)
    token = Client(venue, "mm1").token
    venue.on_connect(1, NOW_NS)
    venue.on_frame(1, msgspec.json.encode({"op": "login", "id": 1, "token": token}), NOW_NS)
    venue.on_frame(1, order(7), NOW_NS)
    played(venue, NOW_NS + 100 * MS)
    assert venue.ledger.account("mm1").open_orders
    venue.on_close(1, NOW_NS + 100 * MS)
    assert not venue.ledger.account("mm1").open_orders
