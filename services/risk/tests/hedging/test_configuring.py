"""Hedgers from documents: whose figure, at which places, and when they run."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots.spot import CurrencyHedger, CurrencyScope, SpotBot
from common.events import FeeCurrency, FeeTerms, Market, MarketStatus
from common.instruments import InstrumentKind
from common.testing.spot import ADAETH, BTCUSD, EXCHANGES, changed
from risk.hedging.configuring import HeldAccount, Surroundings, hedger_of_bot, hedger_of_currency
from risk.hedging.terms import Hedger, Scope, faults_of
from risk.testing.events import NOW_NS

D = Decimal
FEES = FeeTerms(maker_rate=D("-0.0001"), taker_rate=D("0.001"), currency=FeeCurrency.PRICE)
ACCOUNTS = (
    HeldAccount("mm1", "dltxmm_spot", "quoter-1"),
    HeldAccount("mm3", "kraken_spot", ""),
    HeldAccount("mm2", "kraken_spot", "quoter-1"),
    HeldAccount("mm4", "binance_spot", "quoter-2"),
)


def market(venue: str, symbol: str, base: str, currency: str, **changed: Any) -> Market:
    return Market(
        venue=venue,
        symbol=symbol,
        kind=changed.pop("kind", InstrumentKind.SPOT),
        status=MarketStatus.OPEN,
        base=base,
        currency=currency,
        tick_size=D("0.01"),
        lot_size=D("0.001"),
        ts_received_ns=NOW_NS,
        **changed,
    )


MARKETS = {
    (each.venue, each.symbol): each
    for each in (
        market("dltxmm_spot", "BTCUSD", "BTC", "USD"),
        market("kraken_spot", "BTCUSD", "BTC", "USD", fees=FEES),
        market("binance_spot", "BTCUSD", "BTC", "USD"),
        market("bittrex_spot", "ADAETH", "ADA", "ETH"),
        market("binance_spot", "ADABTC", "ADA", "BTC"),
    )
}


def around(**changed: Any) -> Surroundings:
    known = Surroundings(EXCHANGES, ACCOUNTS, lambda venue, name: MARKETS.get((venue, name)))
    return known._replace(**changed)


def of_bot(sections: Any, surroundings: Surroundings | None = None, *, running: bool = True) -> Hedger:
    found = hedger_of_bot("5", SpotBot.parse(sections), 7, surroundings or around(), running=running)
    assert found is not None
    return found


def test_a_bot_hedges_its_base_currency_at_all_accounts_of_its_venues() -> None:
    hedger = of_bot(BTCUSD)
    assert (hedger.scope, hedger.revision, hedger.running) == (Scope("bot-5", "BTC", algo_id="5"), 7, True)
    assert (hedger.band.max, hedger.band.norm, hedger.factor) == (D(2), D("0.5"), D(1))
    # BINANCE KRAKEN COINBASE, of which the last has no such market.
    assert [(each.account, each.instrument.venue, each.holder, each.taker_rate) for each in hedger.places] == [
        ("mm4", "binance_spot", "quoter-2", D(0)),
        ("mm2", "kraken_spot", "quoter-1", D("0.001")),
        ("mm3", "kraken_spot", "", D("0.001")),
    ]
    assert list(faults_of(hedger)) == []


def test_a_bot_hedges_in_another_pair_of_its_base_currency() -> None:
    hedger = of_bot(ADAETH)
    assert (hedger.scope.currency, hedger.pair, hedger.in_term) == ("ADA", ("ADA", "BTC"), False)


@pytest.mark.parametrize(("bot", "section", "runs"), [(True, True, True), (False, True, False), (True, False, False)])
def test_it_runs_when_it_and_its_bot_do(bot: bool, section: bool, runs: bool) -> None:
    assert of_bot(changed(BTCUSD, hedger__running=section), running=bot).running is runs


def test_a_bot_that_may_reduce_after_its_days_loss_is_not_stopped_by_that_halt() -> None:
    assert of_bot(BTCUSD).spared == frozenset()
    assert of_bot(changed(BTCUSD, risk_limits__on_day_loss="reduce")).spared == {"daily_loss", "drawdown"}


def test_a_bot_without_a_hedger_has_none() -> None:
    sections = {name: section for name, section in BTCUSD.items() if name != "hedger"}
    assert hedger_of_bot("5", SpotBot.parse(sections), 1, around(), running=True) is None


def test_before_its_own_market_is_known_there_is_nothing_to_hedge_by() -> None:
    others = {key: each for key, each in MARKETS.items() if key[0] != "dltxmm_spot"}
    hedger = of_bot(BTCUSD, around(market_of=lambda venue, name: others.get((venue, name))))
    assert (hedger.places, hedger.scope.currency) == ((), "")
    binary = MARKETS | {
        ("dltxmm_spot", "BTCUSD"): market("dltxmm_spot", "BTCUSD", "", "USD", kind=InstrumentKind.BINARY)
    }
    assert of_bot(BTCUSD, around(market_of=lambda venue, name: binary.get((venue, name)))).places == ()


@pytest.mark.parametrize(
    ("watched", "scope"),
    [
        (None, Scope("risk-currency-8", "BTC")),
        ("KRAKEN", Scope("risk-currency-8", "BTC", venue="kraken_spot")),
        ("5", Scope("risk-currency-8", "BTC", algo_id="5")),
    ],
)
def test_a_currency_is_watched_over_all_at_a_venue_or_of_a_bot(watched: str | None, scope: Scope) -> None:
    section = CurrencyHedger.parse({**BTCUSD["hedger"], "venues_list": "KRAKEN"})
    document = CurrencyScope.parse({"currency": "BTC", "exchange_algo_id": watched})
    hedger = hedger_of_currency("8", document, section, 3, around())
    assert (hedger.scope, hedger.factor, hedger.running) == (scope, D(1), True)
    assert [each.account for each in hedger.places] == ["mm2", "mm3"]


def test_an_exchange_that_is_ours_no_more_leaves_a_currency_without_places() -> None:
    section = CurrencyHedger.parse({**BTCUSD["hedger"], "venues_list": "KRAKEN"})
    document = CurrencyScope.parse({"currency": "BTC", "exchange_algo_id": "GONE"})
    assert hedger_of_currency("8", document, section, 3, around()).places == ()
