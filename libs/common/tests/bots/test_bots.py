"""A bot's configuration: defaults that may trade, and every fault named with its field and rule."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from common.bots import KINDS, BinaryBot, Bot, parse_bot, sections_of, venue_and_account
from common.errors import ConfigError
from common.events import BotConfig
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

SMALLEST: dict[str, Any] = {
    "instrument": {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}},
}


def with_section(section: str, **fields: Any) -> dict[str, Any]:
    return {**SMALLEST, section: {**SMALLEST.get(section, {}), **fields}}


def faults(sections: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as refused:
        parse_bot("binary", sections)
    return refused.value.faults


def test_series_and_sources_are_enough_and_all_else_has_its_default() -> None:
    bot = BinaryBot.parse(SMALLEST)
    assert (bot.instrument.venue, bot.instrument.account) == ("degen", "mm1")
    assert bot.instrument.sources["BTC"][0].venue == "binance"
    assert bot.instrument.sources["BTC"][0].price == "mid"
    assert (bot.quoting.spread, bot.quoting.size, bot.quoting.levels) == (0.04, 100, 3)
    assert bot.pricing.interval_ms == 100


def test_a_bot_without_limits_has_none_rather_than_endless_ones() -> None:
    assert parse_bot("binary", SMALLEST).risk_limits is None
    limits = BinaryBot.parse({**SMALLEST, "risk_limits": {}}).risk_limits
    assert limits is not None
    assert limits.max_daily_loss is None, "the platform's"


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=f"kind: must be one of {', '.join(KINDS)}, is 'spto'"):
        parse_bot("spto", SMALLEST)


def test_b24_an_unknown_key_is_refused_with_its_whole_path() -> None:
    assert faults(with_section("quoting", sprad=0.02)) == ("quoting.sprad: Extra inputs are not permitted",)
    assert faults({**SMALLEST, "hedging": {}}) == ("hedging: Extra inputs are not permitted",)


def test_every_fault_is_named_at_once() -> None:
    found = faults(
        {
            "instrument": {"series": [], "sources": {"BTC": [{"venue": "", "symbol": "BTCUSDT"}]}},
            "quoting": {"spread": 0, "levels": 21},
            "inventory": {"max_position": 0},
            "pricing": {"interval_ms": "soon"},
            "risk_limits": {"max_daily_loss": "-1"},
        }
    )
    assert {fault.split(":")[0] for fault in found} == {
        "instrument.series",
        "instrument.sources.BTC.0.venue",
        "quoting.spread",
        "quoting.levels",
        "inventory.max_position",
        "pricing.interval_ms",
        "risk_limits.max_daily_loss",
    }
    assert "quoting.spread: Input should be greater than 0" in found
    assert "quoting.levels: Input should be less than or equal to 20" in found


@pytest.mark.parametrize(
    ("section", "fields", "rule"),
    [
        ("pricing", {"volatility_floor": 0.6}, "volatility_prior must lie between"),
        ("pricing", {"volatility_prior": 6.0}, "pricing.volatility_prior"),
        ("inventory", {"lean_until": 0.5, "aggressive_from": 0.4}, "aggressive_from must not be below lean_until"),
        (
            "inventory",
            {"close_threshold_s": 50, "reduce_only_s": 45},
            "reduce_only_s must not be below close_threshold_s",
        ),
    ],
)
def test_fields_that_contradict_each_other_are_refused_with_the_rule(
    section: str, fields: dict[str, Any], rule: str
) -> None:
    (fault,) = faults(with_section(section, **fields))
    assert fault.startswith(f"{section}")
    assert rule in fault


def number_fields() -> list[tuple[str, str]]:
    return [
        (section, name)
        for section, field in BinaryBot.model_fields.items()
        if isinstance(field.default, BaseModel)
        for name, inner in type(field.default).model_fields.items()
        if inner.annotation is float
    ]


@pytest.mark.parametrize(("section", "name"), number_fields())
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_refused(section: str, name: str, number: float) -> None:
    assert any(fault.startswith(f"{section}.{name}: ") for fault in faults(with_section(section, **{name: number})))


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*BinaryBot.model_fields, "other"]), documents, max_size=4))
def test_any_document_is_a_bot_or_a_list_of_faults(sections: dict[str, Any]) -> None:
    try:
        found: Bot | ConfigError = parse_bot("binary", sections)
    except ConfigError as error:
        found = error
    assert isinstance(found, Bot) or (found.faults and all(": " in fault for fault in found.faults))


def a_config(kind: str, sections: dict[str, Any]) -> BotConfig:
    return BotConfig(algo_id="1", kind=kind, revision=1, running=True, sections=sections, actor="admin", ts_ns=1)


def test_the_sections_of_a_configuration_event_are_the_bots() -> None:
    assert sections_of(a_config("binary", SMALLEST), (BinaryBot,)) == parse_bot("binary", SMALLEST)


@pytest.mark.parametrize("sections", [SMALLEST, {}, {"instrument": "degen"}])
def test_a_kind_that_is_not_served_has_no_sections_whatever_they_are(sections: dict[str, Any]) -> None:
    assert sections_of(a_config("spot", sections), (BinaryBot,)) is None


@pytest.mark.parametrize(
    ("sections", "found"),
    [
        (SMALLEST, ("degen", "mm1")),
        ({}, ("degen", "mm1")),
        ({"instrument": {"account": "mm2", "venue": "polymarket", "symbols": ["BTC/USD"]}}, ("polymarket", "mm2")),
        ({"instrument": {"account": "mm2"}, "quoting": 7}, ("degen", "mm2")),
        ({"instrument": {"account": 7}}, None),
        ({"instrument": ["mm2"]}, None),
    ],
)
def test_where_a_bot_trades_is_read_however_wrong_the_rest_is(
    sections: dict[str, Any], found: tuple[str, str] | None
) -> None:
    assert venue_and_account(a_config("unheard-of", sections)) == found


def test_every_bot_of_the_first_start_is_valid() -> None:
    path = Path(__file__).parents[4] / "config" / "bots.toml"
    bots = tomllib.loads(path.read_text())["bots"]
    assert bots
    for bot in bots:
        parse_bot(bot["kind"], bot["sections"])


def test_a1_an_override_changes_what_it_names_in_its_markets_and_nothing_else() -> None:
    bot = BinaryBot.parse(
        SMALLEST
        | {
            "quoting": {"spread": 0.05, "size": 80},
            "overrides": {
                "by_underlying": {"BTC": {"quoting": {"spread": 0.03}, "inventory": {"max_position": 500}}},
                "by_market": {"BTC-5M-1": {"quoting": {"size": 10}}},
            },
        },
    )
    assert bot.in_market("ETH", "ETH-5M-1") == bot
    here = bot.in_market("BTC", "BTC-5M-1")
    assert (here.quoting.spread, here.quoting.size, here.inventory.max_position) == (0.03, 10, 500)
    there = bot.in_market("BTC", "BTC-5M-2")
    assert (there.quoting.spread, there.quoting.size) == (0.03, 80)
    assert there.quoting.levels == bot.quoting.levels


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ({"quoting": {"spred": 0.1}}, "overrides.by_market.M: spred: Extra inputs are not permitted"),
        ({"quoting": {"spread": 2}}, "overrides.by_market.M: spread: Input should be less than 1"),
        ({"inventory": {"lean_until": 0.9}}, "aggressive_from must not be below lean_until"),
        ({"risk_limits": {}}, "Extra inputs are not permitted"),
    ],
)
def test_an_override_that_cannot_be_is_refused_with_its_place_field_and_rule(
    override: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_bot("binary", SMALLEST | {"overrides": {"by_market": {"M": override}}})
    assert any(said in fault for fault in refused.value.faults)
