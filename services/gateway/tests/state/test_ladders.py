"""What rests as one ladder per market, whichever instrument of it each order is for."""

from __future__ import annotations

from decimal import Decimal

from common.events import Market, MarketStatus, OrderUpdate
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import OrderState
from gateway.state.ladders import Ladder, ladders
from hypothesis import given
from hypothesis import strategies as st

SHARES = Market(
    venue="degen",
    symbol="M",
    kind=InstrumentKind.BINARY,
    status=MarketStatus.OPEN,
    tick_size=Decimal("0.01"),
    ts_received_ns=1,
)


def an_order(outcome: Outcome, side: Side, ticks: int, lots: int = 10, number: int = 1) -> OrderUpdate:
    return OrderUpdate(
        account="mm1",
        algo_id="1",
        venue="degen",
        symbol="M",
        order_id=number,
        order_sequence=1,
        outcome=outcome,
        side=side,
        price_ticks=ticks,
        quantity_lots=lots,
        leaves_lots=lots,
        state=OrderState.LIVE,
        ts_received_ns=1,
    )


def ladder_of(*orders: OrderUpdate) -> Ladder:
    (found,) = ladders(orders, lambda venue, symbol: SHARES, lambda order: order.algo_id).values()
    return found


@given(st.integers(1, 99), st.sampled_from(list(Side)))
def test_an_order_for_no_stands_where_its_opposite_for_yes_does(ticks: int, side: Side) -> None:
    of_no, of_yes = an_order(Outcome.NO, side, ticks), an_order(Outcome.YES, side.opposite, 100 - ticks)
    assert ladder_of(of_no) == ladder_of(of_yes)


def test_a_coin_stands_at_its_own_price_and_lots_of_one_price_add_up() -> None:
    bids = ladder_of(
        an_order(Outcome.NONE, Side.BUY, 48, 10, 1),
        an_order(Outcome.NONE, Side.BUY, 48, 5, 2),
        an_order(Outcome.NONE, Side.SELL, 51, 7, 3),
    )
    assert (bids.levels(Side.BUY), bids.levels(Side.SELL), bids.orders) == ([(0.48, 15)], [(0.51, 7)], 3)
