"""Which currencies a symbol is of, and whether an FX pair leads from one to the other."""

from __future__ import annotations

import pytest
from common.instruments import CurrencyPair, CurrencyPairs, can_contain, can_convert, is_inverse
from common.instruments.currencies import splits
from hypothesis import given
from hypothesis import strategies as st

codes = st.text("ABCDEFGHIJ", min_size=2, max_size=5)
dividers = st.sampled_from(["", "/", "-", "_", ":", "."])
BTC_USD, BTC_JPY = CurrencyPair("BTC", "USD"), CurrencyPair("BTC", "JPY")
ADA_BTC, ADA_ETH = CurrencyPair("ADA", "BTC"), CurrencyPair("ADA", "ETH")


def test_fx_is_direct_or_inverse_by_its_currencies() -> None:
    assert not is_inverse(CurrencyPair("USD", "JPY"), BTC_USD, BTC_JPY)
    assert is_inverse(CurrencyPair("ETH", "BTC"), ADA_BTC, ADA_ETH)
    with pytest.raises(ValueError, match="EUR/JPY does not convert USD, in which BTC/USD is paid, into JPY"):
        is_inverse(CurrencyPair("EUR", "JPY"), BTC_USD, BTC_JPY)


@given(codes, codes, codes, dividers, st.booleans())
def test_the_letters_alone_never_refuse_what_the_currencies_allow(
    base: str, from_: str, into: str, divider: str, inverse: bool
) -> None:
    fx = CurrencyPair(into, from_) if inverse else CurrencyPair(from_, into)
    underlying, instrument = CurrencyPair(base, from_), CurrencyPair(base, into)
    if from_ != into:
        assert is_inverse(fx, underlying, instrument) is inverse
    assert can_convert(divider.join(fx), divider.join(underlying), divider.join(instrument))


@pytest.mark.parametrize(
    ("fx", "underlying", "instrument"),
    [
        ("USDEUR", "BTCUSD", "BTCJPY"),
        ("USDJPY", "BTCUSD", "ETHJPY"),
        ("USD/EUR", "BTC/USD", "BTC/JPY"),
        ("", "BTCUSD", "BTCJPY"),
        ("US", "BTCUSD", "BTCJPY"),
        ("A/B/C", "BTCUSD", "BTCJPY"),
    ],
)
def test_letters_that_cannot_fit_are_refused(fx: str, underlying: str, instrument: str) -> None:
    assert not can_convert(fx, underlying, instrument)


@given(codes, codes, dividers)
def test_a_symbol_can_contain_what_it_is_made_of(base: str, term: str, divider: str) -> None:
    symbol = f"{base}{divider}{term}"
    assert CurrencyPair(base, term) in set(splits(symbol))
    assert can_contain(symbol, base)
    assert can_contain(symbol, term)


def test_a_symbol_contains_a_currency_at_its_ends_alone() -> None:
    assert not can_contain("XADAY", "ADA")
    assert not can_contain("ADA", "ADA"), "one currency is no pair"
    assert not can_contain("BTC/ADABTC", "ADA")


def test_a_market_says_what_a_symbol_is_however_that_is_spelt() -> None:
    pairs = CurrencyPairs({"BTC/USD": BTC_USD})
    assert pairs.of("BTC/USD") == pairs.of("BTCUSD") == pairs.of("btc-usd") == BTC_USD
    assert pairs.of("ETHUSD") is None


def test_without_a_market_a_list_of_currencies_says_it() -> None:
    pairs = CurrencyPairs(currencies=["BTC", "USD", "JPY"])
    assert pairs.of("BTCUSD") == pairs.of("BTC/USD") == BTC_USD
    assert pairs.of("BTCEUR") is None


def test_a_symbol_of_several_pairs_of_known_currencies_is_of_none() -> None:
    assert CurrencyPairs(currencies=["AB", "ABC", "CD", "D"]).of("ABCD") == CurrencyPair("AB", "CD")
    assert CurrencyPairs(currencies=["AB", "ABC", "CDE", "DE"]).of("ABCDE") is None


def test_a_pair_reads_as_people_write_it() -> None:
    assert str(BTC_USD) == "BTC/USD"
