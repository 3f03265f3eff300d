"""Alerts as known programs read them."""

from __future__ import annotations

import re
from decimal import Decimal

from common.bots.spot.alert_texts import execution_text, self_trade_text
from common.instruments import Side
from hypothesis import given
from hypothesis import strategies as st

amounts = st.decimals(0, 10**9, places=8)


def test_the_sources_example() -> None:
    said = self_trade_text("BTCJPY", Side.SELL, Decimal("1.5"), Decimal("441284.4350"))
    assert said == "Self Prevention: BTCJPY SELL 1.5 @ 441284.435"


@given(st.sampled_from(Side), amounts, amounts)
def test_an_execution_says_side_quantity_and_price_in_full(side: Side, quantity: Decimal, price: Decimal) -> None:
    said = execution_text("LTCBTC", side, quantity.normalize(), price)
    found = re.search(r"Execution:.* (BUY|SELL) ([0-9.]+) @ ([0-9.]+)$", said)
    assert found is not None, said
    assert (found[1].lower(), Decimal(found[2]), Decimal(found[3])) == (side.value, quantity, price)
