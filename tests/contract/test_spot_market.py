"""A spot market, its book, best prices and trades pass through every service that reads them, whatever it trades."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.core import Core, Every, Newest, Ordered, Receipt
from common.events import Book, Event, Lease, Level, Market, MarketStatus, TopOfBook, Trade
from common.instruments import InstrumentKind

from tests.contract.cores import CORES

NOW_NS = 1_795_222_800_000_000_000
AT = {"venue": "degen", "symbol": "BTCUSD", "epoch": 4, "ts_received_ns": NOW_NS, "ts_event_ns": NOW_NS}
MARKET = Market(
    **AT,  # type: ignore[arg-type]
    kind=InstrumentKind.SPOT,
    status=MarketStatus.OPEN,
    underlying="BTC",
    title="BTC for USD",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.0001"),
    base="BTC",
    min_notional=Decimal(1),
)
EVENTS: tuple[Event, ...] = (
    Lease(role="feed", key="degen", holder="feed-0", beat=1, ttl_ms=2_000, epoch=4),
    MARKET,
    TopOfBook(**AT, bid=60_000.0, ask=60_010.0, bid_size=0.5, ask_size=0.25),  # type: ignore[arg-type]
    Book(**AT, bids=[Level(60_000.0, 0.5)], asks=[Level(60_010.0, 0.25)]),  # type: ignore[arg-type]
    Trade(**AT, trade_id="17", price=60_010.0, size=0.1, buyer_is_maker=False),  # type: ignore[arg-type]
)


def tell(core: Core, event: Event) -> list[object]:
    readers = [each for each in core.inputs() if isinstance(each, Newest | Ordered) and each.event is type(event)]
    return [effect for reader in readers for effect in reader.handler(event, Receipt(NOW_NS, 0, 1))]


@pytest.mark.parametrize("name", CORES)
def test_a_spot_market_causes_no_order_price_or_alert(name: str) -> None:
    core = CORES[name]()
    said = [effect for event in EVENTS for effect in tell(core, event)]
    assert said == []
    for timer in core.inputs():
        if isinstance(timer, Every):
            said = list(timer.handler(Receipt(NOW_NS + 1_000_000_000)))
            assert "BTCUSD" not in repr(said)
