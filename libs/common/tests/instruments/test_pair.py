"""YES and NO of one market, and what is neither."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from common.instruments import (
    Instrument,
    InstrumentKind,
    Outcome,
    OutcomePair,
    Side,
    bids_on_axis,
    market_lots,
    pair_lots,
)
from hypothesis import given
from hypothesis import strategies as st

YES = Instrument(
    "degen", "BTC-5M-1", InstrumentKind.BINARY, "USD", Decimal("0.01"), outcome=Outcome.YES, price_max=Decimal(1)
)
PAIR = OutcomePair(YES, YES.opposite())


def test_each_outcome_has_its_instrument_and_none_has_none() -> None:
    assert PAIR.of(Outcome.YES) is PAIR.yes
    assert PAIR.of(Outcome.NO) is PAIR.no
    with pytest.raises(ValueError, match="outcome: BTC-5M-1 is traded as yes or no, not as none"):
        PAIR.of(Outcome.NONE)


def test_lots_are_of_one_outcome_and_never_of_neither() -> None:
    assert pair_lots(Outcome.YES, 7) == (7, 0)
    assert pair_lots(Outcome.NO, -7) == (0, -7)
    with pytest.raises(ValueError, match="outcome: must be yes or no where a pair is held, is none"):
        pair_lots(Outcome.NONE, 7)


@pytest.mark.parametrize(("outcome", "held"), [(Outcome.YES, (-7, 0)), (Outcome.NONE, (-7, 0)), (Outcome.NO, (0, -7))])
def test_lots_of_any_market_are_on_its_axis_or_against_it(outcome: Outcome, held: tuple[int, int]) -> None:
    assert market_lots(outcome, -7) == held


@given(st.sampled_from(list(Outcome)), st.sampled_from(list(Side)))
def test_the_two_sides_of_an_instrument_point_in_two_directions(outcome: Outcome, side: Side) -> None:
    assert bids_on_axis(outcome, side) is not bids_on_axis(outcome, side.opposite)
    if outcome is not Outcome.NONE:
        assert bids_on_axis(outcome, side) is bids_on_axis(outcome.opposite, side.opposite)


@given(st.integers(0, 10**6), st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("0.0001")]))
def test_a_quantity_that_is_shown_has_its_whole_lots(lots: int, lot_size: Decimal) -> None:
    instrument = replace(YES, lot_size=lot_size)
    assert instrument.whole_lots(float(lots * lot_size)) == lots
    assert instrument.whole_lots(float((lots + Decimal("0.4")) * lot_size)) == lots
    assert instrument.units(lots) == pytest.approx(float(lots * lot_size))


def test_an_order_of_before_a_change_of_the_tick_has_its_own_grid() -> None:
    assert YES.with_tick(None) is YES.with_tick(Decimal("0.010")) is YES
    finer = YES.with_tick(Decimal("0.001"))
    assert finer.max_ticks == 1_000
    assert finer.notional(480, 100) == 48
