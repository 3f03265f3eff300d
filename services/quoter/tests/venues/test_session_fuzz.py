"""Documents and frames of every venue changed member by member: what is whole is read, and no fill is ever lost.

Each example begins with a session that is up and two orders that rest. Then one kind of document is changed wherever it
comes, while one order is executed unseen and the other told on the channel. Whatever the changed documents made of it,
nothing breaks; and once documents are whole again, every execution is counted once and the session is at rest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from common.core import HttpResponse
from common.events import Fill, Halt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quoter.testing.stage import Stage
from quoter.testing.stages import STAGES

WHOLE_MS = 90_000
"""By then everything that was missed has been asked for again."""
BROKEN_MS = 20_000
FRAME = "frame"
DROPPED = object()
HUGE = [10**40, -(10**40), 1e308, "9" * 200, "-1", "1e999", "NaN"]
ODD: list[Any] = [None, "", DROPPED, 0, -7, True, "?!", [], {}, [[]], {"a": None}, *HUGE]
ROUTES: dict[str, tuple[str, ...]] = {
    "binance": (
        "/openOrders",
        "/myTrades",
        "/order",
        "/account",
        "/account/commission",
        "/exchangeInfo",
        "/time",
        FRAME,
    ),
    "degen": ("/orders", "/fills", "/statement", "/positions", "/balance", "/orders/by-client-id", FRAME),
    "kraken": (
        *("/OpenOrders", "/ClosedOrders", "/QueryOrders", "/TradesHistory", "/BalanceEx", "/AssetPairs"),
        *("/AddOrder", "/GetWebSocketsToken", "/TradeVolume", "/CancelAllOrdersAfter", FRAME),
    ),
    "polymarket": (
        *("/data/orders", "/data/trades", "/data/order", "/balance-allowance", "/positions", "/clob-markets"),
        *("/orders", "/cancel-all", "/v1/heartbeats", FRAME),
    ),
}


def members(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every member of a document, and to every row of its lists."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from members(value, (*path, key))


def with_member(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with one member changed, or taken out."""
    document = copy.deepcopy(document)
    place = document
    for key in path[:-1]:
        place = place[key]
    if value is not DROPPED:
        place[path[-1]] = value
    elif isinstance(place, dict):
        del place[path[-1]]
    else:
        place.pop(path[-1])
    return document


def shuffled(document: Any, seed: int) -> Any:
    """Return a document whose members stand in another order, and so do the rows of its lists."""
    if isinstance(document, dict):
        items = sorted(document.items(), key=lambda item: hash((seed, item[0])))
        return {key: shuffled(value, seed) for key, value in items}
    if isinstance(document, list) and seed % 2:
        return [shuffled(value, seed) for value in reversed(document)]
    return document


def changing(route: str, seed: int, choose: Callable[[int], int], odd: Any) -> Callable[[str, Any], Any]:
    """Return what changes a kind of document: a member of it, or the order of all of them."""

    def change(told: str, document: Any) -> Any:
        if (
            not told.startswith(route)
            or (route == "/orders" and told != route)
            or not isinstance(document, dict | list)
        ):
            return document
        ways = list(members(document))
        if odd is ODD or not ways:
            return shuffled(document, seed)
        return with_member(document, ways[choose(len(ways))], odd)

    return change


def up(stage: Stage) -> tuple[int, int]:
    stage.start()
    assert stage.session.reconciled
    first, second = stage.place(40, 39)
    return first, second


def demand_whole(stage: Stage, order_ids: tuple[int, int], lots: int) -> None:
    assert [stage.filled(order_id) for order_id in order_ids] == [lots, lots]
    fills = [event for event in stage.told if isinstance(event, Fill)]
    assert len({fill.message_id() for fill in fills}) == len(fills)
    assert stage.session.reconciled
    assert stage.snapshots()
    assert not [event for event in stage.told if isinstance(event, Halt)]
    living = {order.order_id for order in stage.orders.living() if not order.state.terminal}
    assert living == stage.resting()


@pytest.mark.parametrize("venue", sorted(STAGES))
@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.data_too_large],
    database=None,
)
@given(data=st.data())
def test_r5_r21_no_changed_member_of_any_document_breaks_a_session_or_loses_a_fill(
    venue: str, data: st.DataObject
) -> None:
    stage = STAGES[venue]()
    order_ids = up(stage)
    lots = stage.lots // 4
    route = data.draw(st.sampled_from(ROUTES[venue]), label="document")
    odd = data.draw(st.sampled_from([*ODD, ODD]), label="member becomes")
    # The same member each time, wherever the document is long enough.
    where = data.draw(st.integers(0, 400), label="which")
    stage.tiny.change = changing(route, where, lambda count: where % count, odd)
    stage.fill(order_ids[0], lots, told=False)
    stage.fill(order_ids[1], lots)
    stage.wait(BROKEN_MS)
    if data.draw(st.booleans(), label="cut"):
        stage.cut()
        stage.wait(BROKEN_MS)
    stage.tiny.change = None
    stage.settle()
    stage.told[:] = [event for event in stage.told if isinstance(event, Fill | Halt)]
    stage.wait(WHOLE_MS)
    demand_whole(stage, order_ids, lots)


@pytest.mark.parametrize("venue", sorted(STAGES))
@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(body=st.binary(max_size=60) | st.sampled_from([b"null", b"[]", b"{}", b"[null]", b'"x"', b"[" * 5_000]))
def test_r5_r21_no_bytes_for_an_answer_or_a_frame_break_a_session_or_lose_a_fill(venue: str, body: bytes) -> None:
    stage = STAGES[venue]()
    order_ids = up(stage)
    lots = stage.lots // 4
    answer = stage.tiny.on_ask
    stage.tiny.on_ask = lambda ask: HttpResponse(answer(ask).request_id, 200, body, {})  # type: ignore[method-assign]
    stage.fill(order_ids[0], lots, told=False)
    stage.deliver([body])
    stage.fill(order_ids[1], lots)
    stage.wait(BROKEN_MS)
    stage.tiny.on_ask = answer  # type: ignore[method-assign]
    stage.settle()
    stage.told[:] = [event for event in stage.told if isinstance(event, Fill | Halt)]
    stage.wait(WHOLE_MS)
    demand_whole(stage, order_ids, lots)
