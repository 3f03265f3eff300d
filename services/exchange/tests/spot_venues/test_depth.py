"""Makers' levels and other people's orders in one book: who is first, what is left, against a book of single orders."""

from __future__ import annotations

from collections import deque

from exchange.spot.orders import SpotOrder
from exchange.spot_venues.depth import DeepBook, MakerOrder, maker_order
from exchange.testing.spot_venues import file_of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

TERMS = file_of().venues["KRAKEN"].terms("BTCUSD")


def claim(depth: MakerOrder, lots: int, now_ns: int) -> MakerOrder:
    return maker_order(depth.terms, depth.side, depth.price_ticks, lots, 1, now_ns)


def order(number: int, side: str, ticks: int, lots: int) -> SpotOrder:
    return SpotOrder(
        order_id=number,
        account=f"customer{number}",
        client_order_id=number,
        market="BTCUSD",
        side="bid" if side == "bid" else "ask",
        price_ticks=ticks,
        size=lots,
        leaves=lots,
        time_in_force="gtc",
        post_only=False,
        created_ns=number,
        ts_ns=number,
        terms=TERMS,
    )


def taken(book: DeepBook, incoming: SpotOrder) -> list[tuple[str, int, int]]:
    """Let an order take; returns who was met, at what price and for how many lots."""
    met = []
    for match in book.take(incoming):
        met.append((match.maker.account, match.ticks, match.size))
        match.maker.leaves -= match.size
        incoming.leaves -= match.size
    return met


def book_with(asks: list[tuple[int, int]]) -> DeepBook:
    book = DeepBook(TERMS, claim)
    book.selling.show([ticks for ticks, _ in asks], [lots for _, lots in asks], list(range(len(asks))))
    return book


def test_who_comes_to_a_makers_price_is_behind_what_they_have_there() -> None:
    book = book_with([(100, 5), (101, 7)])
    book.rest(order(1, "ask", 100, 3))
    assert taken(book, order(9, "bid", 100, 6)) == [("makers", 100, 5), ("customer1", 100, 1)]
    assert book.selling.levels(5) == [(100, 2), (101, 7)]


def test_what_makers_add_later_is_behind_and_what_they_take_away_was_last() -> None:
    book = book_with([(100, 5)])
    book.rest(order(1, "ask", 100, 3))
    book.selling.show([100], [9], [0])
    assert taken(book, order(8, "bid", 100, 6)) == [("makers", 100, 5), ("customer1", 100, 1)]
    book = book_with([(100, 5)])
    book.rest(order(1, "ask", 100, 3))
    book.selling.show([100], [2], [0])
    book.selling.show([100], [9], [0])
    assert taken(book, order(8, "bid", 100, 4)) == [("makers", 100, 2), ("customer1", 100, 2)]


def test_a_price_that_makers_have_left_belongs_to_who_stayed() -> None:
    book = book_with([(100, 5)])
    book.rest(order(1, "ask", 100, 3))
    book.selling.show([101], [5], [0])
    book.selling.show([100], [5], [0])
    assert taken(book, order(8, "bid", 100, 4)) == [("customer1", 100, 3), ("makers", 100, 1)]


def test_what_is_taken_is_told_under_the_makers_own_name_of_the_level() -> None:
    book = book_with([(100, 5), (103, 7), (110, 1)])
    assert taken(book, order(8, "bid", 105, 20)) == [("makers", 100, 5), ("makers", 103, 7)]
    assert book.selling.taken == {0: 5, 1: 7}
    assert (book.best_ask_ticks(), book.selling.best_of_others()) == (110, None)


class Model(RuleBasedStateMachine):
    """One side of a book beside a plain list of single orders in which makers' lots are orders too."""

    def __init__(self) -> None:
        super().__init__()
        self.book = DeepBook(TERMS, claim)
        self.queues: dict[int, deque[list[object]]] = {}
        """By price: [who, lots] in the order of the queue."""
        self.orders: dict[int, SpotOrder] = {}
        self.number = 0

    @rule(levels=st.dictionaries(st.integers(100, 104), st.integers(1, 9), max_size=4))
    def show(self, levels: dict[int, int]) -> None:
        ticks = sorted(levels)
        self.book.selling.show(ticks, [levels[each] for each in ticks], ticks)
        for price in {*self.queues, *ticks}:
            queue = self.queues.setdefault(price, deque())
            change = levels.get(price, 0) - sum(int(str(lots)) for who, lots in queue if who == "makers")
            if change > 0:
                queue.append(["makers", change])
            for row in reversed(queue):
                if change < 0 and row[0] == "makers":
                    away = min(-change, int(str(row[1])))
                    row[1], change = int(str(row[1])) - away, change + away
            self.queues[price] = deque(row for row in queue if row[1])

    @rule(price=st.integers(100, 104), lots=st.integers(1, 9))
    def rest(self, price: int, lots: int) -> None:
        self.number += 1
        self.orders[self.number] = order(self.number, "ask", price, lots)
        self.book.rest(self.orders[self.number])
        self.queues.setdefault(price, deque()).append([self.number, lots])

    @rule(limit=st.integers(99, 105), lots=st.integers(1, 30))
    def take(self, limit: int, lots: int) -> None:
        expected: list[tuple[str, int, int]] = []
        left = lots
        for price in sorted(self.queues):
            while price <= limit and left and self.queues[price]:
                who, there = self.queues[price][0]
                size = min(left, int(str(there)))
                name = "makers" if who == "makers" else f"customer{who}"
                if expected and expected[-1][:2] == (name, price):
                    expected[-1] = name, price, expected[-1][2] + size
                else:
                    expected.append((name, price, size))
                left -= size
                self.queues[price][0][1] = int(str(there)) - size
                if size == there:
                    self.queues[price].popleft()
        assert taken(self.book, order(10**6, "bid", limit, lots)) == expected

    @rule(pick=st.integers(0, 100))
    def cancel(self, pick: int) -> None:
        living = [number for number, each in self.orders.items() if each.leaves]
        if living:
            gone = self.orders.pop(living[pick % len(living)])
            self.book.remove(gone)
            queue = self.queues[gone.price_ticks]
            self.queues[gone.price_ticks] = deque(row for row in queue if row[0] != gone.order_id)

    @invariant()
    def both_show_the_same(self) -> None:
        sums = {price: sum(int(str(row[1])) for row in queue) for price, queue in sorted(self.queues.items())}
        assert self.book.selling.levels(10) == [(price, lots) for price, lots in sums.items() if lots]
        assert self.book.best_ask_ticks() == min((price for price, lots in sums.items() if lots), default=None)


Model.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
test_the_book_is_one_of_single_orders = Model.TestCase
