"""Every halt that a service calls cancels what rests: nobody builds one that forgets to."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def halts_built() -> dict[str, set[str]]:
    """Return the members given in each call of `Halt(...)` in the services, by file and line."""
    found = {}
    for path in sorted((ROOT / "services").rglob("*.py")):
        parts = path.relative_to(ROOT).parts
        if "tests" in parts or "node_modules" in parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Halt":
                found[f"{'/'.join(parts)}:{node.lineno}"] = {each.arg for each in node.keywords if each.arg}
    return found


def test_r13_every_halt_of_a_service_cancels_and_every_other_is_a_lift() -> None:
    built = halts_built()
    assert len(built) >= 5, "the quoter's two, risk's, the pricer's, the gateway's"
    assert [where for where, members in built.items() if not members & {"cancels", "lifted"}] == []


def test_r13_only_a_person_may_keep_what_rests() -> None:
    keeping = [where for where, members in halts_built().items() if "keep_resting" in members]
    assert {where.partition(":")[0] for where in keeping} == {
        "services/gateway/gateway/api/routes/halts.py",
        "services/quoter/quoter/views/commands.py",
    }
