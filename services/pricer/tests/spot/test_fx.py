"""The FX leg: direct and inverse by hand, and against exact rational arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricer.spot.fx import Rate

PRICES = st.floats(1e-9, 1e9)


def test_btcjpy_from_btcusd_by_usdjpy_multiplies() -> None:
    rate = Rate(150.0, 150.1, inverse=False)
    assert rate.of_bid(60_000.0) == 9_000_000.0
    assert rate.of_ask(60_010.0) == pytest.approx(9_007_501.0)
    assert rate.middle == pytest.approx(150.05)


def test_c2_i13_adaeth_from_adabtc_by_ethbtc_divides_with_sides_crossed() -> None:
    rate = Rate(0.05, 0.051, inverse=True)
    assert rate.of_bid(0.0000100) == pytest.approx(0.000196078, rel=1e-5)
    assert rate.of_ask(0.0000102) == pytest.approx(0.000204)
    assert rate.middle == pytest.approx((1 / 0.051 + 1 / 0.05) / 2)


@given(PRICES, PRICES, PRICES, PRICES, st.booleans())
def test_it_is_exact_arithmetic_on_the_right_sides(
    first: float, second: float, third: float, fourth: float, inverse: bool
) -> None:
    bid, ask = sorted((first, second))
    fx_bid, fx_ask = sorted((third, fourth))
    rate = Rate(fx_bid, fx_ask, inverse)
    exact_bid = Fraction(bid) / Fraction(fx_ask) if inverse else Fraction(bid) * Fraction(fx_bid)
    exact_ask = Fraction(ask) / Fraction(fx_bid) if inverse else Fraction(ask) * Fraction(fx_ask)
    assert rate.of_bid(bid) == pytest.approx(float(exact_bid), rel=1e-15)
    assert rate.of_ask(ask) == pytest.approx(float(exact_ask), rel=1e-15)
    assert rate.of_bid(bid) <= rate.of_ask(ask), "what is not crossed is not crossed by the rate"


@given(PRICES, PRICES, st.booleans())
def test_converting_loses_the_spread_of_the_pair_and_nothing_else(price: float, other: float, inverse: bool) -> None:
    fx_bid, fx_ask = sorted((price, other))
    rate, level = Rate(fx_bid, fx_ask, inverse), 100.0
    lost = Fraction(rate.of_bid(level)) / Fraction(rate.of_ask(level))
    assert float(lost) == pytest.approx(fx_bid / fx_ask, rel=1e-12)
