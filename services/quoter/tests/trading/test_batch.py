"""What leaves in one turn, and in which order: nothing goes ahead of its own place."""

from __future__ import annotations

from typing import Any

import pytest
from common.events import Alert
from common.instruments import Outcome, Side
from common.orders import OrderState
from common.pretrade import Approved, NewOrder
from quoter.orders.own_orders import NEVER_SENT
from quoter.testing.binary import terms_of
from quoter.testing.ending import book_of, crossings, near_expiry
from quoter.testing.script import MARKET, Script, fair_value, market
from quoter.trading.batch import Batch


def items(script: Script) -> list[dict[str, Any]]:
    return [item for frame in script.venue.received if frame["op"] == "batch" for item in frame["items"]]


def test_r61_an_order_placed_and_cancelled_in_one_turn_never_leaves() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.received.clear()
    trader = script.core.trader
    before = trader.orders.counts_of("1")[0]
    first = list(script.core.on_fair(fair_value(0.53), script.receipt()))
    between = [order.order_id for order in trader.orders.of("1", MARKET) if order.state is OrderState.SUBMITTING]
    assert between
    second = list(script.core.on_fair(fair_value(0.56), script.receipt()))
    script.carry([*first, *second])
    script.wait(200, fair=0.56)
    placed = {item["client_order_id"] for item in items(script) if item["op"] == "place"}
    cancelled = {item["client_order_id"] for item in items(script) if item["op"] == "cancel"}
    gone = {str(order_id) for order_id in between if str(order_id) not in placed}
    assert gone, "the middle quotes were overtaken"
    assert not gone & cancelled
    assert not {update.order_id for update in script.news()} & {int(order_id) for order_id in gone}
    known = trader.orders.get(int(min(gone)))
    assert known is not None
    assert (known.state, known.reason) == (OrderState.REJECTED, NEVER_SENT)
    assert trader.orders.counts_of("1")[0] == before + len(placed)


def test_r61_a_reprice_that_gives_way_to_an_order_that_takes_leaves_no_stray_and_no_ghost() -> None:
    script = near_expiry(100, 0)
    script.venue.takeable = 100
    # In one turn: the price moves and quotes follow it, then the book is there to be taken.
    effects = list(script.core.on_fair(fair_value(0.53), script.receipt()))
    assert list(script.core.on_book(book_of(script, [(0.52, 100)], []), script.receipt())) == []
    script.carry([*effects, *script.core.on_timer(script.receipt())])
    script.wait(400, fair=0.53)
    assert [item["outcome"] for item in crossings(script)] == ["no"]
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 100)
    assert [alert.kind for alert in script.of(Alert)] == []
    assert script.venue.open_orders() == []
    assert list(script.core.trader.orders.living()) == []


def test_only_an_approved_order_can_be_placed() -> None:
    script = Script()
    script.quoting(0.50)
    trader = script.core.trader
    pair = terms_of(market()).pair
    wanted = NewOrder(1, "1", "mm1", pair.yes, Side.BUY, 40, 100, script.now_ns + 1)
    batch = Batch(trader.session, trader.orders, trader.news, trader.own_depth)
    # The type checker refuses it; where it has not run, so does the batch.
    with pytest.raises(AttributeError):
        batch.place(wanted, script.now_ns)  # type: ignore[arg-type]
    assert 1 not in trader.orders
    batch.place(Approved(wanted, pair.yes.on_axis(Side.BUY, 40), 40.0, 40.0), script.now_ns)
    assert [order.order_id for order in batch.unsent(trader.orders.living())] == [1]


def test_r61_a_cancel_for_all_takes_back_what_has_not_left_and_sends_what_has_in_order() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.received.clear()
    effects = list(script.core.on_fair(fair_value(0.55), script.receipt()))
    effects += script.doors.on_cancel_all_command({"scope": "global", "actor": "test"}, script.receipt())
    script.carry(effects)
    script.wait(200, fair=0.55)
    known: set[str] = set()
    for item in items(script):
        if item["op"] == "place":
            known.add(item["client_order_id"])
        elif item["client_order_id"] not in script.venue.orders:
            raise AssertionError(f"{item} goes ahead of its place")
    assert script.venue.open_orders() == []
    assert {alert.kind for alert in script.of(Alert)} <= {"cancel_all", "emptied"}
    assert {order.outcome for order in script.core.trader.orders.living()} == set[Outcome]()
