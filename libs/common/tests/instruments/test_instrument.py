"""Ticks and lots of every kind of instrument as money, and orders on their price axis."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from common.instruments import Accrual, Instrument, InstrumentKind, Outcome, Side
from hypothesis import given
from hypothesis import strategies as st

YES = Instrument(
    "degen", "BTC-5M", InstrumentKind.BINARY, "USD", Decimal("0.01"), Outcome.YES, "BTC", price_max=Decimal(1)
)
HUNDREDTHS = replace(YES, venue="polymarket", tick_size=Decimal("0.0025"), lot_size=Decimal("0.01"))
"""A share in lots of a hundredth, on a grid of a quarter of a cent."""
TIMES_100 = replace(YES, multiplier=Decimal(100))
SPOT = Instrument(
    "degen", "BTC/USD", InstrumentKind.SPOT, "USD", Decimal("0.01"), base="BTC", lot_size=Decimal("0.0001")
)
BOND = Instrument(
    "degen",
    "XS1",
    InstrumentKind.BOND,
    "USD",
    Decimal("0.001"),
    lot_size=Decimal(1_000),
    multiplier=Decimal("0.01"),
    accrual=Accrual(Decimal("4.5"), date(2026, 1, 15)),
)
ALL = (YES, YES.opposite(), HUNDREDTHS, HUNDREDTHS.opposite(), TIMES_100, SPOT, BOND)

instruments = st.sampled_from(ALL)
sides = st.sampled_from(Side)
lots = st.integers(1, 10**9)


@st.composite
def orders(draw: st.DrawFn) -> tuple[Instrument, int, int]:
    """An instrument with a price in its bounds and a quantity."""
    instrument = draw(instruments)
    return instrument, draw(st.integers(1, (instrument.max_ticks or 10**9) - 1)), draw(lots)


@given(orders())
def test_what_a_buyer_pays_a_seller_gets(order: tuple[Instrument, int, int]) -> None:
    instrument, ticks, quantity = order
    bought, sold = (instrument.cost(side, ticks, quantity) for side in Side)
    assert bought + sold == 0
    assert bought == instrument.notional(ticks, quantity) > 0


@given(orders())
def test_money_is_price_times_quantity_times_multiplier_to_the_last_digit(order: tuple[Instrument, int, int]) -> None:
    instrument, ticks, quantity = order
    by_hand = instrument.price(ticks) * instrument.quantity(quantity) * instrument.multiplier
    assert instrument.notional(ticks, quantity) == by_hand
    assert instrument.money(ticks, quantity) == pytest.approx(float(by_hand), rel=1e-12)
    assert instrument.value(quantity, float(instrument.price(instrument.on_axis(Side.BUY, ticks).price_ticks))) == (
        pytest.approx(float(by_hand), rel=1e-9, abs=1e-9)
    )


@given(orders())
def test_prices_and_sizes_come_back_from_their_text(order: tuple[Instrument, int, int]) -> None:
    instrument, ticks, quantity = order
    assert instrument.ticks(str(instrument.price(ticks))) == ticks
    assert instrument.lots(str(instrument.quantity(quantity))) == quantity


@given(st.sampled_from([YES, HUNDREDTHS, TIMES_100]), sides, st.data())
def test_yes_at_p_is_no_at_one_minus_p(yes: Instrument, side: Side, data: st.DataObject) -> None:
    ticks, quantity = data.draw(st.integers(1, yes.max_ticks - 1)), data.draw(lots)
    no = yes.opposite()
    other_ticks = yes.max_ticks - ticks
    assert no.on_axis(side.opposite, other_ticks) == yes.on_axis(side, ticks)
    # A pair costs what a winning share pays, whatever its price.
    pair = yes.cost(Side.BUY, ticks, quantity) + no.cost(Side.BUY, other_ticks, quantity)
    assert pair == quantity * yes.lot_size * yes.multiplier
    assert yes.value(quantity, 0.3) + no.value(quantity, 0.3) == pytest.approx(float(pair))
    assert no.opposite() == yes


@given(sides, st.integers(1, 10**9))
def test_the_axis_of_what_has_no_outcome_is_its_own_price(side: Side, ticks: int) -> None:
    for instrument in (SPOT, BOND):
        assert instrument.on_axis(side, ticks) == (side is Side.BUY, ticks)
        assert instrument.in_bounds(ticks)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_buying_a_pair_is_selling_the_inverse_pair(price: int, quantity: int) -> None:
    """10 BTC bought for 6 ETH each are 60 ETH sold for 1/6 BTC each: the same cash on both books."""
    direct = Instrument("v", "BTC/ETH", InstrumentKind.SPOT, "ETH", Decimal(1), base="BTC")
    paid = direct.cost(Side.BUY, price, quantity)
    inverse = Instrument("v", "ETH/BTC", InstrumentKind.SPOT, "BTC", Decimal(1), base="ETH")
    received = inverse.value(-int(paid), 1 / price)
    assert received == pytest.approx(-quantity)


def test_the_lot_counts() -> None:
    assert HUNDREDTHS.notional(208, 500) == Decimal("2.6")
    assert HUNDREDTHS.money(208, 500) == pytest.approx(2.6)
    assert YES.notional(52, 250) == Decimal("130.00")
    assert TIMES_100.notional(52, 500) == 26_000
    assert SPOT.notional(6_000_000, 25) == 150
    assert BOND.notional(99_500, 10) == Decimal(9_950)


def test_bounds_are_those_of_the_market() -> None:
    assert [YES.in_bounds(ticks) for ticks in (0, 1, 99, 100)] == [False, True, True, False]
    assert [SPOT.in_bounds(ticks) for ticks in (-1, 0, 1, 10**12)] == [False, False, True, True]


@given(st.dates(date(2026, 1, 15), date(2027, 1, 14)), st.integers(1, 1_000))
def test_a_buyer_of_a_bond_pays_the_interest_that_has_accrued(settled: date, quantity: int) -> None:
    assert BOND.accrual is not None
    months = 12 * (settled.year - 2026) + settled.month - 1
    accrued = Decimal("4.5") * (30 * months + settled.day - 15) / 360
    assert BOND.accrual.accrued(settled) == accrued
    assert BOND.accrued(quantity, settled) == accrued * 1_000 * quantity / 100
    assert SPOT.accrued(quantity, settled) == 0


@pytest.mark.parametrize(
    ("since", "settled", "days"),
    [
        # ISDA 2006, 4.16(f): the 31st counts as the 30th, at the end only behind a beginning on the 30th or 31st.
        (date(2026, 1, 31), date(2026, 3, 31), 60),
        (date(2026, 1, 30), date(2026, 3, 31), 60),
        (date(2026, 1, 29), date(2026, 3, 31), 62),
        (date(2026, 2, 28), date(2026, 3, 31), 33),
        (date(2026, 1, 15), date(2026, 1, 15), 0),
    ],
)
def test_days_are_counted_by_the_bond_basis(since: date, settled: date, days: int) -> None:
    assert Accrual(Decimal(360), since).accrued(settled) == days


def test_interest_does_not_accrue_backwards() -> None:
    with pytest.raises(ValueError, match="settled: must be 2026-01-15 or later, is 2026-01-14"):
        Accrual(Decimal(4), date(2026, 1, 15)).accrued(date(2026, 1, 14))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"tick_size": Decimal(0)}, "tick_size: must be above 0"),
        ({"lot_size": Decimal("NaN")}, "lot_size: must be above 0"),
        ({"multiplier": Decimal(-1)}, "multiplier: must be above 0"),
        ({"outcome": Outcome.NONE}, "outcome: must be yes or no for binary"),
        ({"min_lots": 0}, "min_lots: must be 1 or more"),
        ({"min_notional": Decimal(-1)}, "min_notional: must be 0 or more"),
        ({"price_max": None}, "price_max: a share costs less than 1"),
        ({"tick_size": Decimal("0.3")}, "tick_size: must divide 1"),
        ({"tick_size": Decimal(1)}, "tick_size: must divide 1"),
    ],
)
def test_what_cannot_be_traded_says_which_field_is_wrong(change: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        replace(YES, **change)  # type: ignore[arg-type]


def test_only_a_binary_one_has_another_outcome() -> None:
    with pytest.raises(ValueError, match="outcome: BTC/USD has no other one"):
        SPOT.opposite()
    with pytest.raises(ValueError, match="outcome: must be yes or no for binary and none for others"):
        replace(SPOT, outcome=Outcome.YES)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_what_is_off_the_grid_is_refused_and_never_rounded(number: Decimal) -> None:
    for instrument in (HUNDREDTHS, SPOT):
        for read, step in ((instrument.ticks, instrument.tick_size), (instrument.lots, instrument.lot_size)):
            try:
                count = read(number)
            except ValueError:
                continue
            assert count * step == number
