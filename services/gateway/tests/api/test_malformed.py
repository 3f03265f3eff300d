"""Documents of all eight types as a tired person may send them: each answer names field and rule, nothing changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx
import pytest
from common.events import BotConfig, PlatformConfig
from common.testing.spot import BTCUSD, CURRENCY, CURRENCY_HEDGER, CURRENCY_LIMITS, PLATFORM_DOCUMENTS, changed
from gateway.testing.fakes import FakeBus

LogIn = Callable[..., Awaitable[dict[str, str]]]
RISK = PLATFORM_DOCUMENTS["risk", "MM"]
WITH_DELTA = {"binary_delta": True, "binary_position_max_norm_size": "1 0", "binary_delta_max": "2"}
BOTS: list[tuple[str, Mapping[str, Any], str]] = [
    ("instrument.source_exchange", {"source_exchange": "KRAKEN;BINANCE"}, "a list of exchanges such as"),
    ("instrument.exchange", {"exchange": "DLTX MM"}, "an exchange such as 'KRAKEN'"),
    ("instrument.instrument", {"instrument": "BTC/USD, ETH/USD"}, "must name one instrument"),
    ("instrument.fx_leg", {"fx_leg": "USDJPY"}, "must be left out without underlyings"),
    ("pricer.buy_quote_sizes", {"buy_quote_sizes": "0.1;0.2"}, "a list of at most 20 numbers greater than 0"),
    (
        "pricer.buy_quote_sizes",
        {"buy_quote_sizes": "", "sell_quote_sizes": ""},
        "must name a size, or sell_quote_sizes must",
    ),
    (
        "pricer.buy_quote_sizes",
        {"buy_quote_sizes": "3 [5 20]"},
        "levels in brackets, which BEST_AGGREGATED does not copy",
    ),
    ("pricer.sell_margins", {"sell_margins": "3 4"}, "one for each of sell_quote_sizes, is 2 for 5 sizes"),
    ("pricer.min_spread", {"min_spread": "6 bps (30)"}, "a spread such as '6 bps [30]'"),
    ("pricer.min_spread", {"min_spread": "6 % [30]"}, "a spread such as '6 bps [30]'"),
    ("pricer.take_out", {"take_out": "8 [10"}, "a distance and a quantity such as '8 bps [10]'"),
    ("pricer.take_out", {"take_out": "8 bps [0]"}, "a quantity greater than 0 in brackets"),
    ("pricer.aggressive_mode", {"aggressive_mode": True, "take_out": None}, "must be false without take_out"),
    ("pricer.bid_price_factor", {"bid_price_factor": "1,01"}, "must be a number"),
    ("pricer.max_bid", {"max_bid": "1e400"}, "must be"),
    ("hedger.position_max_norm_size", {"position_max_norm_size": "2000"}, "two numbers, the max and the normal"),
    ("hedger.position_max_norm_size", {"position_max_norm_size": "0 2000"}, "not greater than the max"),
    ("hedger.max_offset", {"max_offset": "10bp"}, "must be a distance"),
    ("hedger.hedge_qty_factor", {"hedge_qty_factor": "0.0"}, "must not be 0"),
    ("hedger.custom_order_parameters", {"custom_order_parameters": "a=1=2"}, "pairs such as"),
    ("hedger.resend_time", {"resend_time": "1s"}, "must be a number"),
    ("risk_limits.max_long_exposure", {"max_long_exposure": "5 BTC"}, "must be a number"),
    ("risk_limits.min_buy_quote_active_time", {"min_buy_quote_active_time": "300 ms"}, "must be a number"),
    ("risk_limits.max_drawdown", {"max_drawdown": "-0.1"}, "must not be negative"),
    ("risk_limits.max_daily_loss", {"max_daily_loss": "5"}, "Extra inputs are not permitted"),
]
DOCUMENTS: list[tuple[str, str, Mapping[str, Any], str]] = [
    ("risk/MM", "cutoff_time", {**RISK, "cutoff_time": "16:00"}, "must be a number"),
    ("risk/MM", "cutoff_time", {**RISK, "cutoff_time": 86_400_000}, "a whole number of 0 to 86399999"),
    ("risk/MM", "account_currency", {**RISK, "account_currency": "dollars!"}, "a currency such as 'BTC'"),
    ("risk_currency/3", "currency", {**CURRENCY, "currency": "b t c"}, "a currency such as 'BTC'"),
    ("risk_currency/3", "exchange_algo_id", {**CURRENCY, "exchange_algo_id": "77"}, "must name a bot that exists"),
    ("risk_currency/3", "exchange_algo_id", {**CURRENCY, "exchange_algo_id": "MTGOX"}, "must be one of BINANCE"),
    ("currency_risk_limits/3", "id", CURRENCY_LIMITS, "must be that of a risk_currency document, and 3 is none"),
    ("currency_risk_limits/3", "max_long_exposure", {"max_long_exposure": "lots"}, "must be a number"),
    ("risk_hedger/3", "id", CURRENCY_HEDGER, "must be that of a risk_currency document, and 3 is none"),
    ("risk_hedger/3", "hedge_qty_factor", {**CURRENCY_HEDGER, "hedge_qty_factor": "2"}, "Extra inputs"),
    ("risk_hedger/3", "execution_style", {**CURRENCY_HEDGER, "execution_style": "lean"}, "one of LEAN, PASSIVE"),
    ("risk_hedger/3", "position_max_norm_size", {**CURRENCY_HEDGER, "position_max_norm_size": "1 0 0"}, "two numbers"),
    (
        "risk_hedger/3",
        "binary_position_max_norm_size",
        {**CURRENCY_HEDGER, **WITH_DELTA, "binary_position_max_norm_size": None},
        "must be given with binary_delta",
    ),
    (
        "risk_hedger/3",
        "binary_delta_max",
        {**CURRENCY_HEDGER, **WITH_DELTA, "binary_delta_max": None},
        "must be given with binary_delta",
    ),
]


def check(answer: httpx.Response, field: str, rule: str) -> None:
    assert answer.status_code == 422, answer.text
    faults = {fault["field"]: fault["rule"] for fault in answer.json()["error"]["fields"]}
    assert list(faults) == [field]
    assert rule in faults[field]


@pytest.mark.parametrize(("path", "fields", "rule"), BOTS, ids=[f"{path}={fields}" for path, fields, _ in BOTS])
async def test_a_malformed_section_is_refused_by_field_and_rule(
    client: httpx.AsyncClient, log_in: LogIn, bus: FakeBus, path: str, fields: Mapping[str, Any], rule: str
) -> None:
    headers, section = await log_in("trader", "risk"), path.partition(".")[0]
    sent = changed(BTCUSD, **{f"{section}__{name}": value for name, value in fields.items()})
    change = {"kind": "spot", "running": False, "sections": sent, "revision": 0, "reason": "because"}
    check(await client.put("/api/bots/3", json=change, headers=headers), f"sections.{path}", rule)
    assert bus.of(BotConfig) == []


@pytest.mark.parametrize(
    ("address", "field", "document", "rule"), DOCUMENTS, ids=[f"{address} {field}" for address, field, *_ in DOCUMENTS]
)
async def test_a_malformed_document_is_refused_by_field_and_rule(
    client: httpx.AsyncClient,
    log_in: LogIn,
    bus: FakeBus,
    address: str,
    field: str,
    document: Mapping[str, Any],
    rule: str,
) -> None:
    change = {"document": document, "revision": 0, "reason": "because"}
    answer = await client.put(f"/api/documents/{address}", json=change, headers=await log_in("trader", "risk"))
    check(answer, f"document.{field}", rule)
    assert bus.of(PlatformConfig) == []
