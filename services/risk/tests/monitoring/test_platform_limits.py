"""The platform-wide limits: each figure given and positive, by kind of instrument, and old files as they were meant."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from common.errors import ConfigError
from common.events import BinaryLimits, CommonLimits, NotionalLimits
from risk.monitoring.platform_limits import parse_platform_limits
from risk.monitoring.report import view_of
from risk.testing.events import PLATFORM_LIMITS, a_config
from risk.wiring import LIMITS_FILE, read_platform_limits

CONFIG_DIR = Path(__file__).parents[4] / "config"
BEFORE_KINDS = Path(__file__).with_name("fixtures") / "before_kinds.toml"
DOCUMENT = PLATFORM_LIMITS.model_dump(mode="json", exclude_none=True)
BEFORE = {name: found for name, found in DOCUMENT.items() if name not in ("binary", "spot")} | DOCUMENT["binary"]
"""The form of before limits had kinds: one table."""


def fields_of(document: dict[str, Any], path: str = "") -> list[str]:
    """Return the path of every figure of a document, `spot.positions.BTC.max_order`."""
    found = []
    for name, value in document.items():
        found += fields_of(value, f"{path}{name}.") if isinstance(value, dict) else [f"{path}{name}"]
    return found


def with_fault(document: dict[str, Any], path: str, fault: object) -> dict[str, Any]:
    """Return a copy in which one figure is missing or another."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    table, (*tables, name) = made, path.split(".")
    for each in tables:
        table = table[each]
    if fault == "missing":
        del table[name]
    else:
        table[name] = fault
    return made


@pytest.mark.parametrize("path", fields_of(DOCUMENT))
@pytest.mark.parametrize("fault", ["missing", 0, None, "much", -1])
def test_a_platform_limit_that_is_no_bound_is_refused_by_name(path: str, fault: object) -> None:
    if (path, fault) == ("min_quote_life_ms", 0):
        fault = 60_001
    with pytest.raises(ConfigError) as refused:
        parse_platform_limits(with_fault(DOCUMENT, path, fault))
    assert {each.startswith((f"{path}: ", f"{path}.")) for each in refused.value.faults} == {True}


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("fault", ["missing", 0])
def test_so_it_is_in_the_form_of_before_kinds(name: str, fault: object) -> None:
    if (name, fault) == ("min_quote_life_ms", 0):
        fault = 60_001
    with pytest.raises(ConfigError) as refused:
        parse_platform_limits(with_fault(BEFORE, name, fault))
    assert [each.split(":")[0] for each in refused.value.faults] == [name]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"max_nett": 1}, "max_nett: Extra inputs are not permitted"),
        ({"binary": DOCUMENT["binary"] | {"max_nett": 1}}, "binary.max_nett: Extra inputs are not permitted"),
        ({"max_bid": 0.9}, "max_bid: belongs into the table binary, leave it out here"),
        ({"spot": DOCUMENT["spot"] | {"positions": {}}}, "spot.positions: Dictionary should have at least 1 item"),
    ],
)
def test_what_stands_where_nothing_should_is_refused_by_name(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        parse_platform_limits(DOCUMENT | change)


def test_a_document_of_before_kinds_means_what_it_meant_and_has_no_spot() -> None:
    found = parse_platform_limits(BEFORE)
    assert found == PLATFORM_LIMITS.model_copy(update={"spot": None})


def test_the_file_of_before_kinds_gives_a_bot_the_limits_it_gave() -> None:
    view = view_of(a_config(risk_limits={}), read_platform_limits(BEFORE_KINDS))
    assert view is not None
    assert view.limits is not None
    assert view.limits.common == CommonLimits(
        max_open_orders=200,
        max_side_orders=20,
        max_messages_per_s=500,
        max_cancels_per_s=250,
        max_orders_per_fill=1_000_000,
        min_quote_life_ms=0,
        max_daily_loss=Decimal(1_000),
        max_drawdown=Decimal(1_000),
        notional=NotionalLimits(1_000.0, 20_000.0, 50_000.0),
    )
    assert view.limits.kinds == [
        BinaryLimits(
            max_position_lots=1_000,
            max_net_lots=1_000,
            max_order_lots=1_000,
            min_spread=0.02,
            price_collar=0.25,
            book_collar=0.30,
            max_bid=0.99,
            min_ask=0.01,
        )
    ]


def test_our_own_file_says_of_binary_what_it_said_before_kinds() -> None:
    now, before = read_platform_limits(CONFIG_DIR / LIMITS_FILE), read_platform_limits(BEFORE_KINDS)
    assert now.model_copy(update={"spot": None, "spot_bots": None}) == before
    assert now.spot is not None
    assert set(now.spot.positions) == {"BTC", "ETH", "SOL"}


def test_the_built_in_limits_are_complete_and_reach_a_bot_of_the_demo() -> None:
    platform = read_platform_limits(CONFIG_DIR / LIMITS_FILE)
    view = view_of(a_config(), platform)
    assert view is not None
    assert view.limits is not None
    assert view.limits.common.max_daily_loss == Decimal(100)


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
