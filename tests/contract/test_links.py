"""Links between the guides lead to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.documented import ROOT

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def guides() -> list[Path]:
    return sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("services/*/README.md")])


def anchor_of(heading: str) -> str:
    """Return the anchor that a heading gets where guides are shown: lower case, dashes, no punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_in(text: str) -> set[str]:
    return {anchor_of(line.lstrip("#").strip()) for line in text.splitlines() if line.startswith("#")}


def faults_of(guide: Path) -> Iterator[str]:
    for link in _LINK.findall(guide.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        if not target.exists():
            yield f"{link}: no such file"
        elif anchor and anchor not in anchors_in(target.read_text("utf-8")):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("guide", guides(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_guide_leads_somewhere(guide: Path) -> None:
    assert list(faults_of(guide)) == []


def test_a_link_to_a_missing_file_or_heading_is_a_fault(tmp_path: Path) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("# Halt, lift\n[a](#halt-lift) [b](#cancel) [c](gone.md) [d](https://example.org/x)\n")
    assert list(faults_of(guide)) == ["#cancel: no such heading", "gone.md: no such file"]
