"""Orders and fills of neither YES nor NO are never counted as one of them: they are refused by name."""

from __future__ import annotations

from dataclasses import replace as replace_coin
from decimal import Decimal

import pytest
from common.events import InstrumentTerms
from common.instruments import Instrument, InstrumentKind, Outcome, Side
from common.orders import OrderState
from msgspec.structs import replace
from quoter.orders.diff import TargetOrder
from quoter.orders.holdings import Holdings
from quoter.orders.own_orders import Order, Orders
from quoter.testing.binary import terms_of
from quoter.testing.script import MARKET, Script, market
from quoter.trading.order_updates import Books, fill_of, reversal_of
from quoter.venues.base import Execution, Reversal

TERMS = terms_of(market())
PAIR = TERMS.pair
COIN = Instrument("degen", "BTCUSD", InstrumentKind.SPOT, "USD", Decimal("0.01"), base="BTC")


def an_order(side: Side = Side.BUY, outcome: Outcome = Outcome.NONE) -> Orders:
    orders = Orders()
    orders.add(Order(1, "1", MARKET, outcome, side, 40, 100))
    return orders


def an_execution(outcome: Outcome = Outcome.NONE) -> Execution:
    template = Script()
    template.quoting(0.50)
    best = template.venue.open_orders()[0]
    template.venue.fill(best, 10)
    outputs = [
        output
        for frame in template.venue.take_frames()
        for output in template.core.session.on_frame(frame, template.now_ns)
    ]
    (execution,) = [output for output in outputs if isinstance(output, Execution)]
    return execution._replace(outcome=outcome)


def books() -> Books:
    return Books("mm1", "USD", PAIR.yes, 3, 0)


def test_a_fill_is_not_held_as_yes() -> None:
    fill = fill_of(an_execution(), None, books())
    fill = replace(fill, instrument=replace(fill.instrument, outcome=Outcome.NONE))
    holdings = Holdings("mm1")
    with pytest.raises(ValueError, match="outcome: must be yes or no where a pair is held, is none"):
        holdings.on_fill(fill, PAIR.yes)
    assert holdings.unledgered == 0
    assert holdings.on_fill(replace(fill, instrument=InstrumentTerms.of(PAIR.no)), PAIR.no)


@pytest.mark.parametrize("side", list(Side))
def test_a_fill_of_a_coin_is_held_net(side: Side) -> None:
    execution = an_execution()._replace(symbol="BTCUSD", side=side, price_ticks=6_000_000, quantity_lots=10)
    fill, holdings = fill_of(execution, None, books()._replace(instrument=COIN)), Holdings("mm1")
    assert holdings.on_fill(fill, COIN)
    held = holdings.of(fill.algo_id, "BTCUSD")
    assert (held.yes_lots, held.unconfirmed_yes_lots, held.no_lots) == ((10, 10, 0) if side is Side.BUY else (0, 10, 0))
    holdings.on_published(fill, 1)
    assert holdings.of(fill.algo_id, "BTCUSD").yes_lots == (10 if side is Side.BUY else -10)


def test_a_coins_fill_that_failed_is_taken_back_from_the_position() -> None:
    execution = an_execution()._replace(symbol="BTCUSD", side=Side.BUY, price_ticks=6_000_000, quantity_lots=10)
    of_coin, holdings = books()._replace(instrument=COIN), Holdings("mm1")
    fill = fill_of(execution, None, of_coin)
    holdings.on_fill(fill, COIN)
    posting = reversal_of(Reversal(execution, "broken"), fill.algo_id, of_coin, "bot-3:mm1:1:1")
    assert [move.parent_id for move in posting.moves] == ["bot-3:mm1:1:1"], "it counts where the fill did"
    assert [(move.instrument.symbol, move.instrument.outcome, move.lots) for move in posting.moves] == [
        ("BTCUSD", Outcome.NONE, -10)
    ]
    assert holdings.on_posting(posting, COIN)
    holdings.on_published(fill, 1)
    holdings.on_published(posting, 2)
    assert holdings.of(fill.algo_id, "BTCUSD") == (0, 0, 0, 0)
    assert not holdings.on_posting(posting, COIN), "told again it counts once"


