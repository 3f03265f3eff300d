"""Prices, sizes and fees of a spot symbol are exact, and terms that cannot be are refused by name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from exchange.spot.terms import SpotTerms, dollar_symbol, rate_text
from hypothesis import given
from hypothesis import strategies as st

BTC = dollar_symbol("BTC", 100, 500)


@pytest.mark.parametrize(
    ("text", "ticks"),
    [("60000.00", 6_000_000), ("60000", 6_000_000), ("0.01", 1), ("60000.005", None), ("0", None), ("-1", None)]
    + [(text, None) for text in ("1e3", "", ".5", "1.", "NaN", "99999999999", " 1", "1\n")],
)
def test_prices_are_read_on_the_grid_only(text: str, ticks: int | None) -> None:
    assert BTC.prices.steps_of(text) == ticks
    assert BTC.prices.steps_of(60000) is None


@given(st.integers(1, 10**11))
def test_every_price_and_size_is_written_as_it_is_read(steps: int) -> None:
    assert BTC.prices.steps_of(BTC.prices.text(steps)) == steps
    quarter = replace(BTC, tick=Decimal("0.25")).prices
    if steps <= quarter.highest:
        assert quarter.steps_of(quarter.text(steps)) == steps


def test_a_whole_step_has_no_point() -> None:
    assert replace(BTC, tick=Decimal(5)).prices.text(3) == "15"


def test_the_fee_of_the_docstring() -> None:
    assert BTC.notional_units(6_000_000, 1_000) == 6_000_000_000
    assert BTC.fee_units(6_000_000, 1_000, 500) == 3_000_000


@given(st.integers(1, 10**8), st.lists(st.integers(1, 10**5), min_size=1, max_size=6), st.integers(-500, 500))
def test_a_cover_holds_for_every_split_into_fills(price: int, fills: list[int], ppm: int) -> None:
    paid = sum(BTC.notional_units(price, lots) + BTC.fee_units(price, lots, ppm) for lots in fills)
    assert BTC.cover_units(price, sum(fills), ppm) >= paid
    exact = Fraction(BTC.notional_units(price, fills[0]) * ppm, 1_000_000)
    assert 0 <= BTC.fee_units(price, fills[0], ppm) - exact < 1


@given(st.integers(1, 10**8), st.integers(1, 10**6), st.integers(-500, 500))
def test_both_fees_never_come_to_less_than_nothing(price: int, lots: int, ppm: int) -> None:
    assert BTC.fee_units(price, lots, ppm) + BTC.fee_units(price, lots, abs(ppm)) >= 0


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tick": Decimal("0.001")}, "tick: must come to whole units of USD"),
        ({"lot": Decimal("0.000000001"), "min_size": Decimal(1)}, "lot: must come to whole units of BTC"),
        ({"tick": Decimal(0)}, "tick: must be above 0"),
        ({"min_size": Decimal("0.00015")}, "min_size: must be a multiple of the lot"),
        ({"maker_fee_ppm": -501}, "maker_fee_ppm"),
        ({"maker_fee_ppm": 501}, "maker_fee_ppm"),
        ({"base": "USD"}, "base: must be another currency"),
        ({"symbol": "BTC-USD"}, "symbol: must be 2 to 20 of A-Z 0-9"),
    ],
)
def test_terms_that_cannot_be_exact_are_refused_by_name(changes: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(BTC, **changes)  # type: ignore[arg-type]


def test_terms_are_written_as_they_are_read() -> None:
    for terms in (BTC, dollar_symbol("ETH", -50, 50), dollar_symbol("XRP", 0, 0)):
        assert SpotTerms.from_json(terms.as_json()) == terms
    assert rate_text(-100) == "-0.000100"
