"""Limits: never missing without meaning 'may not trade', never unlimited."""

from __future__ import annotations

from decimal import Decimal
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from common.bots import BinaryBot, Inventory, RiskLimits
from common.errors import ConfigError
from hypothesis import given
from hypothesis import strategies as st
from risk.monitoring.limits import limits_of, parse_platform_limits
from risk.monitoring.report import view_of
from risk.testing.events import PLATFORM_LIMITS, a_config
from risk.wiring import LIMITS_FILE, read_platform_limits

CONFIG_DIR = Path(__file__).parents[4] / "config"
# Field of BotLimits, of RiskLimits.
FALLBACKS = {
    "max_net_lots": "max_net",
    "max_order_lots": "max_order",
    "max_open_orders": "max_open_orders",
    "max_messages_per_s": "max_messages_per_s",
    "min_spread": "min_spread",
    "price_collar": "price_collar",
    "max_daily_loss": "max_daily_loss",
    "max_drawdown": "max_drawdown",
    "max_order_notional": "max_order_notional",
    "max_notional": "max_notional",
    "book_collar": "book_collar",
    "quotes.max_bid": "max_bid",
    "quotes.min_ask": "min_ask",
    "quotes.max_side_orders": "max_side_orders",
    "quotes.min_life_ms": "min_quote_life_ms",
    "conduct.max_cancels_per_s": "max_cancels_per_s",
    "conduct.max_orders_per_fill": "max_orders_per_fill",
}
PLATFORM_NAMES = {ours: ours for ours in FALLBACKS} | {
    ours: theirs for ours, theirs in FALLBACKS.items() if "." in ours
}


def a_bot(**limits: Any) -> BinaryBot:
    instrument = {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}}
    return BinaryBot.model_validate({"instrument": instrument, "risk_limits": limits})


@pytest.mark.parametrize(("ours", "theirs"), FALLBACKS.items())
def test_a_zero_falls_back_to_the_platforms_limit(ours: str, theirs: str) -> None:
    limits = limits_of(a_bot(**{theirs: 0}), PLATFORM_LIMITS)
    assert limits is not None
    assert attrgetter(ours)(limits) == getattr(PLATFORM_LIMITS, PLATFORM_NAMES[ours]) > 0


@pytest.mark.parametrize(("ours", "theirs"), [each for each in FALLBACKS.items() if each[1] != "min_spread"])
def test_a_null_falls_back_to_the_platforms_limit(ours: str, theirs: str) -> None:
    limits = limits_of(a_bot(**{theirs: None}), PLATFORM_LIMITS)
    assert limits is not None
    assert attrgetter(ours)(limits) == getattr(PLATFORM_LIMITS, PLATFORM_NAMES[ours])


def test_a_bots_own_limits_hold_where_it_states_them() -> None:
    own: dict[str, Any] = {
        "max_net": 5,
        "max_order": 6,
        "max_open_orders": 7,
        "max_messages_per_s": 8,
        "min_spread": 0.09,
    }
    own |= {"price_collar": 0.11, "max_daily_loss": "12.5", "max_drawdown": "3.5", "max_order_notional": 10}
    own |= {"max_notional": 11, "book_collar": 0.12, "max_bid": 0.8, "min_ask": 0.2, "max_side_orders": 13}
    own |= {"min_quote_life_ms": 14, "max_cancels_per_s": 15, "max_orders_per_fill": 16}
    limits = limits_of(a_bot(**own), PLATFORM_LIMITS)
    assert limits is not None
    assert {name: attrgetter(name)(limits) for name in FALLBACKS} == {
        "max_net_lots": 5,
        "max_order_lots": 6,
        "max_open_orders": 7,
        "max_messages_per_s": 8,
        "min_spread": 0.09,
        "price_collar": 0.11,
        "max_daily_loss": Decimal("12.5"),
        "max_drawdown": Decimal("3.5"),
        "max_order_notional": 10,
        "max_notional": 11,
        "book_collar": 0.12,
        "quotes.max_bid": 0.8,
        "quotes.min_ask": 0.2,
        "quotes.max_side_orders": 13,
        "quotes.min_life_ms": 14,
        "conduct.max_cancels_per_s": 15,
        "conduct.max_orders_per_fill": 16,
    }
    assert limits.max_account_notional == PLATFORM_LIMITS.max_account_notional


def test_no_bot_holds_more_than_the_platform_allows() -> None:
    bot = a_bot().model_copy(update={"inventory": Inventory(max_position=1_000_000)})
    limits = limits_of(bot, PLATFORM_LIMITS)
    assert limits is not None
    assert limits.max_position_lots == PLATFORM_LIMITS.max_position_lots


def test_without_risk_limits_there_are_no_limits() -> None:
    view = view_of(a_config(risk_limits=None), PLATFORM_LIMITS)
    assert view is not None
    assert (view.limits, view.fault) == (None, "")


@given(
    limits=st.builds(
        RiskLimits,
        max_daily_loss=st.none() | st.decimals(0, 10_000, places=2),
        min_spread=st.floats(0, 0.5),
        max_net=st.none() | st.integers(0, 10_000),
        max_order=st.none() | st.integers(0, 10_000),
        max_open_orders=st.none() | st.integers(0, 1_000),
        max_messages_per_s=st.none() | st.integers(0, 1_000),
        price_collar=st.none() | st.floats(0, 0.9),
    ),
    max_position=st.integers(1, 10_000_000),
)
def test_whatever_a_bot_states_every_limit_is_a_positive_bound(limits: RiskLimits, max_position: int) -> None:
    bot = a_bot().model_copy(update={"risk_limits": limits, "inventory": Inventory(max_position=max_position)})
    made = limits_of(bot, PLATFORM_LIMITS)
    assert made is not None
    figures = [made, made.quotes, made.conduct]
    stated = [getattr(each, name) for each in figures for name in each.__struct_fields__]
    assert all(figure > 0 for figure in stated if figure not in (made.quotes, made.conduct))


def test_the_built_in_limits_are_complete_and_reach_a_bot_of_the_demo() -> None:
    platform = read_platform_limits(CONFIG_DIR / LIMITS_FILE)
    view = view_of(a_config(), platform)
    assert view is not None
    limits = view.limits
    assert limits is not None
    assert (limits.max_daily_loss, limits.max_net_lots) == (Decimal(100), platform.max_net_lots)


@pytest.mark.parametrize("name", type(PLATFORM_LIMITS).model_fields)
@pytest.mark.parametrize("fault", ["missing", 0, None, "much", -1])
def test_a_platform_limit_that_is_no_bound_is_refused_by_name(name: str, fault: object) -> None:
    if (name, fault) == ("min_quote_life_ms", 0):
        fault = 60_001
    document = PLATFORM_LIMITS.model_dump(mode="json")
    if fault == "missing":
        del document[name]
    else:
        document[name] = fault
    with pytest.raises(ConfigError) as refused:
        parse_platform_limits(document)
    assert [each.startswith(f"{name}: ") for each in refused.value.faults] == [True]


def test_an_unknown_platform_limit_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="max_nett"):
        parse_platform_limits(PLATFORM_LIMITS.model_dump() | {"max_nett": 1})


@pytest.mark.parametrize(
    ("text", "word"),
    [("[limits", "risk.toml"), ("[other]", "must hold one table"), ("[limits]\nmin_spread = 0", "limits.min_spread")],
)
def test_a_limits_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / LIMITS_FILE
    path.write_text(text)
    with pytest.raises(ConfigError, match=word):
        read_platform_limits(path)


def test_a_missing_limits_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: FileNotFoundError"):
        read_platform_limits(tmp_path / LIMITS_FILE)
