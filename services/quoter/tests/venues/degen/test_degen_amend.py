"""Amendments at the Degen Terminal: how they are written, and what each answer says of them."""

from __future__ import annotations

import json
from decimal import Decimal

from common.instruments import NONE, Side
from common.orders import LIVE
from hypothesis import given
from hypothesis import strategies as st
from quoter.venues.base import Amendment, AmendRejected, CancelRejected, OrderRejected, OrderReport, Placement, Unknown
from quoter.venues.degen.frames import WireError
from quoter.venues.degen.order_entry import (
    BATCH_ITEMS_MAX,
    Items,
    batch_frame,
    batches,
    outcomes,
    refused_items,
    unsent,
)

TICK, LOT = Decimal("0.01"), Decimal("0.0001")


def amendment(order_id: int) -> Amendment:
    return Amendment(order_id, 6_000_500, 2_000, TICK, LOT)


def placement(order_id: int) -> Placement:
    return Placement(order_id, "BTCUSD", NONE, Side.BUY, 6_000_000, 1_000, True, False, TICK, LOT)


def test_a_batch_cancels_then_amends_then_places() -> None:
    frame = json.loads(batch_frame(5, [1], [placement(3)], [amendment(2)]))
    cancel, amend, place = frame["items"]
    assert cancel == {"op": "cancel", "client_order_id": "1"}
    assert amend == {"op": "amend", "client_order_id": "2", "price": "60005.00", "size": "0.2000"}
    assert (place["op"], place["client_order_id"]) == ("place", "3")


def test_each_answer_is_that_of_its_order() -> None:
    waiting = Items([1], [amendment(2), amendment(3)], [placement(4)]).waiting(0)
    report = OrderReport(2, "v", "BTCUSD", NONE, Side.BUY, 6_000_500, 2_000, 0, LIVE, "", 2, 1)
    refused, doubtful = WireError("would_cross", "would trade at once"), list[int]()
    assert outcomes(waiting, [refused, report, refused, refused], doubtful) == [
        CancelRejected(1, "would_cross", refused.message),
        report,
        AmendRejected(3, "would_cross", refused.message),
        OrderRejected(4, "would_cross", refused.message),
    ]
    assert doubtful == []
    assert [type(each) for each in outcomes(waiting, [], doubtful)] == [Unknown] * 4
    assert doubtful == [1, 2, 3, 4]
    assert len(refused_items(waiting, refused)) == 4


def test_without_a_websocket_nothing_is_amended() -> None:
    (told,) = unsent([amendment(2)])
    assert isinstance(told, AmendRejected)
    assert (told.order_id, told.code) == (2, "no_websocket")


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 120))
def test_batches_have_everything_once_in_order_and_no_more_than_the_venue_takes(
    cancels: int, amendments: int, places: int
) -> None:
    sent = (
        list(range(cancels)),
        [amendment(each) for each in range(amendments)],
        [placement(each) for each in range(places)],
    )
    found = list(batches(*sent))
    assert all(sum(map(len, items)) <= BATCH_ITEMS_MAX for items in found)
    for kind in range(3):
        assert [each for items in found for each in items[kind]] == sent[kind]
    kinds = [kind for items in found for kind in range(3) for _ in items[kind]]
    assert kinds == sorted(kinds)