@pytest.mark.parametrize(
    ("currency", "fee_currency", "rates", "cash"),
    [
        ("USD", "", (Decimal(1), Decimal(1)), {"USD": Decimal(600_000) + Decimal("0.1")}),
        ("USD", "BTC", (Decimal(1), None), {"USD": Decimal(600_000), "BTC": Decimal("0.1")}),
        ("EUR", "", (None, None), {"EUR": Decimal(600_000) + Decimal("0.1")}),
        ("EUR", "USD", (None, Decimal(1)), {"EUR": Decimal(600_000), "USD": Decimal("0.1")}),
    ],
)
def test_a_fee_is_booked_in_its_own_currency_and_a_rate_nobody_knows_is_none(
    currency: str, fee_currency: str, rates: tuple[Decimal | None, Decimal | None], cash: dict[str, Decimal]
) -> None:
    execution = an_execution()._replace(
        symbol="BTCUSD",
        side=Side.BUY,
        price_ticks=6_000_000,
        quantity_lots=10,
        fee=Decimal("0.1"),
        fee_currency=fee_currency,
    )
    of_coin = books()._replace(instrument=replace_coin(COIN, currency=currency))
    fill = fill_of(execution, None, of_coin)
    assert (fill.fee, fill.currency, fill.fee_currency) == (Decimal("0.1"), currency, fee_currency or currency)
    assert (fill.rate, fill.fee_rate) == rates
    assert reversal_of(Reversal(execution, "broken"), "1", of_coin).cash == cash


def test_a_predecessors_order_of_a_coin_that_is_not_listed_yet_counts_nothing() -> None:
    script = Script()
    script.quoting(0.50)
    orders = script.core.trader.orders
    locked = script.core.trader.collateral.locked("USD")
    orders.add(Order(1, "1", "BTCUSD", Outcome.NONE, Side.BUY, 6_000_000, 100, state=OrderState.UNKNOWN))
    script.wait(100, fair=0.50)
    assert script.core.trader.collateral.locked("USD") == locked > 0


def test_a_reversal_takes_back_no_yes() -> None:
    posting = reversal_of(Reversal(an_execution(), "broken"), "1", books())
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO)) == (0, 0)
    with pytest.raises(ValueError, match="outcome: must be yes or no"):
        Holdings("mm1").on_posting(posting, PAIR.yes)


def test_a_reversal_takes_back_lots_and_cash_of_its_outcome() -> None:
    execution = an_execution(Outcome.NO)._replace(price_ticks=40, quantity_lots=10, side=Side.BUY, fee=Decimal("0.1"))
    posting = reversal_of(Reversal(execution, "broken"), "1", books())
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO)) == (0, -10)
    assert posting.cash == {"USD": Decimal("4.1")}


def test_an_order_is_not_offered_as_yes() -> None:
    with pytest.raises(ValueError, match="outcome: must be yes or no"):
        an_order(Side.SELL).selling("1", MARKET)
    assert an_order(Side.SELL, Outcome.NO).selling("1", MARKET) == (0, 100)


def test_an_order_stands_at_no_price_of_a_pair() -> None:
    with pytest.raises(ValueError, match=f"outcome: {MARKET} is traded as yes or no, not as none"):
        an_order().levels(TERMS)
    assert an_order(outcome=Outcome.NO).levels(TERMS) == ({}, {60: 100})


def test_an_order_is_not_exposure_of_a_pair() -> None:
    script = Script()
    script.quoting(0.50)
    context = script.core.bots["1"].quoted[MARKET].context
    with pytest.raises(ValueError, match="outcome"):
        an_order().load_open_orders(context, "1", MARKET)


def test_what_is_wanted_of_neither_is_refused_before_it_leaves() -> None:
    script = Script()
    script.quoting(0.50)
    trader = script.core.trader
    bot = trader.bots["1"]
    line = bot.quoted[MARKET]
    with pytest.raises(ValueError, match="traded as yes or no, not as none"):
        trader.admitted(bot, line, [TargetOrder(Outcome.NONE, 40, 100)], script.now_ns)
    assert all(order.state is not OrderState.SUBMITTING for order in trader.orders.living())
