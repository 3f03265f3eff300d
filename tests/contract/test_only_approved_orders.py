"""Only what the pre-trade check has approved can be placed: who makes an `Approved`, a `Placement`, and who sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKS = "libs/common/common/pretrade/checks.py"
BATCH = "services/quoter/quoter/trading/batch.py"
RECALLS = "services/quoter/quoter/venues/polymarket/orders.py"
"""Writes a predecessor's order once more to find it at the venue by its name; nothing of it is sent."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield every call in what runs for a user, by the file it stands in."""
    for folder in ("libs/common/common", "services/quoter/quoter"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "testing" not in path.parts:
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Call):
                        yield str(path.relative_to(ROOT)), node


def makers(name: str) -> set[str]:
    return {path for path, call in calls() if isinstance(call.func, ast.Name) and call.func.id == name}


def test_the_check_alone_approves() -> None:
    assert makers("Approved") == {CHECKS}


def test_the_batch_alone_makes_what_is_sent_of_what_was_approved() -> None:
    assert makers("Placement") == {BATCH, RECALLS}
    assert not [path for path, call in calls() if path == RECALLS and _sends_orders(call)]


def test_everybody_but_the_batch_only_sends_cancels() -> None:
    assert {path for path, call in calls() if _sends_orders(call)} == {BATCH}


def _sends_orders(call: ast.Call) -> bool:
    """Say whether a call is a session's `send(cancels, placements, now_ns)` with anything to place."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "send" or len(call.args) != 3:
        return False
    placements = call.args[1]
    return not (isinstance(placements, ast.List) and not placements.elts)
