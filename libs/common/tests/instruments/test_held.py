"""Lots of a ledger's line: what they are, pay and are worth is what their instrument says."""

from __future__ import annotations

from decimal import Decimal, Inexact

import pytest
from common.instruments import Instrument, InstrumentKind, Outcome, payout_of, quantity_of, value_of
from hypothesis import given
from hypothesis import strategies as st

steps = st.decimals("0.00000001", "1000", places=8)
lots = st.integers(-(10**9), 10**9)


def test_the_worked_examples() -> None:
    assert quantity_of(150, Decimal("0.0001")) == Decimal("0.0150")
    assert payout_of(250, Decimal(1), Decimal("0.01")) == Decimal("2.50")
    assert value_of(Outcome.NO, 60, Decimal("0.7"), Decimal(1), Decimal(1)) == 18
    assert value_of(Outcome.YES, 60, Decimal("0.7"), Decimal(1), Decimal(1)) == 42


@given(lots, steps, steps)
def test_a_payout_is_the_notional_at_that_price(held: int, lot_size: Decimal, tick: Decimal) -> None:
    coin = Instrument("degen", "BTCUSD", InstrumentKind.SPOT, "USD", tick, base="BTC", lot_size=lot_size)
    assert payout_of(held, coin.price(7), lot_size) == coin.notional(7, held)
    assert quantity_of(held, lot_size) == coin.quantity(held)


@given(lots, st.integers(1, 99), steps, steps, st.sampled_from((Outcome.YES, Outcome.NO)))
def test_a_worth_is_what_the_instrument_says_in_floats(
    held: int, cents: int, lot_size: Decimal, multiplier: Decimal, outcome: Outcome
) -> None:
    share = Instrument(
        "degen",
        "M",
        InstrumentKind.BINARY,
        "USD",
        Decimal("0.01"),
        outcome,
        lot_size=lot_size,
        multiplier=multiplier,
        price_max=Decimal(1),
    )
    mark = Decimal(cents) / 100
    worth = value_of(outcome, held, mark, lot_size, multiplier)
    assert float(worth) == pytest.approx(share.value(held, float(mark)), rel=1e-9)


def test_more_digits_than_money_has_are_refused_and_not_rounded() -> None:
    with pytest.raises(Inexact):
        payout_of(10**12 + 1, Decimal("1." + "0" * 69 + "1"), Decimal("0.123456789"))
