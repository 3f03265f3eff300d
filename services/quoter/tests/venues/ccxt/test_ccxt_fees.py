"""What the account pays, asked of the venue: in the market's terms for as long as nobody says otherwise."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import FeeCurrency, FeeTerms, Market, MarketStatus
from common.instruments import InstrumentKind
from hypothesis import given, settings
from hypothesis import strategies as st
from quoter.testing.ccxt.stages import BinanceStage, CcxtStage, KrakenStage
from quoter.venues.ccxt.session import FEES_EVERY_MS

STAGES: dict[str, type[BinanceStage | KrakenStage]] = {"binance": BinanceStage, "kraken": KrakenStage}
ROUTES = {"binance": "/account/commission", "kraken": "/TradeVolume"}
PAID = {
    # 0.001 and 0.0012, with 0.00000112 and 0.00000114 of tax and 0.00000668 more for who sells.
    "binance": FeeTerms(maker_rate=Decimal("0.0010078"), taker_rate=Decimal("0.00120782"), currency=FeeCurrency.THIRD),
    "kraken": FeeTerms(maker_rate=Decimal("0.002"), taker_rate=Decimal("0.0035"), currency=FeeCurrency.PRICE),
}
PUBLISHED = FeeTerms(maker_rate=Decimal("0.0025"), taker_rate=Decimal("0.004"), currency=FeeCurrency.PRICE)


def stage_of(venue: str) -> CcxtStage:
    return STAGES[venue]()


def listed(stage: CcxtStage, tick_size: Decimal | None = None) -> None:
    """Tell the symbol with the fees that the venue publishes for everybody."""
    coin = stage.coin
    market = Market(
        venue=coin.venue,
        symbol=coin.symbol,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base=coin.base,
        currency=coin.currency,
        tick_size=tick_size or coin.tick_size,
        lot_size=coin.lot_size,
        fees=PUBLISHED,
        ts_received_ns=0,
    )
    stage.carry(stage.core.on_market(market, stage.receipt()))


def fees(stage: CcxtStage) -> FeeTerms | None:
    return stage.core.markets[stage.coin.symbol].fees


def asked(stage: CcxtStage, venue: str) -> int:
    return [route for _, route, _ in stage.venue.requests].count(ROUTES[venue])


@pytest.mark.parametrize("venue", STAGES)
def test_what_the_account_pays_takes_the_place_of_what_everybody_pays(venue: str) -> None:
    stage = stage_of(venue)
    listed(stage)
    assert fees(stage) == PUBLISHED
    stage.start()
    stage.wait(1_000)
    assert fees(stage) == PAID[venue]
    listed(stage, stage.coin.tick_size * 2)
    assert fees(stage) == PAID[venue], "also when the market is told again"


@pytest.mark.parametrize("venue", STAGES)
def test_it_is_asked_again_every_hour(venue: str) -> None:
    stage = stage_of(venue)
    stage.start()
    stage.wait(10_000)
    assert asked(stage, venue) == 1
    stage.now_ns += FEES_EVERY_MS * 1_000_000
    stage.wait(10_000)
    assert asked(stage, venue) >= 2


@pytest.mark.parametrize("venue", STAGES)
@pytest.mark.parametrize("status", [0, 403, 500])
def test_without_an_answer_the_published_fees_hold_and_trading_goes_on(venue: str, status: int) -> None:
    stage = stage_of(venue)
    listed(stage)
    stage.venue.statuses = {ROUTES[venue]: status}
    stage.start()
    stage.wait(2_000)
    assert fees(stage) == PUBLISHED
    assert stage.session.reconciled
    assert {"no_answer", "request_refused", "bad_credentials"} & set(stage.alerts())


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_answer_about_fees_makes_rates_that_cannot_be(data: st.DataObject) -> None:
    venue = data.draw(st.sampled_from(sorted(STAGES)))
    stage = stage_of(venue)
    listed(stage)
    odd: Any = data.draw(st.sampled_from([None, [], {}, "", "x", "-1", "1", "101", "NaN", "1e400", 7, 10**30, True]))
    name = data.draw(st.sampled_from(["maker", "taker", "seller", "fee", "fees", "fees_maker", "taxCommission"]))

    def spoil(document: Any) -> Any:
        if isinstance(document, dict):
            return {key: odd if key == name else spoil(value) for key, value in document.items()}
        return document

    stage.venue.change = lambda route, document: spoil(document) if route == ROUTES[venue] else document
    stage.start()
    stage.wait(1_000)
    found = fees(stage)
    assert found is not None
    assert -1 < found.maker_rate < 1 and -1 < found.taker_rate < 1
    assert stage.session.reconciled


def test_without_bnb_the_fee_is_taken_of_what_a_fill_brings() -> None:
    stage = BinanceStage()
    listed(stage)

    def without(route: str, document: Any) -> Any:
        return (
            document | {"discount": document["discount"] | {"enabledForAccount": False}}
            if "discount" in document
            else document
        )

    stage.venue.change = without
    stage.start()
    stage.wait(1_000)
    found = fees(stage)
    assert found is not None
    assert found.currency is FeeCurrency.RECEIVED
