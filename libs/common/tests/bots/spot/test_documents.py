"""Platform documents: account currency, watched currencies, their limits and their hedgers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from common.bots import Known
from common.bots.spot import (
    DOCUMENTS,
    AccountRisk,
    Band,
    CurrencyHedger,
    CurrencyRiskLimits,
    CurrencyScope,
    PlatformDocument,
)
from common.errors import ConfigError
from common.events import Distance, ExecutionStyle
from common.instruments import CurrencyPair, CurrencyPairs
from common.testing.spot import (
    ACCOUNT_RISK,
    CURRENCY,
    CURRENCY_HEDGER,
    CURRENCY_LIMITS,
    EXCHANGES,
    KNOWN,
    PLATFORM_DOCUMENTS,
)
from hypothesis import given
from hypothesis import strategies as st
from toolkit.testing.strategies import documents

D = Decimal


def faults(model: type[PlatformDocument], document: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        model.parse(document)
    return refused.value.faults


@pytest.mark.parametrize(("kind", "document"), [(key[0], each) for key, each in PLATFORM_DOCUMENTS.items()])
def test_the_sources_examples_are_read_and_fit_the_platform(kind: str, document: Mapping[str, Any]) -> None:
    assert DOCUMENTS[kind].parse(document).faults_among(KNOWN) == []


def test_account_currency_and_cutoff_time() -> None:
    found = AccountRisk.parse(ACCOUNT_RISK)
    assert (found.account_currency, found.cutoff_time, found.last_reset_time) == ("USD", 57_600_000, 0)
    assert AccountRisk.parse({"account_currency": "btc"}).cutoff_time == 0, "midnight"
    assert AccountRisk.parse({"account_currency": "BTC", "last_reset_time": None}).last_reset_time is None
    assert faults(AccountRisk, {"account_currency": "", "cutoff_time": 86_400_000, "last_reset_time": -1}) == (
        "account_currency: must be a currency such as 'BTC', is ''",
        "cutoff_time: must be a whole number of 0 to 86399999, is 86400000",
        "last_reset_time: must be a whole number of 0 to 100000000000000, is -1",
    )


@pytest.mark.parametrize(
    ("sent", "exchange", "algo_id"),
    [(None, None, None), ("", None, None), ("kraken", "KRAKEN", None), ("4", None, "4"), (4, None, "4")],
)
def test_exchange_algo_id_is_all_an_exchange_or_a_bot(sent: object, exchange: str | None, algo_id: str | None) -> None:
    found = CurrencyScope.parse({"currency": "ADA", "exchange_algo_id": sent})
    assert (found.exchange, found.algo_id) == (exchange, algo_id)
    assert found.faults_among(KNOWN) == []


def test_exchange_algo_id_names_what_exists() -> None:
    nobody = CurrencyScope.parse({"currency": "ADA", "exchange_algo_id": "77"})
    assert nobody.faults_among(KNOWN) == ["exchange_algo_id: must name a bot that exists, is '77'"]
    nowhere = CurrencyScope.parse({"currency": "ADA", "exchange_algo_id": "MTGOX"})
    assert "must be one of BINANCE" in nowhere.faults_among(KNOWN)[0]
    assert faults(CurrencyScope, {"currency": "A", "exchange_algo_id": []}) == (
        "currency: must be a currency such as 'BTC', is 'A'",
        "exchange_algo_id: must be an exchange such as 'KRAKEN', or the id of a bot, is []",
    )


def test_max_long_and_short_exposure_of_a_currency() -> None:
    found = CurrencyRiskLimits.parse(CURRENCY_LIMITS)
    assert (found.max_long_exposure, found.max_short_exposure) == (D(11_000), D(11_000))
    none = CurrencyRiskLimits.parse({"max_long_exposure": 0, "max_short_exposure": None})
    assert (none.max_long_exposure, none.max_short_exposure) == (None, None), "the platform's"
    assert faults(CurrencyRiskLimits, {"max_short_exposure": "-1"}) == (
        "max_short_exposure: must not be negative, is '-1'",
    )


def test_a_currency_is_hedged_as_a_bot_is() -> None:
    found = CurrencyHedger.parse(CURRENCY_HEDGER)
    assert found.position_max_norm_size == Band(D(100), D(0))
    assert found.execution_style is ExecutionStyle.CROSS_MARKET
    assert (found.venues_list, found.hedge_instrument, found.resend_time) == (("BINANCE",), "ADABTC", 500)
    assert (found.max_order_size, found.max_offset) == (D(10_000), Distance(D(30), True))
    assert (found.max_bid, found.min_ask, found.running) == (D(300), D(300), False)


@pytest.mark.parametrize("field", ["hedge_qty_factor", "custom_order_parameters", "currency_id"])
def test_a_currencys_hedger_has_not_all_fields_of_a_bots(field: str) -> None:
    assert faults(CurrencyHedger, {**CURRENCY_HEDGER, field: "1"}) == (f"{field}: Extra inputs are not permitted",)


def hedger(**fields: Any) -> CurrencyHedger:
    return CurrencyHedger.parse({**CURRENCY_HEDGER, **fields})


def scope(exchange_algo_id: str | None = None, currency: str = "ADA") -> CurrencyScope:
    return CurrencyScope.parse({"currency": currency, "exchange_algo_id": exchange_algo_id})


NOTHING_KNOWN = Known(EXCHANGES, CurrencyPairs())


@pytest.mark.parametrize("known", [KNOWN, NOTHING_KNOWN])
def test_a_hedge_instrument_must_contain_the_currency(known: Known) -> None:
    assert hedger().faults_for(scope(), known) == []
    assert hedger(hedge_instrument="BTCADA").faults_for(scope(), known) == [], "as what is paid too"
    assert hedger(hedge_instrument="ETHBTC").faults_for(scope(), known) == [
        "hedge_instrument: must be a pair of ADA, is 'ETHBTC'"
    ]


def test_what_a_market_is_of_counts_before_its_letters() -> None:
    known = Known(EXCHANGES, CurrencyPairs({"ADABTC": CurrencyPair("ADAB", "TC")}))
    assert hedger().faults_for(scope(), known) == ["hedge_instrument: must be a pair of ADA, is 'ADABTC'"]


def test_a_currency_at_one_exchange_is_hedged_there_alone() -> None:
    assert hedger(venues_list="KRAKEN").faults_for(scope("KRAKEN"), KNOWN) == []
    assert hedger(venues_list="KRAKEN, BINANCE").faults_for(scope("KRAKEN"), KNOWN) == [
        "venues_list: must be KRAKEN alone, whose ADA it watches: trades elsewhere do not change that,"
        " is 'KRAKEN, BINANCE'"
    ]
    assert hedger(venues_list="KRAKEN, BINANCE").faults_for(scope("4"), KNOWN) == [], "a bot's is changed anywhere"


def test_a_hedger_names_exchanges_of_ours() -> None:
    assert hedger(venues_list="MTGOX").faults_among(KNOWN) == [
        "venues_list: must be an exchange where bots trade, one of BINANCE, BITTREX, COINBASE, DLTXMM, KRAKEN,"
        " is 'MTGOX'"
    ]


@given(st.sampled_from([*PLATFORM_DOCUMENTS]), st.data())
def test_whatever_is_sent_in_a_document_is_refused_in_words_or_read(key: tuple[str, str], data: st.DataObject) -> None:
    document = dict(PLATFORM_DOCUMENTS[key])
    for field in data.draw(st.lists(st.sampled_from(sorted(document)), min_size=1, max_size=3)):
        document[field] = data.draw(documents)
    try:
        found = DOCUMENTS[key[0]].parse(document)
    except ConfigError as error:
        said = error.faults
    else:
        said = tuple(found.faults_among(KNOWN))
    assert all(": " in fault for fault in said)


def test_the_types_are_those_of_the_source_and_one_of_ours() -> None:
    assert set(DOCUMENTS) == {"risk", "risk_currency", "currency_risk_limits", "risk_hedger", "rebalancer"}
    assert {kind: model for (kind, _), model in zip(PLATFORM_DOCUMENTS, DOCUMENTS.values(), strict=True)} == DOCUMENTS
    assert CURRENCY["exchange_algo_id"] == "4"
