"""Orders in any order of news: what rests is what the last update of each says."""

from __future__ import annotations

import pytest
from common.events import OrderUpdate
from common.instruments import Outcome, Side
from common.orders import OrderState
from gateway.blotter import resting
from gateway.blotter.resting import RestingOrders
from hypothesis import given
from hypothesis import strategies as st

STATES = [OrderState.SUBMITTING, OrderState.LIVE, OrderState.CANCELLING, OrderState.CANCELLED]


def update(order_id: int, sequence: int, state: OrderState, account: str = "mm1") -> OrderUpdate:
    return OrderUpdate(
        account=account,
        algo_id="1",
        venue="degen",
        symbol="M",
        order_id=order_id,
        order_sequence=sequence,
        outcome=Outcome.YES,
        side=Side.BUY,
        price_ticks=50,
        quantity_lots=10,
        leaves_lots=10,
        state=state,
        ts_received_ns=sequence,
    )


LIVES = {
    order_id: [update(order_id, number + 1, state) for number, state in enumerate(STATES[:length])]
    for order_id, length in ((1, 4), (2, 3), (3, 2), (4, 4))
}
EVERY = [each for life in LIVES.values() for each in life]


@given(st.permutations(EVERY), st.lists(st.sampled_from(EVERY)))
def test_news_in_any_order_and_repeated_ends_in_the_same_orders(
    news: list[OrderUpdate], again: list[OrderUpdate]
) -> None:
    orders = RestingOrders()
    for each in [*news, *again]:
        orders.apply(each)
    assert {each.order_id: each.state for each in orders.open()} == {2: OrderState.CANCELLING, 3: OrderState.LIVE}
    assert {each.order_id for each in orders.finished()} == {1, 4}


def test_orders_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "ORDERS_MAX", 5)
    monkeypatch.setattr(resting, "FINISHED_MAX", 3)
    orders = RestingOrders()
    for number in range(1, 20):
        orders.apply(update(number, 1, OrderState.LIVE))
        orders.apply(update(100 + number, 1, OrderState.FILLED))
    assert [each.order_id for each in orders.open()] == [15, 16, 17, 18, 19]
    assert [each.order_id for each in orders.finished()] == [119, 118, 117]


def test_orders_of_two_accounts_with_one_id_are_two_orders() -> None:
    orders = RestingOrders()
    orders.apply(update(7, 3, OrderState.LIVE))
    orders.apply(update(7, 1, OrderState.LIVE, "mm2"))
    assert [(each.account, each.order_id) for each in orders.open()] == [("mm1", 7), ("mm2", 7)]
    orders.end("mm1", 8, "its watchdog")
    assert [each.account for each in orders.open()] == ["mm2"]
    assert [each.account for each in orders.finished()] == ["mm1"]
