"""Orders that wait for cancels of their market: each leaves once, in its turn, or is refused once."""

from __future__ import annotations

from collections.abc import Generator
from decimal import Decimal
from typing import TypeVar

from common.clock import NS_PER_MS
from common.instruments import NONE, Side
from hypothesis import given
from hypothesis import strategies as st
from quoter.venues.base import Amendment, AmendRejected, OrderRejected, Output, Placement
from quoter.venues.held import HELD_MAX_MS, HeldOrders

T = TypeVar("T")
MARKETS = ("A", "B")
steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "amend", "flush"]), st.sampled_from(MARKETS), st.sets(st.sampled_from(MARKETS))
    ),
    max_size=30,
)


def told(script: Generator[Output, None, T]) -> tuple[list[Output], T]:
    outputs: list[Output] = []
    while True:
        try:
            outputs.append(next(script))
        except StopIteration as end:
            return outputs, end.value


@given(steps, st.integers(0, 600))
def test_everything_leaves_in_its_turn_or_is_refused_and_nothing_twice(
    taken: list[tuple[str, str, set[str]]], step_ms: int
) -> None:
    waiting, now_ns = HeldOrders(), 0
    came: dict[int, int] = {}
    market: dict[int, str] = {}
    left: list[int] = []
    refused: list[int] = []
    for number, (kind, symbol, busy) in enumerate(taken):
        now_ns += step_ms * NS_PER_MS
        if kind == "flush":
            outputs, items = told(waiting.ready(now_ns, busy.__contains__))
            left += [item.order_id for item in items]
            assert not {market[item.order_id] for item in items} & busy
            assert all(now_ns - came[item.order_id] <= HELD_MAX_MS * NS_PER_MS for item in items)
            refused += [each.order_id for each in outputs if isinstance(each, OrderRejected | AmendRejected)]
            continue
        came[number], market[number] = now_ns, symbol
        if kind == "place":
            waiting.hold([Placement(number, symbol, NONE, Side.BUY, 1, 1, True)], now_ns)
        else:
            waiting.hold_amendment(Amendment(number, 1, 1, Decimal(1), Decimal(1)), symbol, now_ns)
    refused += [each.order_id for each in waiting.give_up("the end") if isinstance(each, OrderRejected | AmendRejected)]
    assert waiting.held == 0
    assert sorted(left + refused) == sorted(came)
    for symbol in MARKETS:
        of_market = [order_id for order_id in left if market[order_id] == symbol]
        assert of_market == sorted(of_market)
