"""Fixed bots are priced by the books of the markets that they name, and of those of their series."""

from __future__ import annotations

from decimal import Decimal

from common.events import Market, MarketStatus, SourcePrice
from common.instruments import InstrumentKind
from pricer.service import Pricer
from pricer.testing.harness import Harness

COIN = "BTCUSD"


def priced(series: list[str], symbols: list[str]) -> Harness:
    harness = Harness()
    harness.pricer = Pricer(["binance"], quoted_venues=["degen"])
    harness.pricer.epoch = 3
    harness.statuses()
    harness.bot("9", kind="fixed", instrument={"venue": "degen", "series": series, "symbols": symbols})
    harness.market("BTC-5M-1")
    for symbol in (COIN, "ETHUSD"):
        listed = Market(
            venue="degen",
            symbol=symbol,
            kind=InstrumentKind.SPOT,
            status=MarketStatus.OPEN,
            tick_size=Decimal("0.01"),
            ts_received_ns=harness.now_ns,
        )
        list(harness.pricer.on_market(listed, harness.receipt()))
    return harness


def seen(harness: Harness, symbol: str, price: float) -> list[SourcePrice]:
    found = harness.top(price, symbol, venue="degen", half_spread=0.01)
    return [each for each in found if isinstance(each, SourcePrice)]


def test_what_it_names_and_its_series_are_priced_and_nothing_else() -> None:
    harness = priced(["BTC-5M"], [COIN])
    (coin,) = seen(harness, COIN, 60_000.0)
    assert (coin.algo_id, coin.symbol, coin.bid, coin.ask) == ("9", COIN, 59_999.99, 60_000.01)
    assert [each.symbol for each in seen(harness, "BTC-5M-1", 0.5)] == ["BTC-5M-1"]
    assert seen(harness, "ETHUSD", 3_000.0) == []


def test_a_quiet_book_is_stated_again_four_times_within_the_age_a_quoter_bears() -> None:
    harness = priced([], [COIN])
    seen(harness, COIN, 60_000.0)
    stated = 0
    for _ in range(10):
        harness.wait(0.1)
        harness.statuses()
        stated += len(harness.timer())
    assert 3 <= stated <= 5
