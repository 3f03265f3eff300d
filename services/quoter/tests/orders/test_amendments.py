"""An amendment on its way: whatever the venue makes of it, never less counts than may be executed."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

import pytest
from common.events import Liquidity
from common.instruments import BUY, NONE, OnAxis
from common.orders import CANCELLING, FILLED, LIVE, UNKNOWN, OrderState
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.orders.own_orders import Order, Orders, Standing
from quoter.testing.spot import coin_terms
from quoter.venues.base import Execution, OrderReport

COIN = "BTCUSD"
TERMS = coin_terms()


class TinyVenue:
    """One order at a venue, with messages on their way in both directions."""

    def __init__(self) -> None:
        self.orders = Orders()
        self.order = Order(7, "1", COIN, NONE, BUY, 100, 10, LIVE)
        self.orders.add(self.order)
        self.at, self.filled, self.sequence, self.trades = Standing(100, 10), 0, 1, 0
        self.asked: deque[Standing] = deque()
        self.told: deque[OrderReport | Execution | None] = deque()
        """None is a refusal of the amendment."""

    @property
    def leaves(self) -> int:
        return self.at.quantity_lots - self.filled

    def amend(self, ticks: int, lots: int) -> None:
        """Send another price and size left, as a batch does in place of a cancel."""
        order = self.order
        if order.before is None and order.state is LIVE:
            self.orders.step(order, CANCELLING)
            to = Standing(ticks, order.filled_lots + lots)
            self.orders.amend(order, to, OnAxis(True, ticks))
            self.asked.append(to)

    def work(self, *, refuses: bool) -> None:
        """Let the venue take in the next amendment."""
        if not self.asked:
            return
        to = self.asked.popleft()
        if refuses or not self.leaves or to.quantity_lots <= self.filled:
            self.told.append(None)
        else:
            self.at = to
            self.sequence += 1
            self.told.append(self.report())

    def fill(self, lots: int) -> None:
        lots = min(lots, self.leaves)
        if lots:
            self.filled += lots
            self.sequence += 1
            self.trades += 1
            self.told.append(
                Execution(
                    7, "v", str(self.trades), COIN, NONE, BUY, self.at.price_ticks, lots, self.leaves, Liquidity.MAKER,
                    Decimal(0), "", self.sequence, self.sequence, 1, False,
                )
            )  # fmt: skip
            self.told.append(self.report())

    def report(self) -> OrderReport:
        state = LIVE if self.leaves else FILLED
        return OrderReport(7, "v", COIN, NONE, BUY, *self.at, self.filled, state, "", self.sequence, 1)

    def deliver(self) -> None:
        if not self.told:
            return
        message = self.told.popleft()
        if message is None:
            # One that changes nothing may have been settled by another report.
            if self.order.before is not None:
                self.orders.unamend(self.order)
        elif isinstance(message, Execution):
            self.orders.execution(message)
        else:
            self.orders.report(self.order, message)


acts = st.one_of(
    st.tuples(st.just("amend"), st.integers(90, 110), st.integers(1, 20)),
    st.tuples(st.just("work"), st.booleans(), st.just(0)),
    st.tuples(st.just("fill"), st.integers(1, 8), st.just(0)),
    st.tuples(st.just("deliver"), st.just(0), st.just(0)),
)


@settings(max_examples=150)
@given(st.lists(acts, max_size=30))
def test_no_less_counts_than_may_be_executed_at_any_price_it_may_stand_at(story: list[tuple[str, int, int]]) -> None:
    venue = TinyVenue()
    order = venue.order
    for act, first, second in [*story, *[("work", 0, 0), ("deliver", 0, 0)] * 40]:
        if act == "amend":
            venue.amend(first, second)
        elif act == "work":
            venue.work(refuses=bool(first))
        elif act == "fill":
            venue.fill(first)
        else:
            venue.deliver()
        if venue.leaves:
            bids, _ = venue.orders.levels(TERMS)
            assert bids.get(venue.at.price_ticks, 0) >= venue.leaves
            assert venue.orders.best(COIN, TERMS.of)[0] >= venue.at.price_ticks
    assert order.before is None
    assert order.leaves_lots == venue.leaves
    assert order.state is (LIVE if venue.leaves else FILLED)
    assert not venue.leaves or (order.price_ticks, order.quantity_lots) == venue.at


@pytest.mark.parametrize("at", [Standing(100, 10), Standing(105, 12)])
def test_an_order_of_unknown_outcome_stands_where_the_venue_says(at: Standing) -> None:
    venue = TinyVenue()
    venue.amend(105, 12)
    venue.orders.step(venue.order, UNKNOWN, "connection lost")
    assert venue.order.leaves_lots == 12
    venue.at = at
    assert venue.orders.report(venue.order, venue.report())
    assert (venue.order.price_ticks, venue.order.quantity_lots, venue.order.before) == (*at, None)


def test_one_that_was_cancelled_while_it_was_amended_counts_until_it_is_gone() -> None:
    venue = TinyVenue()
    venue.amend(105, 4)
    assert venue.order.leaves_lots == 10
    venue.orders.step(venue.order, CANCELLING)
    assert venue.order.leaves_lots == 10
    gone = venue.report()._replace(state=OrderState.CANCELLED, venue_sequence=3)
    venue.orders.report(venue.order, gone)
    assert (venue.order.state, venue.order.leaves_lots) == (OrderState.CANCELLED, 0)


def test_a_repeat_of_where_an_amended_order_stands_changes_nothing() -> None:
    venue = TinyVenue()
    venue.amend(105, 12)
    venue.work(refuses=False)
    report = venue.told[0]
    assert isinstance(report, OrderReport)
    assert venue.orders.report(venue.order, report)
    version = venue.orders.open_orders("1", COIN).version
    assert not venue.orders.report(venue.order, report)
    assert venue.orders.open_orders("1", COIN).version == version
