"""Versions of other people's programs, as numbers that can be compared."""

from __future__ import annotations

import re

Version = tuple[int, int, int]


def version_in(text: str) -> Version | None:
    """Return the first version in a text such as 'nats-server: v2.15.1' or '2.16.0-RC.1'; None when there is none."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def text_of(version: Version) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))
