"""Every requirement on the C2 API has a test of its name.

The rows are those of the companion to the source document: A how a connection begins, lives and ends, T the topics, I
the places where the source contradicts itself, S2_2 what a known program depends on, and each object, word list and
configuration by its name. A test shows a row when its name holds it behind `c2_`: `test_c2_a3_a4_...`,
`test_c2_dto_alert_...`, `test_c2_t2_s2_2_7_...`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "tests")

DTOS = (
    *("l2_entry", "l2_package", "trading_statistics", "risk_statistics", "alert"),
    *("order", "trade", "balance", "config_update"),
)
ENUMS = (
    *("l2_action", "l2_package_type", "l2_side", "order_side", "action_type", "config_type"),
    *("source_aggregation", "fx_aggregation", "hedge_strategy", "execution_style", "algo_key"),
    *("alert_level", "initiator", "order_type", "time_in_force", "order_status"),
)
CONFIGS = (
    *("instrument", "pricer", "hedger", "risk_limits"),
    *("risk", "risk_currency", "currency_risk_limits", "risk_hedger"),
)
ROWS = frozenset(
    {
        *(f"a{number}" for number in range(1, 13)),
        *(f"t{number}" for number in range(1, 13)),
        # I16 is a caption that was copied with its table: there is nothing to do about it.
        *(f"i{number}" for number in range(1, 19) if number != 16),
        *(f"s2_2_{number}" for number in range(1, 9)),
        *(f"dto_{name}" for name in DTOS),
        *(f"enum_{name}" for name in ENUMS),
        *(f"config_{name}" for name in CONFIGS),
    }
)
# Where one name begins another, as risk does risk_limits, the longer one is meant.
_NAMED = "|".join(sorted((row for row in ROWS if "_" in row and not row.startswith("s")), key=len, reverse=True))
_ROW = re.compile(rf"(s\d_\d_\d+|{_NAMED}|[ait]\d+)_")


@cache
def names() -> frozenset[str]:
    """Return the names of all tests about C2."""
    return frozenset(
        node.name
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("test_*.py")
        if "tests" in path.relative_to(ROOT).parts and "node_modules" not in path.parts
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_c2_")
    )


def rows_of(name: str) -> set[str]:
    """Return the rows a test names. `rows_of("test_c2_a3_a4_who_is_denied") == {"a3", "a4"}`."""
    rows: set[str] = set()
    left = name.removeprefix("test_c2_") + "_"
    while found := _ROW.match(left):
        rows.add(found[1])
        left = left[found.end() :]
    return rows


def shown() -> set[str]:
    return set().union(*(rows_of(name) for name in names()))


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_requirement_on_c2_has_a_test_of_its_name(row: str) -> None:
    assert row in shown(), f"no test is named test_c2_{row}_..."


def test_no_test_names_a_requirement_on_c2_that_does_not_exist() -> None:
    # Those of the protocol itself, s3_1, are rules and not rows.
    assert {row for row in shown() if not row.startswith(("s1_", "s3_"))} <= ROWS


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("test_c2_a3_a4_who_is_denied", {"a3", "a4"}),
        ("test_c2_t2_s2_2_7_books", {"t2", "s2_2_7"}),
        ("test_c2_config_risk_i10_never_reset", {"config_risk", "i10"}),
        ("test_c2_config_risk_limits_is_read", {"config_risk_limits"}),
        ("test_c2_dto_l2_package_dto_l2_entry_are_read", {"dto_l2_package", "dto_l2_entry"}),
        ("test_c2_enum_execution_style", {"enum_execution_style"}),
        ("test_c2_s3_1_escapes", set()),
        ("test_c2_what_is_read", set()),
    ],
)
def test_a_row_of_c2_is_read_out_of_a_name(name: str, rows: set[str]) -> None:
    assert rows_of(name) == rows
