"""Every requirement on the binary market maker, and every fault found on the running platform, has a test of its name.

The rows are those of the companion to the original script (A the trader's notes, B the faults to be built right, F
the improvements, and the sections of the script itself) and R, the faults that attackers, traders and newcomers
found. A test shows a row when its name holds it: `test_b13_...`, `test_a1_a2_...`, `test_s1_4_...`, `test_r20_...`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("libs", "services", "tests", "bench")

ROWS = [
    *(f"a{number}" for number in range(1, 7)),
    *(f"b{number}" for number in range(1, 33)),
    # F7, backtesting on recorded days, is a work of its own.
    *(f"f{number}" for number in range(1, 7)),
    *(f"s1_{number}" for number in range(2, 12)),
    # The faults, numbered by chapter: money and orders, stops, containers, words, trading, recovery and security.
    *(f"r{number}" for number in (*range(1, 15), *range(20, 32), *range(40, 45), *range(50, 58))),
    *(f"r{number}" for number in (*range(60, 69), *range(70, 84))),
]
# Faults that another piece of work mends at their root, and why; the list may only shrink.
DEFERRED = {
    "r40": "secrets and volumes per container come with the containers' hardening",
    "r41": "read-only roots, limits and tags come with the containers' hardening",
    "r42": "light probes come with the containers' hardening",
    "r43": "profiles, port variables and a remote command line come with the containers' hardening",
    "r44": "the manifests come with the containers' hardening",
    "r55": "schemas, paging and times of the REST API come with the dashboard",
    "r56": "the page's layout, contrast and ladders come with the dashboard",
}
# Rows that are still being built: each leaves with its first test, and the list may only shrink.
NOT_YET: frozenset[str] = frozenset(DEFERRED)


@cache
def names() -> dict[str, list[str]]:
    """Return the names of all tests that pytest would collect, with the files they are in."""
    found: dict[str, list[str]] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("test_*.py")):
            parts = path.relative_to(ROOT).parts
            if "tests" not in parts or "node_modules" in parts:
                continue
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                    found.setdefault(node.name, []).append("/".join(parts))
    return found


def rows_of(name: str) -> set[str]:
    """Return the rows a test names. `rows_of("test_a1_a2_spread_and_size") == {"a1", "a2"}`."""
    rows: set[str] = set()
    left = name.removeprefix("test_")
    while found := re.match(r"([abfr]\d+|s1_\d+)_", left):
        rows.add(found[1])
        left = left[found.end() :]
    return rows


def shown() -> set[str]:
    return set().union(*(rows_of(name) for name in names()))


@pytest.mark.parametrize("row", [row for row in ROWS if row not in NOT_YET])
def test_every_requirement_has_a_test_of_its_name(row: str) -> None:
    assert row in shown(), f"no test is named test_{row}_..."


def test_a_requirement_that_is_listed_as_missing_is_missing() -> None:
    assert set(ROWS) >= NOT_YET
    assert not NOT_YET & shown(), "these have tests: take them off the list"


def test_s1_10_each_improvement_the_sketch_left_for_the_future_has_a_test_outside_this_file() -> None:
    here = "/".join(Path(__file__).relative_to(ROOT).parts)
    found = {row for name, files in names().items() if files != [here] for row in rows_of(name)}
    improvements = {f"f{number}" for number in range(1, 7)}
    assert improvements - NOT_YET <= found


def test_no_test_names_a_requirement_that_does_not_exist() -> None:
    assert shown() <= set(ROWS) | {"f7"}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("test_b13_worst_case", {"b13"}),
        ("test_a1_a2_spread_and_size", {"a1", "a2"}),
        ("test_s1_4_the_worked_example", {"s1_4"}),
        ("test_b1_b13_both", {"b1", "b13"}),
        ("test_r20_r80_a_full_disk", {"r20", "r80"}),
        ("test_a_bid_is_lowered", set()),
        ("test_b1", set()),
        ("test_s1_45th_percentile", set()),
    ],
)
def test_a_row_is_read_out_of_a_name(name: str, rows: set[str]) -> None:
    assert rows_of(name) == rows
