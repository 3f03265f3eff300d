"""Which way an FX pair is used, as the currencies of the symbols have it."""

import pytest
from common.instruments import CurrencyPair
from pricer.spot.currencies import check_same, used_inversely

BTC_JPY, ADA_ETH, BTC_USD = CurrencyPair("BTC", "JPY"), CurrencyPair("ADA", "ETH"), CurrencyPair("BTC", "USD")


@pytest.mark.parametrize("known", [{}, {"BTCUSD": BTC_USD, "USDJPY": CurrencyPair("USD", "JPY")}])
def test_btcjpy_from_btcusd_by_usdjpy_is_direct(known: dict[str, CurrencyPair]) -> None:
    assert not used_inversely("USDJPY", "BTCUSD", BTC_JPY, known)
    assert not used_inversely("USD/JPY", "BTC-USD", BTC_JPY, known)


def test_adaeth_from_adabtc_by_ethbtc_is_inverse() -> None:
    assert used_inversely("ETHBTC", "ADABTC", ADA_ETH, {})


def test_a_symbol_is_of_what_its_market_says() -> None:
    assert used_inversely("X1", "X2", BTC_JPY, {"X1": CurrencyPair("JPY", "USD"), "X2": BTC_USD})


@pytest.mark.parametrize(
    ("fx", "underlying", "rule"),
    [
        ("EURJPY", "BTCUSD", "fx_leg: must be of USD and JPY, is 'EURJPY'"),
        ("USDJPY", "ETHUSD", "underlyings: must be of BTC, is 'ETHUSD'"),
    ],
)
def test_c2_i13_what_does_not_lead_there_is_refused_with_the_rule(fx: str, underlying: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        used_inversely(fx, underlying, BTC_JPY, {})


def test_without_a_pair_the_currencies_must_be_the_same() -> None:
    check_same("BTCUSD", BTC_USD, {})
    with pytest.raises(ValueError, match="fx_leg: must convert USD into JPY, the currency of BTC/JPY, is missing"):
        check_same("BTCUSD", BTC_JPY, {})
    with pytest.raises(ValueError, match="must be of a known base currency"):
        check_same("BTCUSD", CurrencyPair("", "USD"), {})
