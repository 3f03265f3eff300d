"""Each field of the four sections: what is sent, what it means, and what is refused by its name."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots.section import Section
from common.bots.spot import (
    Band,
    FxAggregation,
    HedgeStrategy,
    MinSpread,
    OnDayLoss,
    QuoteSizes,
    SourceAggregation,
    SpotBot,
    SpotBotLimits,
    SpotHedger,
    SpotInstrument,
    SpotPricer,
    TakeOut,
)
from common.bots.spot.sections import NO_OFFSET
from common.errors import ConfigError
from common.events import Distance, ExecutionStyle
from common.testing.spot import BTCJPY, BTCUSD, changed

D = Decimal
SECTIONS: dict[str, type[Section]] = {
    "instrument": SpotInstrument,
    "pricer": SpotPricer,
    "hedger": SpotHedger,
    "risk_limits": SpotBotLimits,
}
MEANT: list[tuple[str, Any, Any]] = [
    ("instrument.account", "mm2", "mm2"),
    ("instrument.instrument", " BTCUSD", "BTCUSD"),
    ("instrument.exchange", "dltxmm", "DLTXMM"),
    ("instrument.source_exchange", "KRAKEN,BINANCE", ("KRAKEN", "BINANCE")),
    ("instrument.underlyings", "BTCUSD", "BTCUSD"),
    ("instrument.underlyings", "", None),
    ("instrument.fx_leg", None, None),
    ("instrument.fx_exchange", "KRAKEN BINANCE", ("KRAKEN", "BINANCE")),
    ("instrument.fx_exchange", None, ()),
    ("instrument.comments", "watch it", "watch it"),
    ("instrument.comments", None, ""),
    ("pricer.buy_quote_sizes", "1 2 3 4 5", QuoteSizes((D(1), D(2), D(3), D(4), D(5)))),
    ("pricer.sell_quote_sizes", "", QuoteSizes()),
    ("pricer.buy_margins", "1 2 3 4 5", (D(1), D(2), D(3), D(4), D(5))),
    ("pricer.sell_margins", None, ()),
    ("pricer.source_aggregation", "WORST_SINGLE", SourceAggregation.WORST_SINGLE),
    ("pricer.fx_aggregation", "BBO", FxAggregation.BBO),
    ("pricer.fx_aggregation", None, FxAggregation.BBO),
    ("pricer.min_price_change", "5.0", D(5)),
    ("pricer.min_price_change", "5 bps", D(5)),
    ("pricer.min_size_change", None, None),
    ("pricer.min_spread", "6 bps [30]", MinSpread(Distance(D(6), True), D(30))),
    ("pricer.min_spread", "", None),
    ("pricer.take_out", "8 bps [10]", TakeOut(Distance(D(8), True), D(10))),
    ("pricer.take_out", 0.5, TakeOut(Distance(D("0.5"), False))),
    ("pricer.bid_price_factor", "0.99", D("0.99")),
    ("pricer.bid_price_factor", "", D(1)),
    ("pricer.ask_price_factor", 1.01, D("1.01")),
    ("pricer.max_bid", "70000", D(70_000)),
    ("pricer.min_ask", None, None),
    ("pricer.aggressive_mode", False, False),
    ("pricer.running", True, True),
    ("pricer.running", None, False),
    ("hedger.position_max_norm_size", "2000 0", Band(D(2_000), D(0))),
    ("hedger.hedge_strategy", "LIMIT", HedgeStrategy.LIMIT),
    ("hedger.hedge_strategy", None, HedgeStrategy.LIMIT),
    ("hedger.execution_style", "PASSIVE", ExecutionStyle.PASSIVE),
    ("hedger.venues_list", "BINANCE", ("BINANCE",)),
    ("hedger.max_order_size", "10000", D(10_000)),
    ("hedger.max_order_size", 0, None),
    ("hedger.resend_time", "500", 500),
    ("hedger.resend_time", None, 1_000),
    ("hedger.hedge_instrument", "BTCUSD", "BTCUSD"),
    ("hedger.max_offset", "20 bps", Distance(D(20), True)),
    ("hedger.max_offset", "0.5", Distance(D("0.5"), False)),
    ("hedger.max_offset", None, NO_OFFSET),
    ("hedger.hedge_qty_factor", "-2", D(-2)),
    ("hedger.hedge_qty_factor", None, D(1)),
    ("hedger.max_bid", "70000", D(70_000)),
    ("hedger.min_ask", "50000", D(50_000)),
    ("hedger.custom_order_parameters", "leverage=2", {"leverage": "2"}),
    ("hedger.running", False, False),
    ("risk_limits.max_long_exposure", 11000.0, D(11_000)),
    ("risk_limits.max_long_exposure", 0, None),
    ("risk_limits.max_short_exposure", "11000", D(11_000)),
    ("risk_limits.max_quoter_position_size", "100", D(100)),
    ("risk_limits.max_hedger_position_size", "", None),
    ("risk_limits.min_buy_quote_active_time", "300", 300),
    ("risk_limits.min_sell_quote_active_time", 0, None),
    ("risk_limits.max_day_loss", 0.0, None),
    ("risk_limits.max_day_loss", "2000", D(2_000)),
    ("risk_limits.max_drawdown", 0, None),
    ("risk_limits.max_drawdown", "50000", D(50_000)),
    ("risk_limits.on_day_loss", "reduce", OnDayLoss.REDUCE),
    ("risk_limits.on_day_loss", None, OnDayLoss.STOP),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("instrument.account", "", "at least 1 character"),
    ("instrument.instrument", "BTC USD", "one instrument"),
    ("instrument.exchange", "", "an exchange such as"),
    ("instrument.source_exchange", "", "one exchange at least"),
    ("instrument.underlyings", "BTCUSD ETHUSD", "one instrument"),
    ("instrument.fx_leg", 5, "one instrument"),
    ("instrument.fx_exchange", "KRAKEN KRAKEN", "each exchange once"),
    ("instrument.comments", "x" * 1_001, "at most 1000 characters"),
    ("pricer.buy_quote_sizes", "1 0", "greater than 0"),
    ("pricer.sell_quote_sizes", "one", "greater than 0"),
    ("pricer.buy_margins", "10000", "between -10000 and 10000"),
    ("pricer.sell_margins", "a", "numbers of bps"),
    ("pricer.source_aggregation", "VWAP", "must be one of BEST_AGGREGATED"),
    ("pricer.fx_aggregation", "MID_PT", "must be one of BBO"),
    ("pricer.min_price_change", "-1", "0 to below 10000 bps"),
    ("pricer.min_size_change", "10000", "0 to below 10000 bps"),
    ("pricer.min_spread", "6 bps [130]", "between 0 and 100"),
    ("pricer.take_out", "0 bps", "greater than 0"),
    ("pricer.bid_price_factor", "0", "greater than 0"),
    ("pricer.ask_price_factor", "-1", "greater than 0"),
    ("pricer.max_bid", "0", "greater than 0"),
    ("pricer.min_ask", "-5", "greater than 0"),
    ("pricer.aggressive_mode", "yes", "true or false"),
    ("pricer.running", 1, "true or false"),
    ("hedger.position_max_norm_size", "0 1", "not greater than the max"),
    ("hedger.hedge_strategy", "MARKET", "must be one of LIMIT"),
    ("hedger.execution_style", None, "must be one of LEAN, PASSIVE, CROSS_MARKET"),
    ("hedger.venues_list", None, "one exchange at least"),
    ("hedger.max_order_size", "-1", "must not be negative"),
    ("hedger.resend_time", 5, "a whole number of 10 to 3600000"),
    ("hedger.hedge_instrument", "", "one instrument"),
    ("hedger.max_offset", "-1 bps", "must not be negative"),
    ("hedger.hedge_qty_factor", "0", "must not be 0"),
    ("hedger.max_bid", "x", "must be a number"),
    ("hedger.min_ask", 0, "greater than 0"),
    ("hedger.custom_order_parameters", "leverage", "pairs such as"),
    ("hedger.running", "off", "true or false"),
    ("risk_limits.max_long_exposure", -1, "must not be negative"),
    ("risk_limits.max_short_exposure", "all", "must be a number"),
    ("risk_limits.max_quoter_position_size", "-1", "must not be negative"),
    ("risk_limits.max_hedger_position_size", "NaN", "must be a number"),
    ("risk_limits.min_buy_quote_active_time", "0.5", "a whole number of 0 to 3600000"),
    ("risk_limits.min_sell_quote_active_time", -1, "a whole number of 0 to 3600000"),
    ("risk_limits.max_day_loss", "-1", "must not be negative"),
    ("risk_limits.max_drawdown", "-1", "must not be negative"),
    ("risk_limits.on_day_loss", "go on", "must be one of stop, reduce"),
]


def sent_as(path: str, sent: Any) -> dict[str, Any]:
    return changed(BTCUSD, **{path.replace(".", "__"): sent})


def faults(sections: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        SpotBot.parse(sections)
    return refused.value.faults


def test_the_tables_below_have_every_field() -> None:
    fields = {f"{name}.{field}" for name, model in SECTIONS.items() for field in model.model_fields}
    assert {path for path, *_ in MEANT} | {"instrument.fx_leg"} == fields
    assert {path for path, *_ in REFUSED} == fields


@pytest.mark.parametrize(("path", "sent", "meant"), MEANT, ids=[f"{path}={sent}" for path, sent, _ in MEANT])
def test_a_field_means_what_the_source_says(path: str, sent: Any, meant: Any) -> None:
    section, _, field = path.partition(".")
    found = getattr(getattr(SpotBot.parse(sent_as(path, sent)), section), field)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(("path", "sent", "rule"), REFUSED, ids=[path for path, *_ in REFUSED])
def test_a_field_that_cannot_be_names_itself_the_rule_and_what_was_sent(path: str, sent: Any, rule: str) -> None:
    (fault,) = faults(sent_as(path, sent))
    field, _, said = fault.partition(": ")
    assert field == path
    assert rule in said
    if path != "instrument.account":
        assert f"is {sent!r}"[:80] in said


@pytest.mark.parametrize("path", [path for path, *_ in REFUSED if not path.endswith(("running", "aggressive_mode"))])
def test_no_field_takes_a_switch_for_a_figure(path: str) -> None:
    (fault,) = faults(sent_as(path, True))
    assert fault.startswith(f"{path}: must not be true or false")


def test_every_fault_of_every_section_is_named_at_once() -> None:
    sections: dict[str, Any] = {}
    for path, sent, _ in REFUSED:
        section, _, field = path.partition(".")
        sections.setdefault(section, {})[field] = sent
    assert {fault.partition(":")[0] for fault in faults(sections)} == {path for path, *_ in REFUSED}


@pytest.mark.parametrize("path", ["instrument.running", "pricer.algo_id", "hedger.surprise", "risk_limits.algo_key"])
def test_what_is_no_field_of_a_section_is_refused(path: str) -> None:
    (fault,) = faults(sent_as(path, 3))
    assert fault == f"{path}: Extra inputs are not permitted"


@pytest.mark.parametrize("path", ["instrument.instrument", "instrument.exchange", "instrument.source_exchange"])
def test_what_must_be_there_is_named_when_it_is_missing(path: str) -> None:
    sections = changed(BTCUSD)
    section, _, field = path.partition(".")
    del sections[section][field]
    assert faults(sections) == (f"{path}: Field required",)


def test_the_aggregation_may_have_its_name_of_before() -> None:
    sections = changed(BTCUSD, pricer__aggregation_method="MID_PT")
    assert faults(sections) == ("pricer.aggregation_method: Extra inputs are not permitted",), "not both names"
    del sections["pricer"]["source_aggregation"]
    assert SpotBot.parse(sections).pricer.source_aggregation is SourceAggregation.MID_PT


def test_without_an_underlying_the_instrument_itself_is_looked_up() -> None:
    instrument = SpotBot.parse(BTCUSD).instrument
    assert (instrument.underlying, instrument.fx_exchanges) == ("BTCUSD", ())


def test_fx_is_looked_up_at_the_source_exchanges_unless_it_says_where() -> None:
    assert SpotBot.parse(BTCJPY).instrument.fx_exchanges == ("KRAKEN",)
    elsewhere = changed(BTCJPY, instrument__fx_exchange="BINANCE COINBASE")
    assert SpotBot.parse(elsewhere).instrument.fx_exchanges == ("BINANCE", "COINBASE")


@pytest.mark.parametrize(("margins", "meant"), [("1 2 3 4 5", (1, 2, 3, 4, 5)), ("7", (7,) * 5), (None, (0,) * 5)])
def test_each_size_has_a_margin(margins: str | None, meant: tuple[int, ...]) -> None:
    pricer = SpotBot.parse(changed(BTCUSD, pricer__buy_margins=margins, pricer__sell_margins=margins)).pricer
    assert pricer.buy_margins_bps == pricer.sell_margins_bps == meant
