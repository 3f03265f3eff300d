"""The book of own orders: what a venue tells twice changes nothing."""

from __future__ import annotations

from common.instruments import Outcome, Side
from common.orders import LEGAL_STEPS, OrderState, may_step
from quoter.orders.own_orders import Order, Orders
from quoter.venues.base import OrderReport


def report(state: OrderState, executed: int = 0, venue_sequence: int = 1) -> OrderReport:
    return OrderReport(7, "v7", "M", Outcome.YES, Side.BUY, 40, 100, executed, state, "", venue_sequence, 5)


def test_a_report_told_again_changes_neither_the_order_nor_its_market() -> None:
    orders = Orders()
    order = Order(7, "1", "M", Outcome.YES, Side.BUY, 40, 100)
    orders.add(order)
    assert orders.report(order, report(OrderState.LIVE))
    version = orders.open_orders("1", "M").version
    assert not orders.report(order, report(OrderState.LIVE))
    assert orders.open_orders("1", "M").version == version
    assert orders.report(order, report(OrderState.LIVE, executed=10, venue_sequence=2))
    assert orders.open_orders("1", "M").version == version + 1


def test_the_steps_of_an_order_are_those_that_are_listed() -> None:
    for state in OrderState:
        assert {each for each in OrderState if may_step(state, each)} == LEGAL_STEPS[state] | {state}
        assert state.terminal == (LEGAL_STEPS[state] <= {OrderState.FILLED})
