"""Every command that README.md and docs/*.md show, as a person would type it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PROGRAMS = ("./mm", "curl", "python", "nats", "redis-cli", "docker", "export", "printf")
IN_BLOCKS_ONLY = ("streams", "alias")
"""Words of running text as well: a name that a page gives to a command, and what gives it."""
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMENT = re.compile(r"\s+#\s.*$")


class Documented(NamedTuple):
    """A command and the page that shows it first."""

    command: str
    page: str


def documented() -> list[Documented]:
    """Return every command once, in the order of the pages."""
    found: dict[str, str] = {}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for command in commands_in(path.read_text(encoding="utf-8")):
            found.setdefault(command, path.relative_to(ROOT).as_posix())
    return [Documented(command, page) for command, page in found.items()]


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands of a page: lines of code blocks without a language or in `sh`, and spans of code."""
    for language, body in _BLOCK.findall(text):
        if language in ("", "sh"):
            lines = (_COMMENT.sub("", line).strip() for line in body.splitlines())
            yield from (line for line in lines if _is_command(line) or line.split(" ", 1)[0] in IN_BLOCKS_ONLY)
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        command = span.strip()
        # A program that is only named is no command; of `mm` alone every use is one.
        if _is_command(command) and (command.startswith("./mm ") or " " in command):
            yield command


def _is_command(line: str) -> bool:
    return line.split(" ", 1)[0] in PROGRAMS
