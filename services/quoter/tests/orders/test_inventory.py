"""What a bot may hold at least and at most, by what is traded."""

from __future__ import annotations

from decimal import Decimal

from common.instruments import Instrument, InstrumentKind
from common.pretrade import Held
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.inventory import PairHeld, SignedHeld
from quoter.testing.binary import terms_of
from quoter.testing.script import market

COIN = Instrument("degen", "BTCUSD", InstrumentKind.SPOT, "USD", Decimal("0.01"), base="BTC")
lots = st.integers(0, 1_000)


@given(lots, lots, lots, lots, st.data())
def test_the_net_of_a_pair_lies_within_its_bounds(
    yes: int, no: int, yes_doubt: int, no_doubt: int, data: st.DataObject
) -> None:
    found = PairHeld(terms_of(market()).pair, Held(yes, no, yes_doubt, no_doubt))
    least, most = found.net_bounds
    true_yes = data.draw(st.integers(yes - yes_doubt, yes))
    true_no = data.draw(st.integers(no - no_doubt, no))
    assert least <= true_yes - true_no <= most
    assert (least, most) == (yes - yes_doubt - no, yes - no + no_doubt)


@given(st.integers(-1_000, 1_000), lots)
def test_a_coins_position_lies_within_its_bounds(held: int, doubt: int) -> None:
    assert SignedHeld(COIN, held, doubt).net_bounds == (held - doubt, held)
