"""The runbook has a row for every kind of alert and every reason of a halt that a service raises."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.contract.documented import ROOT

LEVEL = "AlertLevel"
OF_A_VENUE = "notices.alert"
"""Adds the venue's name to the kind: `undecided_degen`."""
RAISING = {"fault", "_fault", "rounds", "halt"}
"""Functions that raise an alert or a halt under a word they are given."""
WORD = re.compile(r"[a-z]+(_[a-z]+)*")
NOT_KINDS = {"platform", "watchdog", "global"}
"""Who or what an alert or halt is about."""


def product_code() -> Iterator[Path]:
    services = ("feed", "pricer", "quoter", "risk", "gateway")
    for package in (*(ROOT / f"services/{name}/{name}" for name in services), ROOT / "libs/common/common"):
        yield from (path for path in package.rglob("*.py") if "testing" not in path.parts)


def raised_in(tree: ast.AST) -> Iterator[str]:
    """Yield the kinds of alerts and reasons of halts that are written out in a module."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = ast.unparse(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg in ("level", "kind"))]
        words = [each.value for each in given if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        words = [word for word in words if WORD.fullmatch(word) and word not in NOT_KINDS]
        if function.endswith(OF_A_VENUE):
            yield from (f"{word}_…" for word in words)
        elif function.rpartition(".")[2] in RAISING or any(LEVEL in ast.unparse(each) for each in given):
            yield from words


def test_every_kind_of_alert_and_reason_of_a_halt_has_a_row_in_the_runbook() -> None:
    runbook = (ROOT / "docs/runbook.md").read_text("utf-8")
    raised = {word for path in product_code() for word in raised_in(ast.parse(path.read_text("utf-8")))}
    assert {"orders_left", "feed_stale", "undecided_…", "bad_row", "recovery_stuck", "fill_refused"} <= raised
    assert sorted(word for word in raised if not re.search(rf"`([^`]* )?{word}`", runbook)) == []
