"""What is told of our own orders to those who price from the books they are in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from common.events import OwnDepth
from common.instruments import Outcome, Side
from common.orders import OrderState
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.own_depth import KEPT_NS, LEVELS_MAX, LOOKED_NS, RENEWED_NS, SHRINKS_NS, OwnDepthOut
from quoter.orders.own_orders import Order, Orders
from quoter.orders.terms import terms_of
from quoter.testing.script import MARKET, MS, START_NS, S, market
from quoter.testing.spot import coin_terms

COIN = "BTCUSD"
TIMER_NS = 50 * MS


class Bench:
    """Own orders in one spot market, the timer's calls, and what whoever listens knows."""

    def __init__(self) -> None:
        self.now_ns = START_NS
        self.orders = Orders()
        self.markets = {COIN: coin_terms(), MARKET: terms_of(market())}
        self.out = OwnDepthOut("mm1", "degen", self.orders, self.markets)
        self.told: list[OwnDepth] = []
        self._ids = iter(range(1, 1_000_000))

    def timer(self, ns: int = TIMER_NS) -> None:
        for _ in range(max(1, ns // TIMER_NS)):
            self.now_ns += TIMER_NS
            self.told += self.out.tell_due(3, self.now_ns)

    def send(self, side: Side, ticks: int, lots: int, symbol: str = COIN) -> Order:
        outcome = Outcome.NONE if symbol == COIN else Outcome.YES
        order = Order(next(self._ids), "1", symbol, outcome, side, ticks, lots)
        self.orders.add(order)
        self.told += self.out.tell_sent([symbol], 3, self.now_ns)
        return order

    def end(self, order: Order) -> None:
        self.orders.step(order, OrderState.CANCELLED)

    @property
    def heard(self) -> tuple[dict[int, int], dict[int, int]]:
        last = self.told[-1]
        return (
            {level.price_ticks: level.quantity_lots for level in last.bids},
            {level.price_ticks: level.quantity_lots for level in last.asks},
        )


def test_it_is_told_as_the_order_is_sent_with_all_that_makes_money_of_it() -> None:
    bench = Bench()
    bench.send(Side.BUY, 6_000_000, 100)
    bench.send(Side.SELL, 6_000_100, 50)
    bench.send(Side.SELL, 6_000_100, 25)
    last = bench.told[-1]
    assert (last.venue, last.account, last.symbol, last.epoch) == ("degen", "mm1", COIN, 3)
    assert last.address() == "quote.own.degen.mm1.BTCUSD"
    assert (last.tick_size, last.lot_size, last.too_many) == (Decimal("0.01"), Decimal("0.0001"), False)
    assert bench.heard == ({6_000_000: 100}, {6_000_100: 75})
    assert [told.number for told in bench.told] == [1, 2, 3]


def test_shares_have_no_book_that_is_priced_from() -> None:
    bench = Bench()
    bench.send(Side.BUY, 48, 100, MARKET)
    bench.timer(2 * S)
    assert {told.symbol for told in bench.told} == {COIN}


def test_an_order_that_has_ended_is_told_of_for_a_while() -> None:
    bench = Bench()
    order = bench.send(Side.BUY, 6_000_000, 100)
    bench.timer(S)
    bench.end(order)
    bench.timer(KEPT_NS - TIMER_NS)
    assert bench.heard == ({6_000_000: 100}, {})
    bench.timer(2 * KEPT_NS + SHRINKS_NS)
    assert bench.heard == ({}, {})


def test_what_is_replaced_may_be_there_beside_what_replaces_it() -> None:
    bench = Bench()
    old = bench.send(Side.BUY, 6_000_000, 100)
    bench.orders.step(old, OrderState.CANCELLING)
    bench.send(Side.BUY, 6_000_000, 40)
    assert bench.heard[0] == {6_000_000: 140}
    bench.end(old)
    bench.timer(2 * KEPT_NS + SHRINKS_NS)
    assert bench.heard[0] == {6_000_000: 40}


def test_an_order_within_what_was_told_is_not_told_again() -> None:
    bench = Bench()
    first = bench.send(Side.BUY, 6_000_000, 100)
    bench.end(first)
    bench.send(Side.BUY, 6_000_000, 80)
    assert len(bench.told) == 1


def test_it_is_renewed_while_something_rests_and_told_once_that_nothing_does() -> None:
    bench = Bench()
    bench.timer(LOOKED_NS + S)
    assert [(told.bids, told.asks) for told in bench.told] == [([], [])], "whoever listens may know a predecessor's"
    bench.timer(3 * RENEWED_NS)
    assert len(bench.told) == 1
    bench.send(Side.BUY, 6_000_000, 100)
    bench.timer()
    assert bench.told[-1].bids == bench.told[-2].bids, "the first may be lost"
    bench.timer(3 * RENEWED_NS)
    assert len(bench.told) == 3 + 3


def test_a_new_tick_leaves_the_prices_where_they_are() -> None:
    bench = Bench()
    order = bench.send(Side.BUY, 6_000_001, 100)
    tenfold = replace(bench.markets[COIN].instrument, tick_size=Decimal("0.1"))
    bench.markets[COIN] = replace(bench.markets[COIN], instrument=tenfold)
    bench.orders.regrid(COIN, Decimal("0.01"), Decimal("0.1"))
    bench.timer()
    assert bench.told[-1].tick_size == Decimal("0.1")
    assert bench.heard[0] == {600_000: 100, order.price_ticks: 100}


def test_who_moves_more_quotes_than_can_be_told_says_so() -> None:
    bench = Bench()
    for ticks in range(6_000_000, 6_000_000 + LEVELS_MAX + 1):
        bench.end(bench.send(Side.BUY, ticks, 1))
    last = bench.told[-1]
    assert (len(last.bids), last.too_many) == (LEVELS_MAX, True)
    bench.timer(2 * KEPT_NS + SHRINKS_NS)
    assert (bench.told[-1].bids, bench.told[-1].too_many) == ([], False)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 4), st.integers(1, 9)),
        st.tuples(st.just("end"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("timer"), st.integers(1, 12), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
def test_whoever_has_heard_the_last_statement_takes_out_all_that_lately_rested(
    steps: list[tuple[str, int, int]],
) -> None:
    bench = Bench()
    living: list[Order] = []
    rested: list[tuple[int, Mapping[int, int]]] = []
    for step, first, second in steps:
        match step:
            case "send":
                living.append(bench.send(Side.BUY, first, second))
            case "end" if living:
                bench.end(living.pop(first % len(living)))
            case "timer":
                bench.timer(first * TIMER_NS)
        rested.append((bench.now_ns, bench.orders.levels(bench.markets[COIN])[0]))
        for was_ns, levels in rested:
            if bench.now_ns - was_ns < KEPT_NS - TIMER_NS:
                assert all(lots <= bench.heard[0].get(ticks, 0) for ticks, lots in levels.items())
