"""What ccxt's dictionaries mean: exact for every price and size, and refused where they say nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.errors import ContractError
from common.events import Liquidity
from common.instruments import Instrument, InstrumentKind, Side
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.venues.ccxt.words import (
    GOES_ON,
    OVER,
    lots_of,
    number_of,
    read_market,
    read_order,
    read_trade,
    ticks_of,
)

MARKET: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "active": True,
    "spot": True,
    "precision": {"price": "0.01000000", "amount": "0.00001000"},
    "limits": {"amount": {"min": "0.000015"}, "cost": {"min": "5.00000000"}},
}
TRADE: dict[str, Any] = {
    "id": "28457",
    "order": "100234",
    "symbol": "BTC/USDT",
    "side": "buy",
    "takerOrMaker": "maker",
    "price": "60000.01",
    "amount": "0.00012",
    "fee": {"cost": "-0.00001", "currency": "BNB"},
    "timestamp": 1_499_865_549_590,
}
ORDER: dict[str, Any] = {"id": "28", "clientOrderId": "77", "symbol": "BTC/USDT", "status": "open", "filled": "0.00012"}
ODD: list[Any] = [None, "", 0, -7, True, 1.5, "NaN", "1e999", "9" * 200, [], {}, "\x00", Decimal(1)]
NAMES = ("symbol", "base", "quote", "id", "order")
"""Any letters and digits may be one."""
SCALES = st.integers(-10, 2)


def grid(tick: int, lot: int) -> Instrument:
    sizes = Decimal(1).scaleb(tick), Decimal(1).scaleb(lot)
    return Instrument("binance", "X", InstrumentKind.SPOT, "USDT", sizes[0], base="BTC", lot_size=sizes[1])


def test_a_market_keeps_the_venues_grid_and_rounds_its_smallest_order_up_to_whole_lots() -> None:
    market = read_market("binance", "BTCUSDT", MARKET)
    assert market.instrument == Instrument(
        "binance",
        "BTCUSDT",
        InstrumentKind.SPOT,
        "USDT",
        Decimal("0.01"),
        base="BTC",
        lot_size=Decimal("0.00001"),
        min_lots=2,
        min_notional=Decimal(5),
    )
    assert market.unified == "BTC/USDT"
    assert read_market("kraken", "BTC/USD", MARKET, Decimal("0.10")).instrument.tick_size == Decimal("0.1")


@pytest.mark.parametrize("name", ["symbol", "base", "quote", "active", "precision", "limits"])
@pytest.mark.parametrize("odd", ODD)
def test_a_market_that_cannot_be_traded_by_is_refused(name: str, odd: object) -> None:
    if (name, odd) == ("active", True) or (name in NAMES and odd in ("NaN", "1e999")):
        return
    with pytest.raises(ContractError):
        read_market("binance", "BTCUSDT", MARKET | {name: odd})


@settings(max_examples=200, deadline=None)
@given(SCALES, SCALES, st.integers(1, 10**12), st.integers(1, 10**12))
def test_every_price_and_size_of_the_grid_comes_back_as_its_ticks_and_lots(
    tick: int, lot: int, ticks: int, lots: int
) -> None:
    coin = grid(tick, lot)
    price, size = f"{coin.price(ticks):f}", f"{coin.quantity(lots):f}"
    assert ticks_of(coin, number_of(price, "price")) == ticks
    assert lots_of(coin, number_of(size, "size")) == lots
    with pytest.raises(ContractError):
        ticks_of(coin, number_of(price, "price") + coin.tick_size / 2)


def test_a_trade_is_read_with_its_fee_a_rebate_among_them() -> None:
    trade = read_trade(TRADE, "77")
    assert (trade.trade_id, trade.venue_order_id, trade.client_id) == ("28457", "100234", "77")
    assert (trade.side, trade.liquidity, trade.price) == (Side.BUY, Liquidity.MAKER, Decimal("60000.01"))
    assert (trade.amount, trade.fee, trade.fee_currency) == (Decimal("0.00012"), Decimal("-0.00001"), "BNB")


@pytest.mark.parametrize("name", sorted(TRADE))
@pytest.mark.parametrize("odd", ODD)
def test_a_trade_without_one_of_its_members_is_no_trade(name: str, odd: object) -> None:
    if name in NAMES and odd in ("NaN", "1e999"):
        return
    with pytest.raises(ContractError):
        read_trade(TRADE | {name: odd})


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(ORDER)), st.sampled_from(ODD))
def test_an_order_is_read_or_refused_whatever_a_member_of_it_says(name: str, odd: object) -> None:
    try:
        order = read_order(ORDER | {name: odd}, "a reason")
    except ContractError:
        return
    assert order.venue_order_id or order.client_id
    assert order.executed >= 0 and not order.over


@pytest.mark.parametrize("status", sorted(OVER | GOES_ON))
def test_that_an_order_is_over_is_the_venues_word_with_its_reason(status: str) -> None:
    order = read_order(ORDER | {"status": status}, "self_trade")
    assert order.over is (status in OVER)
    assert order.reason == ("self_trade" if order.over else "")
    assert read_order(ORDER | {"status": status}).reason == (status if order.over else "")


@pytest.mark.parametrize("text", ["", "1e5", "0x1", "1,0", "１", " 1", "1 ", "--1", "Infinity", None, 1, 1.0, "1E-100"])
def test_what_is_no_amount_in_plain_digits_is_refused(text: object) -> None:
    with pytest.raises(ContractError, match="price"):
        number_of(text, "price")
