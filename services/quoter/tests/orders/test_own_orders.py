"""The book of own orders: what a venue tells twice changes nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from statistics import median
from typing import Any

from common.instruments import Outcome, Side
from common.orders import LEGAL_STEPS, OrderState, may_step
from common.pretrade import CheckContext
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from quoter.orders.inventory import inventory_of
from quoter.orders.own_orders import FINISHED_MAX, NEVER_SENT, Order, Orders, Standing
from quoter.testing.binary import terms_of
from quoter.testing.script import MARKET, market
from quoter.venues.base import OrderReport

CENT, TENTH = Decimal("0.01"), Decimal("0.001")


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


class Told:
    """What a story of orders has come to, counted without what `Orders` keeps."""

    def __init__(self) -> None:
        self.orders = Orders()
        self.all: list[Order] = []

    def sent(self, bot: str, symbol: str) -> None:
        order = Order(len(self.all) + 1, bot, symbol, Outcome.NO, Side.BUY, 40, 100)
        self.all.append(order)
        self.orders.add(order)

    def ended(self, place: int, executed: int) -> None:
        """Report one as cancelled; what was executed unseen keeps it, or brings it back, as exposure."""
        if self.all:
            order = self.all[place % len(self.all)]
            report = OrderReport(
                order.order_id,
                "v",
                order.symbol,
                order.outcome,
                order.side,
                order.price_ticks,
                100,
                executed,
                OrderState.CANCELLED,
                "",
                1,
                0,
            )
            self.orders.report(order, report)

    def withdrawn(self, place: int) -> None:
        if self.all:
            order = self.all[place % len(self.all)]
            if order.state is OrderState.SUBMITTING:
                self.orders.withdraw(order)

    def living(self) -> list[Order]:
        return [order for order in self.all if not order.state.terminal or order.leaves_lots]


story = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), st.sampled_from("12"), st.sampled_from("MN")),
        st.tuples(st.just("ended"), st.integers(0, 9), st.sampled_from([0, 0, 30])),
        st.tuples(st.just("withdrawn"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("forgotten"), st.sampled_from("MN"), st.just(0)),
    ),
    max_size=30,
)


@example([("sent", "1", "M"), ("ended", 0, 0), ("forgotten", "M", 0), ("ended", 0, 30)])
@given(story)
def test_what_is_counted_and_filed_is_what_counting_all_orders_gives(
    story: list[tuple[str, Any, Any]],
) -> None:
    told = Told()
    orders = told.orders
    for what, first, second in story:
        if what == "sent":
            told.sent(first, second)
        elif what == "ended":
            told.ended(first, second)
        elif what == "withdrawn":
            told.withdrawn(first)
        else:
            orders.forget_market(first)
        living = told.living()
        assert {order.order_id for order in orders.living()} == {order.order_id for order in living}
        assert orders.by_id.keys() == {order.order_id for order in told.all}
        for bot in "12":
            ever = [order for order in told.all if order.algo_id == bot]
            assert orders.count(bot) == len([order for order in living if order.algo_id == bot])
            assert orders.counts_of(bot)[0] == len([order for order in ever if order.reason != NEVER_SENT])
            for symbol in "MN":
                there = {order.order_id for order in living if (order.algo_id, order.symbol) == (bot, symbol)}
                assert {order.order_id for order in orders.of(bot, symbol)} == there


def ending_ns(orders: Orders, ids: Iterable[int]) -> int:
    """Return the CPU of sending and ending some orders."""
    began_ns = time.process_time_ns()
    for order_id in ids:
        order = Order(order_id, "1", "M", Outcome.YES, Side.BUY, 40, 100)
        orders.add(order)
        orders.step(order, OrderState.REJECTED)
    return time.process_time_ns() - began_ns


def test_an_order_that_ends_costs_the_same_when_the_first_to_end_is_forgotten_for_it() -> None:
    # Found at the front of a dict, behind all that was deleted there, the first costs four times the rest.
    orders, some = Orders(), FINISHED_MAX // 10
    chunks = [range(first, first + some) for first in range(1, 4 * FINISHED_MAX, some)]
    costs_ns = [ending_ns(orders, chunk) for chunk in chunks]
    assert 1 not in orders
    assert median(costs_ns[10:]) < 2.5 * median(costs_ns[:10])


@given(
    st.lists(st.tuples(st.sampled_from([Outcome.YES, Outcome.NO]), st.sampled_from(list(Side)), st.integers(1, 99))),
    st.lists(st.sampled_from([CENT, TENTH]), max_size=4),
)
def test_where_orders_stand_on_the_axis_follows_its_ticks(
    rows: list[tuple[Outcome, Side, int]], grids: list[Decimal]
) -> None:
    orders, tick = Orders(), CENT
    for number, (outcome, side, ticks) in enumerate(rows, 1):
        orders.add(Order(number, "1", MARKET, outcome, side, ticks, 100))
    for new in [CENT, *grids]:
        orders.regrid(MARKET, tick, new)
        tick, terms = new, terms_of(replace(market(), tick_size=new))
        bids: Counter[int] = Counter()
        asks: Counter[int] = Counter()
        for order in orders.living():
            buys, ticks = terms.of(order.outcome).on_axis(order.side, order.price_ticks)
            (bids if buys else asks)[ticks] += order.leaves_lots
        assert orders.levels(terms) == (bids, asks)


def best_by_all(orders: Orders) -> tuple[int, int]:
    """Return the best own prices of a market, found among all its orders; while one is amended both prices count."""
    terms, bids, asks = terms_of(market()), [0], list[int]()
    for order in orders.living():
        if order.state is OrderState.CANCELLING or order.state.terminal:
            continue
        for ticks in (order.price_ticks, order.before.price_ticks if order.before is not None else order.price_ticks):
            buys, on_axis = terms.of(order.outcome).on_axis(order.side, ticks)
            (bids if buys else asks).append(on_axis)
    return max(bids), min(asks, default=0)


changes = st.lists(
    st.tuples(
        st.sampled_from(["sent", "cancelling", "live", "ended", "amended", "taken back", "stands"]),
        st.integers(0, 5),
        st.sampled_from("12"),
        st.sampled_from([Outcome.YES, Outcome.NO]),
        st.sampled_from(list(Side)),
        st.integers(1, 99),
    ),
    max_size=30,
)


@given(changes)
def test_the_best_own_prices_are_those_of_all_bots_after_every_change(
    changes: list[tuple[str, int, str, Outcome, Side, int]],
) -> None:
    orders, known, terms = Orders(), list[Order](), terms_of(market())
    context = CheckContext(0, 0, terms.instrument, inventory_of(terms), None)
    for what, place, bot, outcome, side, ticks in changes:
        order = known[place % len(known)] if known else None
        if what == "sent":
            known.append(Order(len(known) + 1, bot, MARKET, outcome, side, ticks, 100))
            orders.add(known[-1])
        elif order is None or order.state.terminal:
            continue
        elif what == "cancelling":
            orders.step(order, OrderState.CANCELLING)
        elif what == "live":
            orders.step(order, OrderState.LIVE)
        elif what == "ended":
            orders.step(order, OrderState.CANCELLED)
        elif what == "amended" and order.before is None:
            to_axis = terms.of(order.outcome).on_axis(order.side, ticks)
            orders.amend(order, Standing(ticks, 100), to_axis)
        elif what == "taken back" and order.before is not None:
            orders.unamend(order)
        elif what == "stands" and order.before is not None:
            at = OrderReport(
                order.order_id, "v", MARKET, order.outcome, order.side, order.price_ticks, 100, 0, order.state, "", 1, 0
            )
            orders.report(order, at)
        for algo_id in "12":
            orders.load_open_orders(context, algo_id, MARKET)
            assert (context.best_bid_ticks, context.best_ask_ticks) == best_by_all(orders)
            assert context.open_bids + context.open_asks == len(orders.of(algo_id, MARKET))
