"""The formulas of a hedge's size, with numbers worked by hand and as properties."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from common.bots.spot import Band
from hypothesis import given
from hypothesis import strategies as st
from risk.hedging.amounts import (
    Touch,
    beyond,
    change_by,
    change_in_term,
    change_to_norm,
    quantity_for,
    quantity_in_term,
    smallest_order,
    split,
    whole,
)
from risk.testing.hedging import instrument

D = Decimal
TOUCH = Touch(D(59_990), D(60_000))

amounts = st.decimals(-1_000_000, 1_000_000, places=8)
positive = st.decimals(D("0.00000001"), 1_000_000, places=8)
factors = st.one_of(st.decimals(D("0.01"), 100, places=4), st.decimals(-100, D("-0.01"), places=4))


@pytest.mark.parametrize(("figure", "is_beyond"), [("10", False), ("10.001", True), ("-10", False), ("-10.001", True)])
def test_a_figure_at_its_maximum_is_not_beyond_it(figure: str, is_beyond: bool) -> None:
    assert beyond(D(figure), Band(D(10), D(2))) is is_beyond


@pytest.mark.parametrize(("figure", "change"), [("12", "-10"), ("-12", "10"), ("2", "0"), ("-1", "0")])
def test_what_is_beyond_the_norm_has_to_change(figure: str, change: str) -> None:
    # 12 with a norm of 2: 12 - 2 = 10 have to go.
    assert change_to_norm(D(figure), Band(D(10), D(2))) == D(change)


@pytest.mark.parametrize(
    ("change", "factor", "quantity"), [("-7", "1", "-7"), ("-7", "2", "-3.5"), ("-7", "-2", "3.5"), ("7", "0.5", "14")]
)
def test_the_factor_divides_the_change_and_its_sign_turns_the_side(change: str, factor: str, quantity: str) -> None:
    assert quantity_for(D(change), D(factor)) == D(quantity)


def test_in_the_term_currency_side_and_quantity_turn_at_the_price() -> None:
    # Long 600 USD: buy 600 / 60,000 BTC with them. Short 600 USD: sell 600 / 59,990 BTC for them.
    assert quantity_in_term(D(-600), D(1), TOUCH) == D("0.01")
    sold = quantity_in_term(D(600), D(1), TOUCH)
    assert round(sold, 10) == D("-0.0100016669")
    assert round(quantity_in_term(D(-600), D(-1), TOUCH), 10) == D("-0.0100016669")


@given(amounts, factors)
def test_what_is_traded_never_changes_more_than_was_wanted(change: Decimal, factor: Decimal) -> None:
    made = change_by(quantity_for(change, factor), factor)
    assert abs(made) <= abs(change)
    assert made * change >= 0
    assert abs(Fraction(change) - Fraction(made)) <= Fraction(abs(change)) / 10**40


@given(amounts, factors, positive)
def test_in_the_term_currency_it_is_the_same_at_the_price_it_was_made_from(
    change: Decimal, factor: Decimal, bid: Decimal
) -> None:
    touch = Touch(bid, bid * 2)
    made = change_in_term(quantity_in_term(change, factor, touch), factor, touch)
    assert abs(made) <= abs(change)
    assert made * change >= 0
    assert abs(Fraction(change) - Fraction(made)) <= Fraction(abs(change)) / 10**40


@given(amounts, positive)
def test_whole_steps_are_never_more(quantity: Decimal, step: Decimal) -> None:
    found = Fraction(whole(quantity, step))
    assert found / Fraction(step) == int(found / Fraction(step))
    assert 0 <= Fraction(abs(quantity)) - abs(found) < Fraction(step)


def test_whole_steps_of_both_sides() -> None:
    assert whole(D("1.59"), D("0.1")) == D("1.5")
    assert whole(D("-1.59"), D("0.1")) == D("-1.5")


@pytest.mark.parametrize(
    ("price", "smallest"), [(None, "0.002"), ("2000", "0.005"), ("2100", "0.005"), ("9000", "0.002")]
)
def test_the_smallest_order_is_of_lots_and_of_money(price: str | None, smallest: str) -> None:
    # 10 USD at 2,000 are 0.005; at 2,100 they are 0.00476, 5 lots of 0.001 as well; at 9,000 less than 2 lots.
    market = instrument(min_lots=2, min_notional=D(10))
    assert smallest_order(market, D(price) if price else None) == D(smallest)


@pytest.mark.parametrize(
    ("quantity", "rooms", "parts"),
    [
        ("1", ["5"], ["1"]),
        ("1", ["5", "5"], ["0.5", "0.5"]),
        ("1", ["5", "0.2", "5"], ["0.4", "0.2", "0.4"]),
        ("1", ["0.3", "0.2"], ["0.3", "0.2"]),
        ("0.1", ["5", "5"], ["0.1", "0"]),
        ("0.3", ["5", "5"], ["0.2", "0.1"]),
        ("0.7", ["0.2", "0.2", "0.2", "0.2"], ["0.2", "0.2", "0.2", "0.1"]),
        ("1", ["0.05", "5"], ["0", "1"]),
        ("1", [], []),
    ],
)
def test_a_parent_is_split_over_holders(quantity: str, rooms: list[str], parts: list[str]) -> None:
    assert split(D(quantity), [D(each) for each in rooms], D("0.1"), D("0.1")) == [D(each) for each in parts]


@given(
    st.decimals(0, 1_000, places=3),
    st.lists(st.decimals(0, 1_000, places=3), max_size=5),
    st.integers(1, 50),
    st.integers(1, 20),
)
def test_parts_are_whole_and_within_their_rooms(quantity: Decimal, rooms: list[Decimal], lot: int, least: int) -> None:
    step = D(lot) / 1_000
    smallest = least * step
    parts = split(quantity, rooms, step, smallest)
    assert sum(parts) <= quantity
    for part, room in zip(parts, rooms, strict=True):
        assert part <= room
        assert not part or (part >= smallest and whole(part, step) == part)
    able = sum((whole(room, step) for room in rooms if room >= smallest), start=D(0))
    left = min(whole(quantity, step), able) - sum(parts)
    # What is left is too small for whoever still has room.
    assert left < max(smallest, step) + step or all(
        room - part < smallest for part, room in zip(parts, rooms, strict=True)
    )
