"""What a market says of its instrument."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import Market, MarketStatus
from common.instruments import InstrumentKind, Outcome
from msgspec.structs import replace

BINARY = Market(
    venue="degen",
    symbol="BTC-5M-1",
    kind=InstrumentKind.BINARY,
    status=MarketStatus.OPEN,
    underlying="BTC",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.01"),
    min_lots=0,
    ts_received_ns=1,
)
SPOT = replace(
    BINARY,
    symbol="BTCEUR",
    kind=InstrumentKind.SPOT,
    base="BTC",
    currency="EUR",
    lot_size=Decimal("0.0001"),
    min_lots=5,
    min_notional=Decimal(10),
)


def test_the_price_axis_of_a_binary_market_is_that_of_yes() -> None:
    yes = BINARY.instrument()
    assert (yes.outcome, yes.base, yes.max_ticks, yes.min_lots) == (Outcome.YES, "BTC", 100, 1)
    assert yes.value(120, 0.5) == pytest.approx(0.6)


def test_a_spot_market_has_no_outcome_and_no_highest_price() -> None:
    coin = SPOT.instrument()
    assert (coin.outcome, coin.base, coin.currency, coin.max_ticks) == (Outcome.NONE, "BTC", "EUR", 0)
    assert (coin.min_lots, coin.min_notional) == (5, Decimal(10))


def test_terms_that_cannot_be_are_named() -> None:
    with pytest.raises(ValueError, match="lot_size: must be above 0, is 0"):
        replace(SPOT, lot_size=Decimal(0)).instrument()
