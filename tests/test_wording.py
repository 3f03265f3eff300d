"""What people read is plain English of the trade: pages, guides, and every text that code shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GLOSSARY = ROOT / "docs/glossary.md"
INSTEAD = {
    r"asks? the venue (that|until) n|none rests|nothing of ours rests": "no orders remain open",
    r"hears everything": "read-only",
    r"as last door": "the pre-trade check",
    r"\b(the|source's|first) sketch\b": "the original script",
    r"\bfor ever\b": "forever",
    r"whose time has come": "due",
    r"\b(is|are) told of\b": "reported",
    r"\b(people|everybody|nobody|a person) (is|are) told\b": "alerted",
    r"\bvoices? (of|from) the past\b": "superseded senders",
    r"\bso many\b": "the number",
    r"\bfor want of\b": "for lack of",
    r"\breckon(s|ed|ing)?\b": "compute",
    r"\brests? by (its|their) own word\b": "is open by its own status",
    r"\bwhose money\b": "whose account",
    r"\bthose who come\b": "takers",
}
"""Turns of phrase that read as translated, and what a trader says; phrases word for word are in the glossary."""


def pages() -> list[Path]:
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("services/*/README.md")]
    return sorted([*texts, *(ROOT / "services/gateway/gateway/web").iterdir()])


def code() -> list[Path]:
    found = (path for place in ("libs", "services") for path in ROOT.glob(f"{place}/*/[a-z]*/**/*.py"))
    return sorted(path for path in found if "tests" not in path.parts)


def shown_texts(tree: ast.AST) -> Iterator[str]:
    """Yield the texts of a module that may reach a person: all but docstrings."""
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained:
            yield node.value


def explanations(source: str) -> Iterator[str]:
    """Yield what a module explains to its readers: docstrings, and comments, those of lines in a row together."""
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    block: list[str] = []
    for line in source.splitlines():
        # Two spaces stand before a comment behind code, and hardly ever before a # of a text.
        comment = re.search(r"(?:^ *|  )# (.*)", line)
        if comment:
            block.append(comment[1])
        elif block:
            yield " ".join(block)
            block = []
    yield " ".join(block)


@cache
def tree_of(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def refused() -> Mapping[str, str]:
    """Return the phrases that nobody should read, as patterns, each with what to say."""
    return {
        **INSTEAD,
        **{rf"\b{re.escape(phrase.lower())}\b": word for phrase, word in not_called(r'"([^"]+)"').items()},
    }


def objections(text: str) -> list[str]:
    """Return what a text should not say, each with what it should."""
    # In lower case, for Python looks for a text whose case it must ignore ten times as long.
    plain = " ".join(text.lower().split())
    found = ((re.search(phrase, plain), better) for phrase, better in refused().items())
    return [f"{match[0]!r}: say {better!r}" for match, better in found if match]


def not_called(marked: str) -> dict[str, str]:
    """Return what is marked so in the glossary's column of what a thing is not called, each with its word."""
    lines = [line for line in GLOSSARY.read_text("utf-8").splitlines() if line.startswith("| ")]
    rows = [re.split(r"(?<!\\)\|", line) for line in lines]
    return {name: row[1].strip() for row in rows for name in re.findall(marked, row[3])}


def retired_names() -> dict[str, str]:
    """Return the names that the glossary says are not used any more, each with its word."""
    return not_called(r"`(\w+)`")


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yield every name that a module defines, uses or imports."""
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg", "asname"):
            name = getattr(node, field, None)
            if isinstance(name, str):
                yield name


def test_r57_no_name_is_used_that_the_glossary_has_retired() -> None:
    retired = retired_names()
    assert "Shelf" in retired
    found = {
        path.relative_to(ROOT).as_posix(): wrong
        for path in code()
        if (wrong := {name: retired[name] for name in names_in(tree_of(path.read_text("utf-8"))) if name in retired})
    }
    assert found == {}


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_r57_pages_and_guides_speak_plain_english_of_the_trade(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert objections(re.sub(r'"[^"]+"', "", text) if path == GLOSSARY else text) == []


def test_r57_alerts_reasons_and_help_texts_do_too() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): wrong
        for path in code()
        if (wrong := [each for text in shown_texts(tree_of(path.read_text("utf-8"))) for each in objections(text)])
    }
    assert found == {}


def test_docstrings_and_comments_do_too() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): wrong
        for path in code()
        # One search for all of a module: a phrase does not go on behind the end of a text.
        if (wrong := objections(" ¶ ".join(explanations(path.read_text("utf-8")))))
    }
    assert found == {}


@pytest.mark.parametrize("path", sorted((ROOT / "bench").glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_what_a_benchmark_says_of_itself_does_too(path: Path) -> None:
    assert objections(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "") == []


def test_a_phrase_that_the_glossary_quotes_is_refused() -> None:
    assert objections("It passes\nthe last door.") == ["'the last door': say 'pre-trade check'"]
    assert objections("the last doorstep") == []


def test_comments_of_lines_in_a_row_are_read_together() -> None:
    source = '"""Words."""\n# asks the venue that\n# none rests\n\nx = 1  # for\ny = 2\nz = 3  # ever\n'
    assert list(explanations(source)) == ["Words.", "asks the venue that none rests", "for", "ever"]


def test_r57_a_phrase_is_found_across_a_line_break() -> None:
    assert objections("Ctrl-C asks the venue that\nnone rests") != []
    assert objections("confirms with the venue that no orders remain open") == []
