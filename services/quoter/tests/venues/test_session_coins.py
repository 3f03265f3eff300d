"""Every venue's session with a spot symbol: placed, filled, cancelled, refused, taken at once, and paid for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import InstrumentTerms, Liquidity
from common.instruments import Side
from common.orders import OrderState
from quoter.testing.spot import COIN, COIN_STAGES, WITHOUT_COINS
from quoter.testing.stage import SpotStage, place_coin
from quoter.testing.stages import STAGES
from quoter.venues import VENUES

TICKS = 6_000_000
"""60,000.00"""


@pytest.fixture(params=sorted(COIN_STAGES))
def up(request: pytest.FixtureRequest) -> SpotStage:
    stage = COIN_STAGES[request.param]()
    stage.start()
    assert stage.session.reconciled
    return stage


def told_balances(stage: SpotStage) -> dict[str, Decimal]:
    """Return what the newest snapshot of the account says of each currency, asked for now."""
    stage.relay(stage.session.request_snapshot("test", stage.now_ns))
    stage.wait(500)
    return {balance.currency: balance.total for balance in stage.snapshots()[-1].balances}


def test_every_venue_has_a_stage_with_coins_or_is_said_to_have_none() -> None:
    assert COIN_STAGES.keys() | WITHOUT_COINS.keys() == VENUES.keys()
    assert not COIN_STAGES.keys() & WITHOUT_COINS.keys()


@pytest.mark.parametrize("name", sorted(WITHOUT_COINS))
def test_a_session_without_coins_refuses_an_order_for_one_and_sends_none(name: str) -> None:
    stage = STAGES[name]()
    stage.start()
    before = len(stage.accepted())
    order_id = place_coin(stage, COIN, Side.BUY, TICKS, 100)
    stage.wait(2_000)
    assert stage.state(order_id) is OrderState.REJECTED
    assert len(stage.accepted()) == before
    assert stage.session.reconciled


def test_a_coin_is_placed_partly_filled_and_cancelled_with_news_of_each_step(up: SpotStage) -> None:
    order_id = up.place_coin(Side.BUY, TICKS, 100)
    assert up.state(order_id) is OrderState.LIVE
    assert up.resting() == {order_id}
    up.fill(order_id, 30)
    (fill,) = up.fills(order_id)
    assert (fill.quantity_lots, fill.leaves_lots, fill.price_ticks, fill.side) == (30, 70, TICKS, Side.BUY)
    assert fill.instrument == InstrumentTerms.of(up.coin)
    up.cancel(order_id)
    assert up.state(order_id) is OrderState.CANCELLED
    assert up.resting() == set()
    order = up.orders.get(order_id)
    assert order is not None and order.leaves_lots == 0
    assert not up.alerts()


def test_an_order_that_must_not_take_is_refused_where_it_would(up: SpotStage) -> None:
    up.offer(TICKS, 50)
    refused = up.place_coin(Side.BUY, TICKS, 100)
    behind = up.place_coin(Side.BUY, TICKS - 1, 100)
    assert up.state(refused) is up.refusal_state
    assert up.state(behind) is OrderState.LIVE
    assert up.fills(refused) == []
    assert up.resting() == {behind}


def test_an_order_that_takes_at_once_takes_what_is_there_and_leaves_nothing(up: SpotStage) -> None:
    up.offer(TICKS, 50)
    order_id = up.place_coin(Side.BUY, TICKS, 80, immediate=True)
    up.wait(200)
    assert up.filled(order_id) == 50
    assert up.fills(order_id)[0].liquidity is Liquidity.TAKER
    assert up.state(order_id) is OrderState.CANCELLED
    assert up.resting() == set()


def test_a_fee_in_a_third_currency_is_told_in_it_and_every_currency_keeps_its_balance(up: SpotStage) -> None:
    began = told_balances(up)
    assert began == up.money() and began.keys() == {up.coin.currency, up.coin.base, up.fee_currency}
    bought, sold = up.place_coin(Side.BUY, TICKS, 100), up.place_coin(Side.SELL, TICKS + 100, 40)
    up.fill(bought, 100)
    up.fill(sold, 40)
    fills = up.fills(bought) + up.fills(sold)
    assert [(fill.fee, fill.fee_currency) for fill in fills] == [
        (up.fee_per_lot * lots, up.fee_currency) for lots in (100, 40)
    ]
    paid = sum((up.coin.cost(fill.side, fill.price_ticks, fill.quantity_lots) for fill in fills), start=Decimal(0))
    expected = dict(began)
    expected[up.coin.currency] -= paid
    expected[up.coin.base] += up.coin.quantity(60)
    expected[up.fee_currency] -= up.fee_per_lot * 140
    # As the frames told it, before anybody asks for a snapshot.
    collateral = up.core.trader.collateral
    assert {currency: collateral.cash(currency) for currency in expected} == expected
    assert told_balances(up) == expected


def test_a_fill_while_we_were_away_is_fetched_once_with_its_fee(up: SpotStage) -> None:
    order_id = up.place_coin(Side.BUY, TICKS, 100)
    up.fill(order_id, 30, told=False)
    up.cut()
    up.wait(30_000)
    (fill,) = up.fills(order_id)
    assert (fill.quantity_lots, fill.fee, fill.fee_currency) == (30, up.fee_per_lot * 30, up.fee_currency)
    assert up.state(order_id) is OrderState.CANCELLED
    assert told_balances(up) == up.money()
