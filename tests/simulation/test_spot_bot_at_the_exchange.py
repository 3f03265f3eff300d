"""A spot bot at the real matching engine: from its configuration to what rests, is filled, taken and held."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from common.events import (
    BasePrice,
    BotConfig,
    BotLimits,
    Market,
    MarketStatus,
    Position,
    QuoteTarget,
    SizedPrices,
    SourcePrice,
)
from common.instruments import InstrumentKind, Outcome
from common.testing.limits import binary_limits, spot_limits
from common.testing.spot import changed
from quoter.testing.script import MS, Script, position_line

from tests.simulation.exchange_venue import ExchangeVenue, scripted

COIN = "BTCUSD"
LIMITS = BotLimits(
    binary_limits(max_order_notional=100_000.0, max_notional=1e6, max_account_notional=1e6).common,
    spot_limits(price_collar_bps=500.0).kinds,
)
SECTIONS: Mapping[str, Any] = {
    "instrument": {"account": "mm1", "instrument": "BTC/USD", "exchange": "DLTXMM", "source_exchange": "KRAKEN"},
    "pricer": {
        "running": True,
        "buy_quote_sizes": "0.01 0.02",
        "sell_quote_sizes": "0.01 0.02",
        "buy_margins": "5 10",
        "sell_margins": "5 10",
        "source_aggregation": "BEST_AGGREGATED",
    },
    "risk_limits": {"max_long_exposure": "0.05", "max_short_exposure": "0.05"},
}


def spot(revision: int = 1, *, running: bool = True, **fields: Any) -> BotConfig:
    return BotConfig(
        algo_id="1",
        kind="spot",
        revision=revision,
        running=running,
        sections=changed(SECTIONS, **fields),
        actor="x",
        ts_ns=0,
    )


def coin() -> Market:
    return Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        min_notional=Decimal(1),
        ts_received_ns=0,
    )


def priced(bids: list[float | None], asks: list[float | None], revision: int = 1, **more: Any) -> SourcePrice:
    """Return a source price of two sizes a side."""
    amounts = (0.01, 0.02)
    sizes = SizedPrices(
        revision,
        [BasePrice(price, amount) for price, amount in zip(bids, amounts, strict=True)],
        [BasePrice(price, amount) for price, amount in zip(asks, amounts, strict=True)],
    )
    bid, ask = bids[0] or 0.0, asks[0] or 0.0
    return SourcePrice(
        **{"algo_id": "1", "venue": "degen", "symbol": COIN, "bid": bid, "ask": ask, "age_ns": 0, "sizes": sizes} | more
    )


CALM = priced([59_990.0, 59_980.0], [60_010.0, 60_020.0])


def started(*configs: BotConfig) -> tuple[Script, ExchangeVenue]:
    """Return a quoter with one spot bot, whose account has a coin, and another maker's orders."""
    script, venue = scripted("BTC")
    venue.deposit("mm1", "BTC", "1.00000000")
    script.start(*(configs or (spot(),)))
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    venue.spot(venue.maker, "bid", "59900.00", "1", post_only=True)
    venue.spot(venue.maker, "ask", "60100.00", "1", post_only=True)
    return script, venue


def go_on(script: Script, venue: ExchangeVenue, price: SourcePrice = CALM, ms: int = 600, **risk: Any) -> None:
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs(**{"limits": LIMITS} | risk)
        script.carry(script.core.on_book(venue.book(COIN), script.receipt()))
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))


def hold(script: Script, lots: int) -> None:
    held = Position(
        algo_id="1",
        lines=[position_line(lots, Outcome.NONE, COIN)],
        realized=Decimal(0),
        fees=Decimal(0),
        fill_sequence=script.fill_sequence,
        ts_ns=0,
    )
    script.carry(script.core.on_position(held, script.receipt()))


def test_every_size_rests_at_its_price_on_either_side() -> None:
    script, venue = started()
    go_on(script, venue)
    # 59,990 less 5 bps is 59,960.005, and 59,980 less 10 bps 59,920.02.
    # 60,010 and 5 bps are 60,040.005, and 60,020 and 10 bps 60,080.02.
    assert venue.resting(COIN) == [
        ("ask", "60040.01", "0.0100"),
        ("ask", "60080.02", "0.0200"),
        ("bid", "59920.02", "0.0200"),
        ("bid", "59960.00", "0.0100"),
    ]
    assert script.of(QuoteTarget)[-1].state == "quoting"
