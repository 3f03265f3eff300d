"""Ready-made events for tests of what carries them, whatever they mean."""

from __future__ import annotations

from decimal import Decimal

from common.events import Fill, InstrumentTerms, Liquidity
from common.instruments import InstrumentKind, Side


def fill(number: int, account: str = "mm1") -> Fill:
    """Return the fill of an order of one lot; `number` makes it one of its own."""
    return Fill(
        account=account,
        algo_id="1",
        instrument=InstrumentTerms(
            venue="degen", symbol="BTC-5M", kind=InstrumentKind.SPOT, currency="USD", tick_size=Decimal("0.01")
        ),
        order_id=number,
        order_sequence=1,
        venue_order_id="",
        venue_trade_id=f"t{number}",
        side=Side.BUY,
        price_ticks=50,
        quantity_lots=1,
        leaves_lots=0,
        liquidity=Liquidity.MAKER,
        rate=Decimal(1),
        fee_currency="USD",
        ts_event_ns=1,
        ts_received_ns=2,
    )
